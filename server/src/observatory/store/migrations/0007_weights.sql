-- For how many calls a call stands that its sender sampled; what was stored before stands for itself.
ALTER TABLE fact_calls ADD COLUMN IF NOT EXISTS Weight UInt32 DEFAULT 1 CODEC(ZSTD(1));

-- Computed where it is read, so that it costs no insert anything.
ALTER TABLE otel_traces ADD COLUMN IF NOT EXISTS Weight UInt32 ALIAS {{weight}};

-- Whether one of the calls of a cell was sampled.
ALTER TABLE rollup_calls ADD COLUMN IF NOT EXISTS Estimated SimpleAggregateFunction(max, UInt8);

CREATE OR REPLACE VIEW rollup_services_10s AS
SELECT Timestamp, Environment, Service, Calls, Failures, DurationNs, Latency, Estimated
FROM rollup_calls WHERE Resolution = 10 AND Scope = 'service';

CREATE OR REPLACE VIEW rollup_services_1m AS
SELECT Timestamp, Environment, Service, Calls, Failures, DurationNs, Latency, Estimated
FROM rollup_calls WHERE Resolution = 60 AND Scope = 'service';

CREATE OR REPLACE VIEW rollup_edges_10s AS
SELECT Timestamp, Environment, Caller, Service, Calls, Failures, DurationNs, Latency, Estimated
FROM rollup_calls WHERE Resolution = 10 AND Scope = 'edge';

CREATE OR REPLACE VIEW rollup_edges_1m AS
SELECT Timestamp, Environment, Caller, Service, Calls, Failures, DurationNs, Latency, Estimated
FROM rollup_calls WHERE Resolution = 60 AND Scope = 'edge';
