-- table fact_strategy_runs
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
StrategyId String,
UserId String,
Status LowCardinality(String),
DurationNs UInt64,
Failed UInt8
-- order Timestamp, Environment
-- view fact_strategy_runs from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment,
    transform(SpanName, ['strategy.execute', 'strategy.test', 'backtest.run', 'opportunity.scan'], ['execute', 'test', 'backtest', 'scan'], '') AS Event,
    Service, a['strategy.id'] AS StrategyId, UserId,
    a['strategy.status'] AS Status,
    Duration AS DurationNs, Failed
FROM spans_flat
WHERE SpanName IN ('strategy.execute', 'strategy.test', 'backtest.run', 'opportunity.scan')

-- Rare events of the marketplace, apart from the runs so that a look back over days stays short.
-- table fact_strategy_events
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
StrategyId String,
UserId String,
Publisher String
-- order Timestamp, Environment
-- view fact_strategy_events from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, substring(EventName, 10) AS Event, Service, a['strategy.id'] AS StrategyId, UserId,
    a['strategy.publisher'] AS Publisher
FROM logs_flat
WHERE EventName IN ('strategy.submitted', 'strategy.reviewed', 'strategy.activated', 'strategy.deactivated', 'strategy.downloaded')
