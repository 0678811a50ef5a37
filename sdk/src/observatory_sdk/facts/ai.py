"""Models, consensus, memory, chat and sentiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from opentelemetry import trace

from observatory_sdk.conventions import ai, common
from observatory_sdk.facts.checks import Money, Number
from observatory_sdk.facts.event_fact import Common, emit
from observatory_sdk.facts.leaf import LeafFact
from observatory_sdk.facts.span_fact import SpanFact, of


class ModelCall(LeafFact):
    """One call of a model, as OpenTelemetry's GenAI span. Instrumentations below it stay silent.

    Tokens the provider did not tell stay unset: never 0. `input_tokens` includes cached ones, `output_tokens`
    includes reasoning. `fallback_from` is the model that was wanted before this one stood in.
    """

    fact = ai.MODEL_CALL
    span_kind = trace.SpanKind.CLIENT
    leaf = "model"

    provider: str = of(ai.PROVIDER)
    request_model: str = of(ai.REQUEST_MODEL)
    operation: str | None = of(ai.OPERATION, default=None)
    response_model: str | None = of(ai.RESPONSE_MODEL, default=None)
    response_id: str | None = of(ai.RESPONSE_ID, default=None)
    stream: bool | None = of(ai.REQUEST_STREAM, default=None)
    input_tokens: int | None = of(ai.INPUT_TOKENS, default=None)
    output_tokens: int | None = of(ai.OUTPUT_TOKENS, default=None)
    cache_read_tokens: int | None = of(ai.CACHE_READ_TOKENS, default=None)
    cache_write_tokens: int | None = of(ai.CACHE_WRITE_TOKENS, default=None)
    reasoning_tokens: int | None = of(ai.REASONING_TOKENS, default=None)
    usage_estimated: bool | None = of(ai.USAGE_ESTIMATED, default=None)
    finish_reasons: Sequence[str] | None = of(ai.FINISH_REASONS, default=None)
    time_to_first_chunk_s: Number | None = of(ai.TIME_TO_FIRST_CHUNK, default=None)
    conversation_id: str | None = of(ai.CONVERSATION_ID, default=None)
    server_address: str | None = of(common.SERVER_ADDRESS, default=None)
    fallback_from: str | None = of(ai.FALLBACK_FROM, default=None)
    fallback_reason: str | None = of(ai.FALLBACK_REASON, default=None)

    def span_name(self) -> str:
        if self.operation is None:
            self.operation = "chat"
        return f"{self.operation} {self.request_model}"


class Consensus(SpanFact):
    """Several models asked, one decision made; `vote` for each model."""

    fact = ai.CONSENSUS

    decision: str | None = of(ai.CONSENSUS_DECISION, default=None)
    confidence: Number | None = of(ai.CONSENSUS_CONFIDENCE, default=None)
    agreement_ratio: Number | None = of(ai.CONSENSUS_AGREEMENT, default=None)
    models: Sequence[str] | None = of(ai.CONSENSUS_MODELS, default=None)

    def vote(self, *, model: str, decision: str, confidence: Number | None = None) -> None:
        """What one model voted for; `confidence` from 0 to 1."""
        self._add(ai.CONSENSUS_VOTE, {ai.VOTE_MODEL: model, ai.VOTE_DECISION: decision, ai.VOTE_CONFIDENCE: confidence})


class MemoryLookup(SpanFact):
    """A look into the memory of a conversation."""

    fact = ai.MEMORY_LOOKUP

    hit: bool | None = of(ai.MEMORY_HIT, default=None)
    record_count: int | None = of(ai.MEMORY_RECORDS, default=None)
    retained_ratio: Number | None = of(ai.MEMORY_RETAINED, default=None)
    compacted: bool | None = of(ai.CONVERSATION_COMPACTED, default=None)
    conversation_id: str | None = of(ai.CONVERSATION_ID, default=None)
    store_id: str | None = of(ai.MEMORY_STORE, default=None)
    provider: str | None = of(ai.PROVIDER, default=None)
    operation: str | None = of(ai.OPERATION, default=None)

    def span_name(self) -> str:
        self.operation = ai.MEMORY_LOOKUP.name
        return ai.MEMORY_LOOKUP.name


class Sentiment(SpanFact):
    """Opinions about an asset turned into a score from -1 to 1."""

    fact = ai.SENTIMENT

    symbol: str = of(ai.SENTIMENT_SYMBOL)
    score: Number | None = of(ai.SENTIMENT_SCORE, default=None)
    sources: Sequence[str] | None = of(ai.SENTIMENT_SOURCES, default=None)
    oldest_source_age_s: Number | None = of(ai.SENTIMENT_OLDEST, default=None)


def consensus_outcome(
    *,
    correct: bool | None = None,
    return_ratio: Number | None = None,
    pnl_usd: Money | None = None,
    **also: Unpack[Common],
) -> None:
    """What came of an earlier decision; give `decision_id`."""
    emit(
        ai.CONSENSUS_OUTCOME,
        {ai.OUTCOME_CORRECT: correct, ai.OUTCOME_RETURN: return_ratio, ai.OUTCOME_PNL: pnl_usd},
        also,
    )


def chat_turn(
    *,
    conversation_id: str,
    turn: int,
    channel: str,
    intent: str | None = None,
    rating: Number | None = None,
    re_asked: bool | None = None,
    abandoned: bool | None = None,
    action: str | None = None,
    **also: Unpack[Common],
) -> None:
    """One question of a user and its answer. `turn` from 1; `rating` from 1 to 5; never the text itself."""
    values = {
        ai.CONVERSATION_ID: conversation_id,
        ai.CHAT_TURN: turn,
        ai.CHAT_CHANNEL: channel,
        ai.CHAT_INTENT: intent,
        ai.CHAT_RATING: rating,
        ai.CHAT_REASKED: re_asked,
        ai.CHAT_ABANDONED: abandoned,
        ai.CHAT_ACTION: action,
    }
    emit(ai.CHAT, values, also)


def evaluation_result(
    *,
    name: str,
    score: Number | None = None,
    label: str | None = None,
    conversation_id: str | None = None,
    response_id: str | None = None,
    **also: Unpack[Common],
) -> None:
    """A judgement of an answer, as OpenTelemetry's `gen_ai.evaluation.result`."""
    values = {
        ai.EVALUATION_NAME: name,
        ai.EVALUATION_SCORE: score,
        ai.EVALUATION_LABEL: label,
        ai.CONVERSATION_ID: conversation_id,
        ai.RESPONSE_ID: response_id,
    }
    emit(ai.EVALUATION, values, also)
