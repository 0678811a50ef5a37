-- Model calls, whatever instrumentation recorded them, in one canonical spelling. Only leaf calls of a model are kept:
-- spans of agents, chains and tools repeat the usage of their children and would be counted twice.
-- Timestamp is the end of the call, so that a long call is counted in the window in which it became known.
-- table fact_ai_calls
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
Feature LowCardinality(String),
UserId String,
ConversationId String,
Provider LowCardinality(String),
RequestModel LowCardinality(String),
ResponseModel LowCardinality(String),
Operation LowCardinality(String),
Spelling LowCardinality(String),
InputTokens Nullable(UInt64),
OutputTokens Nullable(UInt64),
CacheReadTokens Nullable(UInt64),
CacheWriteTokens Nullable(UInt64),
ReasoningTokens Nullable(UInt64),
DurationNs UInt64,
FirstChunkMs Nullable(Float64),
Failed UInt8,
ErrorType LowCardinality(String),
FinishReason LowCardinality(String),
FallbackFrom LowCardinality(String),
FallbackReason LowCardinality(String)
-- order Timestamp, Environment
-- view fact_ai_calls from spans_flat
WITH
    SpanAttributes AS a,
    arrayFirst(x -> x != '', [a['gen_ai.provider.name'], a['gen_ai.system'], a['llm.provider'], a['llm.system'], a['llm.vendor']]) AS provider,
    lower(multiIf(
        a['openinference.span.kind'] = 'LLM', 'chat',
        a['openinference.span.kind'] = 'EMBEDDING', 'embeddings',
        a['openinference.span.kind'] != '', 'other',
        a['traceloop.span.kind'] != '', 'other',
        a['gen_ai.operation.name'] != '', a['gen_ai.operation.name'],
        a['llm.request.type'] != '', a['llm.request.type'],
        provider != '' AND arrayExists(x -> x != '', [a['gen_ai.request.model'], a['llm.request.model']]), 'chat',
        '')) AS operation,
    accurateCastOrNull(toFloat64OrNull(arrayFirst(x -> x != '', [a['gen_ai.usage.input_tokens'], a['gen_ai.usage.prompt_tokens'], a['llm.token_count.prompt'], a['llm.usage.prompt_tokens']])), 'UInt64') AS input,
    accurateCastOrNull(toFloat64OrNull(arrayFirst(x -> x != '', [a['gen_ai.usage.output_tokens'], a['gen_ai.usage.completion_tokens'], a['llm.token_count.completion'], a['llm.usage.completion_tokens']])), 'UInt64') AS output,
    accurateCastOrNull(toFloat64OrNull(arrayFirst(x -> x != '', [a['gen_ai.usage.cache_read.input_tokens'], a['gen_ai.usage.cache_read_input_tokens'], a['gen_ai.usage.input_tokens.cached'], a['cache_read_input_tokens'], a['llm.token_count.prompt_details.cache_read']])), 'UInt64') AS cache_read,
    accurateCastOrNull(toFloat64OrNull(arrayFirst(x -> x != '', [a['gen_ai.usage.cache_write.input_tokens'], a['gen_ai.usage.cache_creation.input_tokens'], a['gen_ai.usage.cache_creation_input_tokens'], a['cache_creation_input_tokens'], a['llm.token_count.prompt_details.cache_write']])), 'UInt64') AS cache_write,
    accurateCastOrNull(toFloat64OrNull(arrayFirst(x -> x != '', [a['gen_ai.usage.reasoning.output_tokens'], a['gen_ai.usage.output_tokens.reasoning'], a['gen_ai.usage.reasoning_tokens'], a['llm.token_count.completion_details.reasoning']])), 'UInt64') AS reasoning,
    ifNull(cache_read, 0) + ifNull(cache_write, 0) AS cached,
    a['gen_ai.response.finish_reasons'] AS finish
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, Feature, UserId,
    arrayFirst(x -> x != '', [a['gen_ai.conversation.id'], a['session.id']]) AS ConversationId,
    transform(lower(provider),
        ['azure', 'az.ai.openai', 'az.ai.inference', 'google', 'gemini', 'vertexai', 'vertex_ai', 'google_vertex', 'bedrock', 'aws', 'mistralai', 'mistral', 'xai', 'watsonx'],
        ['azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'gcp.gemini', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'aws.bedrock', 'aws.bedrock', 'mistral_ai', 'mistral_ai', 'x_ai', 'ibm.watsonx.ai'],
        lower(provider)) AS Provider,
    arrayFirst(x -> x != '', [a['gen_ai.request.model'], a['llm.request.model'], a['llm.model_name'], a['embedding.model_name']]) AS RequestModel,
    arrayFirst(x -> x != '', [a['gen_ai.response.model'], a['llm.response.model']]) AS ResponseModel,
    transform(operation, ['completion', 'embedding'], ['text_completion', 'embeddings'], operation) AS Operation,
    multiIf(a['openinference.span.kind'] != '', 'openinference', a['llm.request.type'] != '', 'traceloop', a['gen_ai.provider.name'] != '', 'gen_ai', 'gen_ai_before_1_37') AS Spelling,
    -- One provider counts cached tokens inside its input total, another beside it: more cached than input can only be the latter.
    if(cached > input, input + cached, input) AS InputTokens,
    output AS OutputTokens, cache_read AS CacheReadTokens, cache_write AS CacheWriteTokens, reasoning AS ReasoningTokens,
    Duration AS DurationNs,
    toFloat64OrNull(a['gen_ai.response.time_to_first_chunk']) * 1000 AS FirstChunkMs,
    Failed, a['error.type'] AS ErrorType,
    if(startsWith(finish, '['), JSONExtractString(finish, 1), finish) AS FinishReason,
    a['ai.fallback.from'] AS FallbackFrom, a['ai.fallback.reason'] AS FallbackReason
FROM spans_flat
WHERE operation IN ('chat', 'text_completion', 'completion', 'generate_content', 'embeddings', 'embedding', 'rerank')

-- table fact_ai_decisions
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Kind LowCardinality(String),
Service LowCardinality(String),
DecisionId String,
Decision LowCardinality(String),
Confidence Nullable(Float64),
Agreement Nullable(Float64),
Hit UInt8,
Retained Nullable(Float64),
DurationNs UInt64,
Failed UInt8
-- order Timestamp, Environment
-- view fact_ai_decisions from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment,
    if(SpanName = 'ai.consensus.decide', 'consensus', 'memory') AS Kind,
    Service, a['decision.id'] AS DecisionId, a['ai.consensus.decision'] AS Decision,
    toFloat64OrNull(a['ai.consensus.confidence']) AS Confidence,
    toFloat64OrNull(a['ai.consensus.agreement_ratio']) AS Agreement,
    lower(a['ai.memory.hit']) IN ('true', '1') AS Hit,
    toFloat64OrNull(a['ai.memory.retained_ratio']) AS Retained,
    Duration AS DurationNs, Failed
FROM spans_flat
WHERE SpanName = 'ai.consensus.decide' OR (a['gen_ai.operation.name'] = 'search_memory')
