-- What a span says of the one order, signal, decision or conversation that it is about, so that it is found among all
-- others without reading their attributes. What is stored already gets the column and its index in the background.
ALTER TABLE otel_traces ADD COLUMN IF NOT EXISTS Ids Array(String) MATERIALIZED mapValues(mapFilter((k, v) -> v != '' AND k IN ('order.id', 'order.client_id', 'signal.id', 'decision.id', 'gen_ai.conversation.id', 'session.id'), SpanAttributes)) CODEC(ZSTD(1));
ALTER TABLE otel_traces ADD INDEX IF NOT EXISTS idx_ids Ids TYPE bloom_filter(0.001) GRANULARITY 1;
ALTER TABLE otel_traces MATERIALIZE COLUMN Ids SETTINGS mutations_sync = 0;
ALTER TABLE otel_traces MATERIALIZE INDEX idx_ids SETTINGS mutations_sync = 0;
