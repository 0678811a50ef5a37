"""Models, consensus, memory, chat and sentiment. Model calls follow OpenTelemetry's GenAI conventions."""

from __future__ import annotations

from observatory_sdk.conventions.common import DECISION_ID, ERROR_TYPE, SERVER_ADDRESS
from observatory_sdk.conventions.model import (
    count,
    event,
    flag,
    money,
    number,
    ratio,
    seconds,
    span,
    span_event,
    text,
    texts,
)

OPERATION = text("gen_ai.operation.name", "What was asked of the model, such as `chat` or `embeddings`.")
PROVIDER = text("gen_ai.provider.name", "The provider, such as `openai`, `anthropic`, `gcp.gemini`.")
REQUEST_MODEL = text("gen_ai.request.model", "The model that was asked for.")
RESPONSE_MODEL = text("gen_ai.response.model", "The model that answered.")
RESPONSE_ID = text("gen_ai.response.id", "The provider's id of the answer.")
REQUEST_STREAM = flag("gen_ai.request.stream", "The answer was streamed.")
INPUT_TOKENS = count("gen_ai.usage.input_tokens", "Tokens in, cached ones included.", "{token}")
OUTPUT_TOKENS = count("gen_ai.usage.output_tokens", "Tokens out, reasoning included.", "{token}")
CACHE_READ_TOKENS = count(
    "gen_ai.usage.cache_read.input_tokens", "The part of the tokens in that came from the provider's cache.", "{token}"
)
CACHE_WRITE_TOKENS = count(
    "gen_ai.usage.cache_write.input_tokens", "The part of the tokens in that was written to the cache.", "{token}"
)
REASONING_TOKENS = count(
    "gen_ai.usage.reasoning.output_tokens", "The part of the tokens out spent on reasoning.", "{token}"
)
USAGE_ESTIMATED = flag("ai.usage.estimated", "The tokens were counted by us, not told by the provider.")
FINISH_REASONS = texts("gen_ai.response.finish_reasons", "Why the model stopped, one for each choice.")
TIME_TO_FIRST_CHUNK = seconds("gen_ai.response.time_to_first_chunk", "From the request to the first piece streamed.")
CONVERSATION_ID = text("gen_ai.conversation.id", "The conversation; never made up from a trace id.")
CONVERSATION_COMPACTED = flag("gen_ai.conversation.compacted", "Older turns were summed up or cut to fit.")
FALLBACK_FROM = text("ai.fallback.from", "The model that was wanted before this one stood in.")
FALLBACK_REASON = text("ai.fallback.reason", "Why another model stood in, such as `timeout` or `rate_limited`.")

CONSENSUS_DECISION = text("ai.consensus.decision", "What the models decided together, such as `buy`.")
CONSENSUS_CONFIDENCE = ratio("ai.consensus.confidence", "How sure the consensus is.")
CONSENSUS_AGREEMENT = ratio("ai.consensus.agreement_ratio", "Share of the models that voted for the decision.")
CONSENSUS_MODELS = texts("ai.consensus.models", "The models that were asked.")
VOTE_MODEL = text("ai.consensus.vote.model", "The model that voted.")
VOTE_DECISION = text("ai.consensus.vote.decision", "What it voted for.")
VOTE_CONFIDENCE = ratio("ai.consensus.vote.confidence", "How sure it was.")

OUTCOME_CORRECT = flag("ai.outcome.correct", "The decision turned out right.")
OUTCOME_RETURN = number("ai.outcome.return_ratio", "What came of the decision, as a share of what was staked.")
OUTCOME_PNL = money("ai.outcome.pnl_usd", "Profit or loss that came of the decision.")

MEMORY_HIT = flag("ai.memory.hit", "The look-up found something.")
MEMORY_RECORDS = count("gen_ai.memory.record.count", "Records found.", "{record}")
MEMORY_RETAINED = ratio("ai.memory.retained_ratio", "Share of the conversation's context that is still there.")
MEMORY_STORE = text("gen_ai.memory.store.id", "The store that was searched.")

CHAT_TURN = count("chat.turn.number", "Which turn of the conversation this is, from 1.")
CHAT_INTENT = text("chat.intent", "What the user wants, as understood.")
CHAT_CHANNEL = text("chat.channel", "Where the user writes, such as `web` or `telegram`.")
CHAT_RATING = number("chat.rating", "The user's rating, 1 to 5.", minimum=1, maximum=5)
CHAT_REASKED = flag("chat.re_asked", "The user asked the same again.")
CHAT_ABANDONED = flag("chat.abandoned", "The user left without an answer that helped.")
CHAT_ACTION = text("chat.action", "What was done for the user, such as `trade_confirmed`.")

EVALUATION_NAME = text("gen_ai.evaluation.name", "What is judged, such as `relevance`.")
EVALUATION_SCORE = number("gen_ai.evaluation.score.value", "The score.")
EVALUATION_LABEL = text("gen_ai.evaluation.score.label", "The score in a word, such as `pass`.")

SENTIMENT_SYMBOL = text("sentiment.symbol", "The asset or pair.")
SENTIMENT_SCORE = number("sentiment.score", "From -1, all bad, to 1, all good.", minimum=-1, maximum=1)
SENTIMENT_SOURCES = texts("sentiment.sources", "Where the opinions came from.")
SENTIMENT_OLDEST = seconds("sentiment.oldest_source_age_s", "Age of the oldest source used.")

MODEL_CALL = span(
    "gen_ai.client.inference",
    "One call of a model. The span is named by operation and model, as `chat gpt-5`.",
    "unified_ai_manager ai_consensus_engine debug_insight_generator dynamic_strategy_generator market_analysis_service",
    OPERATION,
    PROVIDER,
    REQUEST_MODEL,
    RESPONSE_MODEL,
    RESPONSE_ID,
    REQUEST_STREAM,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    REASONING_TOKENS,
    USAGE_ESTIMATED,
    FINISH_REASONS,
    TIME_TO_FIRST_CHUNK,
    CONVERSATION_ID,
    SERVER_ADDRESS,
    FALLBACK_FROM,
    FALLBACK_REASON,
)
CONSENSUS = span(
    "ai.consensus.decide",
    "Several models asked, one decision made.",
    "ai_consensus_engine",
    CONSENSUS_DECISION,
    CONSENSUS_CONFIDENCE,
    CONSENSUS_AGREEMENT,
    CONSENSUS_MODELS,
)
CONSENSUS_VOTE = span_event(
    "ai.consensus.vote", "What one model voted for.", "ai_consensus_engine", VOTE_MODEL, VOTE_DECISION, VOTE_CONFIDENCE
)
CONSENSUS_OUTCOME = event(
    "ai.consensus.outcome",
    "What came of an earlier decision.",
    "ai_consensus_engine",
    DECISION_ID,
    OUTCOME_CORRECT,
    OUTCOME_RETURN,
    OUTCOME_PNL,
)
MEMORY_LOOKUP = span(
    "search_memory",
    "A look into the memory of a conversation.",
    "chat_memory_service",
    OPERATION,
    PROVIDER,
    MEMORY_STORE,
    MEMORY_HIT,
    MEMORY_RECORDS,
    MEMORY_RETAINED,
    CONVERSATION_ID,
    CONVERSATION_COMPACTED,
)
CHAT = event(
    "chat.turn",
    "One question of a user and its answer.",
    "ai_chat_engine conversational_ai_orchestrator chat_integration_service chat_service_adapters",
    CONVERSATION_ID,
    CHAT_TURN,
    CHAT_INTENT,
    CHAT_CHANNEL,
    CHAT_RATING,
    CHAT_REASKED,
    CHAT_ABANDONED,
    CHAT_ACTION,
)
EVALUATION = event(
    "gen_ai.evaluation.result",
    "A judgement of an answer.",
    "conversational_ai_orchestrator",
    EVALUATION_NAME,
    EVALUATION_SCORE,
    EVALUATION_LABEL,
    CONVERSATION_ID,
    RESPONSE_ID,
    ERROR_TYPE,
)
SENTIMENT = span(
    "sentiment.analyse",
    "Opinions about an asset turned into a score.",
    "sentiment_analysis_engine realtime_sentiment_engine",
    SENTIMENT_SYMBOL,
    SENTIMENT_SCORE,
    SENTIMENT_SOURCES,
    SENTIMENT_OLDEST,
)
