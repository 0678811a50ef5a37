-- Calls that were held against what their service promises of its duration, and those of them that took longer.
-- What was rolled before was held against nothing, so both are 0 there.
ALTER TABLE rollup_calls ADD COLUMN IF NOT EXISTS Timed SimpleAggregateFunction(sum, UInt64);
ALTER TABLE rollup_calls ADD COLUMN IF NOT EXISTS Slow SimpleAggregateFunction(sum, UInt64);

CREATE OR REPLACE VIEW rollup_services_10s AS
SELECT Timestamp, Environment, Service, Calls, Failures, DurationNs, Latency, Estimated, Timed, Slow
FROM rollup_calls WHERE Resolution = 10 AND Scope = 'service';

CREATE OR REPLACE VIEW rollup_services_1m AS
SELECT Timestamp, Environment, Service, Calls, Failures, DurationNs, Latency, Estimated, Timed, Slow
FROM rollup_calls WHERE Resolution = 60 AND Scope = 'service';
