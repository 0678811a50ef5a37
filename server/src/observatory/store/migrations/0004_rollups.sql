-- Calls per service and per edge, at 10 s and at 1 m, with quantile states that merge (relative error at most 1 %).
-- One table for both resolutions and scopes: each further view costs every insert its planning.
-- Latency is in milliseconds.
CREATE TABLE IF NOT EXISTS rollup_calls (
    Resolution UInt16,
    Scope LowCardinality(String),
    Timestamp DateTime('UTC'),
    Environment LowCardinality(String),
    Service LowCardinality(String),
    Caller LowCardinality(String),
    Calls SimpleAggregateFunction(sum, UInt64),
    Failures SimpleAggregateFunction(sum, UInt64),
    DurationNs SimpleAggregateFunction(sum, UInt64),
    Latency AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64)
) {{aggregating}}
PARTITION BY (Resolution, toDate(Timestamp))
ORDER BY (Scope, Timestamp, Environment, Service, Caller)
SETTINGS {{durable}};

CREATE VIEW IF NOT EXISTS rollup_services_10s AS
SELECT Timestamp, Environment, Service, Calls, Failures, DurationNs, Latency
FROM rollup_calls WHERE Resolution = 10 AND Scope = 'service';

CREATE VIEW IF NOT EXISTS rollup_services_1m AS
SELECT Timestamp, Environment, Service, Calls, Failures, DurationNs, Latency
FROM rollup_calls WHERE Resolution = 60 AND Scope = 'service';

CREATE VIEW IF NOT EXISTS rollup_edges_10s AS
SELECT Timestamp, Environment, Caller, Service, Calls, Failures, DurationNs, Latency
FROM rollup_calls WHERE Resolution = 10 AND Scope = 'edge';

CREATE VIEW IF NOT EXISTS rollup_edges_1m AS
SELECT Timestamp, Environment, Caller, Service, Calls, Failures, DurationNs, Latency
FROM rollup_calls WHERE Resolution = 60 AND Scope = 'edge';
