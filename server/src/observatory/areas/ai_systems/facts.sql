-- Model calls, whatever instrumentation recorded them, in one canonical spelling; Spelling and Scope say which arrived.
-- Spans of agents, chains and tools are left out: they repeat the usage of their children. Id and Within (the parent) let
-- readers leave out a call round another call: two instrumentations saw the same one.
-- Timestamp is the end of the call, so that a long call is counted in the window in which it became known.
-- table fact_ai_calls
Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
Environment LowCardinality(String),
Service LowCardinality(String),
Feature LowCardinality(String),
UserId String CODEC(ZSTD(1)),
UserCohort LowCardinality(String),
ConversationId String CODEC(ZSTD(1)),
Provider LowCardinality(String),
RequestModel LowCardinality(String),
ResponseModel LowCardinality(String),
Family LowCardinality(String),
Substituted Nullable(UInt8),
Operation LowCardinality(String),
Spelling LowCardinality(String),
Scope LowCardinality(String),
InputTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
OutputTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
CacheReadTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
CacheWriteTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
ReasoningTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
UsageEstimated UInt8,
UsageCorrected UInt8,
ToldUsd Nullable(Decimal(38, 9)),
DurationNs UInt64 CODEC(T64, ZSTD(1)),
FirstChunkMs Nullable(Float64) CODEC(ZSTD(1)),
Failed UInt8,
ErrorType LowCardinality(String),
ErrorKind LowCardinality(String),
FinishReason LowCardinality(String),
FallbackFrom LowCardinality(String),
FallbackReason LowCardinality(String),
TraceId String CODEC(ZSTD(1)),
Id UInt64,
Within UInt64 CODEC(ZSTD(1)),
StrategyId LowCardinality(String),
SignalId String,
DecisionId String,
InputAudioTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
OutputAudioTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
InputImageTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
OutputImageTokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
Violation LowCardinality(String)
-- order Timestamp, Environment
-- view fact_ai_calls from spans_flat
WITH name -> replaceRegexpOne(name, '([-@](\\d{3,8}|\\d{4}-\\d{2}-\\d{2}|\\d{2}-\\d{4}|latest|v\\d+(:\\d+)?))+$', '') AS family
SELECT
    Timestamp, Environment, Service, Feature, UserId, UserCohort, ConversationId,
    transform(provider,
        ['openai.chat', 'openai.responses', 'anthropic.messages', 'azure', 'az.ai.openai', 'az.ai.inference', 'google', 'gemini', 'google.generative-ai', 'google_genai', 'vertexai', 'vertex_ai', 'google_vertex', 'bedrock', 'aws', 'amazon_bedrock', 'mistralai', 'mistral', 'xai', 'watsonx', 'perplexity_ai', 'moonshot'],
        ['openai', 'openai', 'anthropic', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'mistral_ai', 'mistral_ai', 'x_ai', 'ibm.watsonx.ai', 'perplexity', 'moonshot_ai'],
        provider) AS Provider,
    RequestModel, ResponseModel,
    -- One name for the calls that succeed and for those that fail before any model has answered: without the path that
    -- gateways put before it, and without its date, its number or `latest`.
    if(served != '', family(served), family(asked)) AS Family,
    -- An alias may be served by any of its versions; a version that was asked for only by itself.
    if(asked = '' OR served = '', NULL, lower(asked) != lower(served) AND (
        lower(family(asked)) != lower(family(served)) OR (match(asked, '[-@][\\d-]{3,}$') AND match(served, '[-@][\\d-]{3,}$'))
    )) AS Substituted,
    transform(operation, ['completion', 'embedding'], ['text_completion', 'embeddings'], operation) AS Operation,
    Spelling, Scope,
    -- One provider counts cached tokens inside its input total, another beside it.
    (ifNull(cached > told_input OR (cached > 0 AND (rest = 0 OR rest = ifNull(ReasoningTokens, 0))), 0) AS cached_beside) * cached + told_input AS InputTokens,
    -- More reasoning than output can only stand beside it, and so does reasoning that the total holds once more.
    (ifNull(ReasoningTokens > output OR (ReasoningTokens > 0 AND total = InputTokens + output + ReasoningTokens), 0) AS reasoning_beside) * ifNull(ReasoningTokens, 0) + output AS OutputTokens,
    CacheReadTokens, CacheWriteTokens, ReasoningTokens, UsageEstimated,
    cached_beside OR reasoning_beside AS UsageCorrected,
    ToldUsd, DurationNs, FirstChunkMs, Failed, ErrorType,
    -- The first that fits decides.
    multiIf(
        NOT Failed, '',
        match(ErrorType, '(?i)rate.?limit|\\b429\\b|quota|resource_?exhausted|throttl|too.?many'), 'rate_limited',
        match(ErrorType, '(?i)time.?d?.?out|\\b(408|504)\\b|deadline'), 'timeout',
        match(ErrorType, '(?i)overload|\\b(503|529)\\b|unavailable'), 'overloaded',
        match(ErrorType, '(?i)content.?filter|safety|polic|blocked'), 'content_filter',
        match(ErrorType, '(?i)context.?(length|window)|too.?(long|large)|\\b413\\b'), 'too_long',
        match(ErrorType, '(?i)authenti|authori|\\b(401|403)\\b|permission|api.?key'), 'denied',
        match(ErrorType, '(?i)connect|network|dns|socket|protocol'), 'connection',
        match(ErrorType, '(?i)cancel|abort'), 'cancelled',
        match(ErrorType, '(?i)server.?error|internal|\\b5\\d\\d\\b'), 'server_error',
        match(ErrorType, '(?i)bad.?request|invalid|not.?found|unknown.?model|unprocessable|\\b4\\d\\d\\b'), 'bad_request',
        'other') AS ErrorKind,
    if(finish = '' AND Failed, 'error', transform(finish,
        ['end_turn', 'stop_sequence', 'complete', 'completed', 'eos', 'eos_token', 'finish_reason_stop', 'max_tokens', 'max_output_tokens', 'model_length', 'incomplete', 'model_context_window_exceeded', 'content_filtered', 'safety', 'recitation', 'blocklist', 'prohibited_content', 'spii', 'refusal', 'guardrail_intervened', 'tool_calls', 'tool_use', 'function_call'],
        ['stop', 'stop', 'stop', 'stop', 'stop', 'stop', 'stop', 'length', 'length', 'length', 'length', 'length', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'tool_call', 'tool_call', 'tool_call'],
        finish)) AS FinishReason,
    FallbackFrom, FallbackReason, TraceId, Id, Within,
    a['strategy.id'] AS StrategyId, a['signal.id'] AS SignalId, a['decision.id'] AS DecisionId,
    InputAudioTokens, OutputAudioTokens, InputImageTokens, OutputImageTokens,
    -- What no bill may be made from; the first that fits. Claude's providers count cached tokens beside the others, and so
    -- does whoever's total says so; anybody else who tells more of them than tokens in contradicts himself.
    multiIf(
        uncountable, 'a count that is no whole number from 0 up',
        greatest(ifNull(InputTokens, 0), ifNull(OutputTokens, 0)) > 1e9, 'more than a thousand million tokens',
        cached > told_input AND NOT ifNull(rest = 0 OR rest = ReasoningTokens, 0)
            AND NOT match(concat(Provider, ' ', lower(RequestModel), ' ', lower(ResponseModel)), 'anthropic|bedrock|claude'), 'more cached tokens than tokens in',
        ifNull(InputAudioTokens, 0) + ifNull(InputImageTokens, 0) > ifNull(InputTokens, 0), 'more audio and image tokens than tokens in',
        ifNull(OutputAudioTokens, 0) + ifNull(OutputImageTokens, 0) > ifNull(OutputTokens, 0), 'more audio and image tokens than tokens out',
        '') AS Violation
FROM (
    SELECT *, ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0) AS cached, total - told_input - cached - output AS rest
    FROM (
        WITH name -> accurateCastOrNull(toFloat64OrNull(c[name]), 'UInt64') AS whole, lower(toLowCardinality(c['gen_ai.response.finish_reasons'])) AS told_finish
        SELECT
            EndTimestamp AS Timestamp, Environment, Service, Feature, UserId, UserCohort, ScopeName AS Scope, TraceId, Failed, Duration AS DurationNs,
            a, provider, operation, Spelling, RequestModel, a['ai.fallback.from'] AS FallbackFrom, a['ai.fallback.reason'] AS FallbackReason,
            c['gen_ai.conversation.id'] AS ConversationId, toLowCardinality(c['gen_ai.response.model']) AS ResponseModel,
            replaceRegexpOne(RequestModel, '^.*/', '') AS asked, replaceRegexpOne(ResponseModel, '^.*/', '') AS served,
            whole('gen_ai.usage.input_tokens') AS told_input, whole('gen_ai.usage.output_tokens') AS output, whole('gen_ai.usage.total_tokens') AS total,
            whole('gen_ai.usage.cache_read.input_tokens') AS CacheReadTokens, whole('gen_ai.usage.cache_write.input_tokens') AS CacheWriteTokens,
            whole('gen_ai.usage.reasoning.output_tokens') AS ReasoningTokens,
            whole('gen_ai.usage.input_audio_tokens') AS InputAudioTokens, whole('gen_ai.usage.output_audio_tokens') AS OutputAudioTokens,
            whole('gen_ai.usage.input_image_tokens') AS InputImageTokens, whole('gen_ai.usage.output_image_tokens') AS OutputImageTokens,
            (c['gen_ai.usage.input_tokens'] != '' AND isNull(told_input)) OR (c['gen_ai.usage.output_tokens'] != '' AND isNull(output))
                OR (c['gen_ai.usage.cache_read.input_tokens'] != '' AND isNull(CacheReadTokens)) OR (c['gen_ai.usage.cache_write.input_tokens'] != '' AND isNull(CacheWriteTokens))
                OR (c['gen_ai.usage.reasoning.output_tokens'] != '' AND isNull(ReasoningTokens)) AS uncountable,
            lower(a['ai.usage.estimated']) IN ('true', '1') AS UsageEstimated, toDecimal128OrNull(c['operation.cost'], 9) AS ToldUsd,
            toFloat64OrNull(c['gen_ai.response.time_to_first_chunk']) * 1000 AS FirstChunkMs,
            if(startsWith(told_finish, '['), JSONExtractString(told_finish, 1), told_finish) AS finish,
            if(Failed, arrayFirst(x -> x != '', [a['error.type'], a['exception.type'], `Events.Attributes`[indexOf(`Events.Name`, 'exception')]['exception.type'], a['observatory.outcome.reason']]), '') AS ErrorType,
            sipHash64(TraceId, SpanId) AS Id, if(ParentSpanId = '', 0, sipHash64(TraceId, ParentSpanId)) AS Within
        FROM (
            WITH
                ['session.id', 'traceloop.association.properties.session_id', 'traceloop.association.properties.thread_id',
                    'gen_ai.system', 'llm.provider', 'llm.system', 'llm.vendor',
                    'llm.request.model', 'llm.request.model_name', 'llm.model_name', 'embedding.model_name', 'llm.response.model', 'llm.response.model_name',
                    'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt', 'llm.usage.prompt_tokens',
                    'gen_ai.usage.completion_tokens', 'llm.token_count.completion', 'llm.usage.completion_tokens',
                    'llm.usage.total_tokens', 'llm.token_count.total',
                    'gen_ai.usage.cache_read_input_tokens', 'gen_ai.usage.input_tokens.cached', 'cache_read_input_tokens', 'llm.token_count.prompt_details.cache_read',
                    'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.cache_creation_input_tokens', 'gen_ai.usage.input_tokens.cache_write', 'cache_creation_input_tokens', 'llm.token_count.prompt_details.cache_write',
                    'gen_ai.usage.output_tokens.reasoning', 'gen_ai.usage.reasoning_tokens', 'llm.usage.reasoning_tokens', 'llm.token_count.completion_details.reasoning',
                    'llm.token_count.prompt_details.audio', 'gen_ai.usage.details.input_audio_tokens', 'llm.token_count.completion_details.audio', 'gen_ai.usage.details.output_audio_tokens',
                    'gen_ai.usage.cost', 'gen_ai.usage.total_cost', 'llm.cost.total', 'gen_ai.response.time_to_first_token', 'gen_ai.server.time_to_first_token',
                    'gen_ai.response.finish_reason', 'llm.response.finish_reason', 'llm.response.stop_reason', 'llm.finish_reason', 'gen_ai.completion.0.finish_reason'] AS others,
                ['gen_ai.conversation.id', 'gen_ai.conversation.id', 'gen_ai.conversation.id',
                    'gen_ai.provider.name', 'gen_ai.provider.name', 'gen_ai.provider.name', 'gen_ai.provider.name',
                    'gen_ai.request.model', 'gen_ai.request.model', 'gen_ai.request.model', 'gen_ai.request.model', 'gen_ai.response.model', 'gen_ai.response.model',
                    'gen_ai.usage.input_tokens', 'gen_ai.usage.input_tokens', 'gen_ai.usage.input_tokens',
                    'gen_ai.usage.output_tokens', 'gen_ai.usage.output_tokens', 'gen_ai.usage.output_tokens',
                    'gen_ai.usage.total_tokens', 'gen_ai.usage.total_tokens',
                    'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read.input_tokens',
                    'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_write.input_tokens',
                    'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning.output_tokens',
                    'gen_ai.usage.input_audio_tokens', 'gen_ai.usage.input_audio_tokens', 'gen_ai.usage.output_audio_tokens', 'gen_ai.usage.output_audio_tokens',
                    'operation.cost', 'operation.cost', 'operation.cost', 'gen_ai.response.time_to_first_chunk', 'gen_ai.response.time_to_first_chunk',
                    'gen_ai.response.finish_reasons', 'gen_ai.response.finish_reasons', 'gen_ai.response.finish_reasons', 'gen_ai.response.finish_reasons', 'gen_ai.response.finish_reasons'] AS todays,
                SpanAttributes AS a
            SELECT
                *, a,
                -- Other spellings under today's names, in the order in which they count. Few rows have any.
                if(arrayExists(name -> has(others, name), mapKeys(a)),
                    CAST(arrayMap(t -> (transform(t.1, others, todays, t.1), t.2), arraySort(t -> indexOf(others, t.1), arrayFilter(t -> t.2 != '', arrayZip(mapKeys(a), mapValues(a))))), 'Map(LowCardinality(String), String)'),
                    a) AS c,
                lower(toLowCardinality(c['gen_ai.provider.name'])) AS provider,
                toLowCardinality(c['gen_ai.request.model']) AS RequestModel,
                lower(multiIf(
                    a['openinference.span.kind'] != '', transform(upper(a['openinference.span.kind']), ['LLM', 'EMBEDDING', 'RERANKER'], ['chat', 'embeddings', 'rerank'], 'other'),
                    a['traceloop.span.kind'] != '', 'other',
                    a['gen_ai.operation.name'] != '', a['gen_ai.operation.name'],
                    a['llm.request.type'] != '', a['llm.request.type'],
                    provider != '' AND RequestModel != '', 'chat',
                    '')) AS operation,
                multiIf(
                    a['openinference.span.kind'] != '', 'openinference',
                    a['llm.request.type'] != '', 'traceloop',
                    a['gen_ai.provider.name'] != '', 'gen_ai',
                    a['gen_ai.system'] != '' OR a['gen_ai.operation.name'] != '', 'gen_ai_before_1_37',
                    'llm') AS Spelling
            FROM spans_flat
            WHERE operation IN ('chat', 'text_completion', 'completion', 'generate_content', 'embeddings', 'embedding', 'rerank')
        )
    )
)

-- What models decided together, what memory found, what opinions came to.
-- table fact_ai_decisions
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Kind LowCardinality(String),
Service LowCardinality(String),
DecisionId String,
ConversationId String,
Decision LowCardinality(String),
Confidence Nullable(Float64),
Agreement Nullable(Float64),
VoteModels Array(LowCardinality(String)),
VoteDecisions Array(LowCardinality(String)),
VoteConfidences Array(Nullable(Float64)),
Store LowCardinality(String),
Found Nullable(UInt8),
Records Nullable(UInt64),
Retained Nullable(Float64),
Compacted Nullable(UInt8),
Symbol LowCardinality(String),
Score Nullable(Float64),
OldestSourceS Nullable(Float64),
DurationNs UInt64,
Failed UInt8,
SignalId String,
TraceId String CODEC(ZSTD(1))
-- order Timestamp, Environment
-- view fact_ai_decisions from spans_picked
WITH
    SpanAttributes AS a,
    text -> multiIf(lower(text) IN ('true', '1'), 1, lower(text) IN ('false', '0'), 0, NULL) AS flag,
    arrayFilter((attributes, name) -> name = 'ai.consensus.vote', `Events.Attributes`, `Events.Name`) AS votes,
    accurateCastOrNull(toFloat64OrNull(a['gen_ai.memory.record.count']), 'UInt64') AS records
SELECT
    EndTimestamp AS Timestamp,
    Environment,
    multiIf(SpanName = 'ai.consensus.decide', 'consensus', SpanName = 'sentiment.analyse', 'sentiment', 'memory') AS Kind,
    Service, a['decision.id'] AS DecisionId, arrayFirst(x -> x != '', [a['gen_ai.conversation.id'], a['session.id']]) AS ConversationId,
    a['ai.consensus.decision'] AS Decision,
    toFloat64OrNull(a['ai.consensus.confidence']) AS Confidence,
    toFloat64OrNull(a['ai.consensus.agreement_ratio']) AS Agreement,
    arrayMap(v -> v['ai.consensus.vote.model'], votes) AS VoteModels,
    arrayMap(v -> v['ai.consensus.vote.decision'], votes) AS VoteDecisions,
    arrayMap(v -> toFloat64OrNull(v['ai.consensus.vote.confidence']), votes) AS VoteConfidences,
    a['gen_ai.memory.store.id'] AS Store,
    -- A sender that follows OpenTelemetry alone tells only how many records it found.
    coalesce(flag(a['ai.memory.hit']), records > 0) AS Found,
    records AS Records,
    toFloat64OrNull(a['ai.memory.retained_ratio']) AS Retained,
    flag(a['gen_ai.conversation.compacted']) AS Compacted,
    a['sentiment.symbol'] AS Symbol, toFloat64OrNull(a['sentiment.score']) AS Score,
    toFloat64OrNull(a['sentiment.oldest_source_age_s']) AS OldestSourceS,
    Duration AS DurationNs, Failed, a['signal.id'] AS SignalId, TraceId
FROM spans_picked
WHERE SpanName IN ('ai.consensus.decide', 'sentiment.analyse') OR a['gen_ai.operation.name'] = 'search_memory'

-- What came later: the outcome of a decision, a turn of a conversation, a judgement of an answer.
-- table fact_ai_events
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Kind LowCardinality(String),
Service LowCardinality(String),
UserId String,
DecisionId String,
Correct Nullable(UInt8),
ReturnRatio Nullable(Float64),
PnlUsd Nullable(Decimal(38, 9)),
ConversationId String,
Turn UInt32,
Intent LowCardinality(String),
Channel LowCardinality(String),
Action LowCardinality(String),
Rating Nullable(Float64),
Reasked Nullable(UInt8),
Abandoned Nullable(UInt8),
Judged LowCardinality(String),
Score Nullable(Float64),
Label LowCardinality(String),
ErrorType LowCardinality(String)
-- order Timestamp, Environment
-- view fact_ai_events from logs_flat
WITH
    LogAttributes AS a,
    text -> multiIf(lower(text) IN ('true', '1'), 1, lower(text) IN ('false', '0'), 0, NULL) AS flag
SELECT
    Timestamp, Environment,
    transform(EventName, ['ai.consensus.outcome', 'chat.turn'], ['outcome', 'turn'], 'evaluation') AS Kind,
    Service, UserId, a['decision.id'] AS DecisionId, flag(a['ai.outcome.correct']) AS Correct,
    toFloat64OrNull(a['ai.outcome.return_ratio']) AS ReturnRatio, toDecimal128OrNull(a['ai.outcome.pnl_usd'], 9) AS PnlUsd,
    arrayFirst(x -> x != '', [a['gen_ai.conversation.id'], a['session.id']]) AS ConversationId,
    toUInt32OrZero(a['chat.turn.number']) AS Turn, a['chat.intent'] AS Intent, a['chat.channel'] AS Channel, a['chat.action'] AS Action,
    toFloat64OrNull(a['chat.rating']) AS Rating, flag(a['chat.re_asked']) AS Reasked, flag(a['chat.abandoned']) AS Abandoned,
    a['gen_ai.evaluation.name'] AS Judged, toFloat64OrNull(a['gen_ai.evaluation.score.value']) AS Score,
    lower(a['gen_ai.evaluation.score.label']) AS Label, a['error.type'] AS ErrorType
FROM logs_flat
WHERE EventName IN ('ai.consensus.outcome', 'chat.turn', 'gen_ai.evaluation.result')
