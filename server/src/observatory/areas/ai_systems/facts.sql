-- Model calls, whatever instrumentation recorded them, in one canonical spelling; Spelling and Scope say which arrived.
-- Spans of agents, chains and tools are left out: they repeat the usage of their children. Id and Within (the parent) let
-- readers leave out a call round another call: two instrumentations saw the same one.
-- Timestamp is the end of the call, so that a long call is counted in the window in which it became known.
-- table fact_ai_calls
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
Feature LowCardinality(String),
UserId String,
UserCohort LowCardinality(String),
ConversationId String,
Provider LowCardinality(String),
RequestModel LowCardinality(String),
ResponseModel LowCardinality(String),
Family LowCardinality(String),
Substituted Nullable(UInt8),
Operation LowCardinality(String),
Spelling LowCardinality(String),
Scope LowCardinality(String),
InputTokens Nullable(UInt64),
OutputTokens Nullable(UInt64),
CacheReadTokens Nullable(UInt64),
CacheWriteTokens Nullable(UInt64),
ReasoningTokens Nullable(UInt64),
UsageEstimated UInt8,
UsageCorrected UInt8,
ToldUsd Nullable(Decimal(38, 9)),
DurationNs UInt64,
FirstChunkMs Nullable(Float64),
Failed UInt8,
ErrorType LowCardinality(String),
ErrorKind LowCardinality(String),
FinishReason LowCardinality(String),
FallbackFrom LowCardinality(String),
FallbackReason LowCardinality(String),
TraceId String CODEC(ZSTD(1)),
Id UInt64,
Within UInt64
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
    family(if(served != '', served, asked)) AS Family,
    -- An alias may be served by any of its versions; a version that was asked for only by itself.
    if(asked = '' OR served = '', NULL, lower(asked) != lower(served) AND (
        lower(family(asked)) != lower(family(served)) OR (match(asked, '[-@][\\d-]{3,}$') AND match(served, '[-@][\\d-]{3,}$'))
    )) AS Substituted,
    transform(operation, ['completion', 'embedding'], ['text_completion', 'embeddings'], operation) AS Operation,
    Spelling, Scope,
    input AS InputTokens,
    if(reasoning_beside, output + ReasoningTokens, output) AS OutputTokens,
    CacheReadTokens, CacheWriteTokens, ReasoningTokens, UsageEstimated,
    cached_beside OR reasoning_beside AS UsageCorrected,
    ToldUsd, DurationNs, FirstChunkMs, Failed,
    if(Failed, error, '') AS ErrorType,
    -- The first that fits decides.
    multiIf(
        NOT Failed, '',
        match(error, '(?i)rate.?limit|\\b429\\b|quota|resource_?exhausted|throttl|too.?many'), 'rate_limited',
        match(error, '(?i)time.?d?.?out|\\b(408|504)\\b|deadline'), 'timeout',
        match(error, '(?i)overload|\\b(503|529)\\b|unavailable'), 'overloaded',
        match(error, '(?i)content.?filter|safety|polic|blocked'), 'content_filter',
        match(error, '(?i)context.?(length|window)|too.?(long|large)|\\b413\\b'), 'too_long',
        match(error, '(?i)authenti|authori|\\b(401|403)\\b|permission|api.?key'), 'denied',
        match(error, '(?i)connect|network|dns|socket|protocol'), 'connection',
        match(error, '(?i)cancel|abort'), 'cancelled',
        match(error, '(?i)server.?error|internal|\\b5\\d\\d\\b'), 'server_error',
        match(error, '(?i)bad.?request|invalid|not.?found|unknown.?model|unprocessable|\\b4\\d\\d\\b'), 'bad_request',
        'other') AS ErrorKind,
    if(finish = '' AND Failed, 'error', transform(finish,
        ['end_turn', 'stop_sequence', 'complete', 'completed', 'eos', 'eos_token', 'finish_reason_stop', 'max_tokens', 'max_output_tokens', 'model_length', 'incomplete', 'model_context_window_exceeded', 'content_filtered', 'safety', 'recitation', 'blocklist', 'prohibited_content', 'spii', 'refusal', 'guardrail_intervened', 'tool_calls', 'tool_use', 'function_call'],
        ['stop', 'stop', 'stop', 'stop', 'stop', 'stop', 'stop', 'length', 'length', 'length', 'length', 'length', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'content_filter', 'tool_call', 'tool_call', 'tool_call'],
        finish)) AS FinishReason,
    FallbackFrom, FallbackReason, TraceId, Id, Within
FROM (
    -- More reasoning than output can only stand beside it, and so does reasoning that the total holds once more.
    SELECT *, ifNull(ReasoningTokens > output OR (ReasoningTokens > 0 AND total = input + output + ReasoningTokens), 0) AS reasoning_beside
    FROM (
        SELECT * EXCEPT (told_input, cached), if(cached_beside, told_input + cached, told_input) AS input,
            -- One provider counts cached tokens inside its input total, another beside it.
            ifNull(cached > told_input OR (cached > 0 AND total - told_input - cached - output IN (0, ifNull(ReasoningTokens, 0))), 0) AS cached_beside
        FROM (
            SELECT *, ifNull(CacheReadTokens, 0) + ifNull(CacheWriteTokens, 0) AS cached
            FROM (
                WITH
                    SpanAttributes AS a,
                    names -> arrayFirst(x -> x != '', arrayMap(name -> a[name], names)) AS first,
                    names -> accurateCastOrNull(toFloat64OrNull(first(names)), 'UInt64') AS whole,
                    lower(first(['gen_ai.response.finish_reasons', 'gen_ai.response.finish_reason', 'llm.response.finish_reason', 'llm.response.stop_reason', 'llm.finish_reason', 'gen_ai.completion.0.finish_reason'])) AS told_finish
                SELECT
                    EndTimestamp AS Timestamp, Environment, Service, Feature, UserId, UserCohort, ScopeName AS Scope, TraceId, Failed, Duration AS DurationNs,
                    first(['gen_ai.conversation.id', 'session.id', 'traceloop.association.properties.session_id', 'traceloop.association.properties.thread_id']) AS ConversationId,
                    lower(first(['gen_ai.provider.name', 'gen_ai.system', 'llm.provider', 'llm.system', 'llm.vendor'])) AS provider,
                    first(['gen_ai.request.model', 'llm.request.model', 'llm.request.model_name', 'llm.model_name', 'embedding.model_name']) AS RequestModel,
                    first(['gen_ai.response.model', 'llm.response.model', 'llm.response.model_name']) AS ResponseModel,
                    replaceRegexpOne(RequestModel, '^.*/', '') AS asked,
                    replaceRegexpOne(ResponseModel, '^.*/', '') AS served,
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
                        'llm') AS Spelling,
                    whole(['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt', 'llm.usage.prompt_tokens']) AS told_input,
                    whole(['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion', 'llm.usage.completion_tokens']) AS output,
                    whole(['gen_ai.usage.total_tokens', 'llm.usage.total_tokens', 'llm.token_count.total']) AS total,
                    whole(['gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read_input_tokens', 'gen_ai.usage.input_tokens.cached', 'cache_read_input_tokens', 'llm.token_count.prompt_details.cache_read']) AS CacheReadTokens,
                    whole(['gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.cache_creation_input_tokens', 'gen_ai.usage.input_tokens.cache_write', 'cache_creation_input_tokens', 'llm.token_count.prompt_details.cache_write']) AS CacheWriteTokens,
                    whole(['gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.output_tokens.reasoning', 'gen_ai.usage.reasoning_tokens', 'llm.usage.reasoning_tokens', 'llm.token_count.completion_details.reasoning']) AS ReasoningTokens,
                    lower(a['ai.usage.estimated']) IN ('true', '1') AS UsageEstimated,
                    toDecimal128OrNull(first(['operation.cost', 'gen_ai.usage.cost', 'gen_ai.usage.total_cost', 'llm.cost.total']), 9) AS ToldUsd,
                    toFloat64OrNull(first(['gen_ai.response.time_to_first_chunk', 'gen_ai.response.time_to_first_token', 'gen_ai.server.time_to_first_token'])) * 1000 AS FirstChunkMs,
                    if(startsWith(told_finish, '['), JSONExtractString(told_finish, 1), told_finish) AS finish,
                    arrayFirst(x -> x != '', [a['error.type'], a['exception.type'], `Events.Attributes`[indexOf(`Events.Name`, 'exception')]['exception.type'], a['observatory.outcome.reason']]) AS error,
                    a['ai.fallback.from'] AS FallbackFrom, a['ai.fallback.reason'] AS FallbackReason,
                    sipHash64(TraceId, SpanId) AS Id, if(ParentSpanId = '', 0, sipHash64(TraceId, ParentSpanId)) AS Within
                FROM spans_flat
                WHERE operation IN ('chat', 'text_completion', 'completion', 'generate_content', 'embeddings', 'embedding', 'rerank')
            )
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
Failed UInt8
-- order Timestamp, Environment
-- view fact_ai_decisions from spans_flat
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
    Duration AS DurationNs, Failed
FROM spans_flat
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
