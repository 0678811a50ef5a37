-- What strategies do and what is done with them: runs, tests, backtests, and the looks for what to trade.
-- table fact_strategy_runs
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
StrategyId String,
UserId String,
Status LowCardinality(String),
DurationNs UInt64,
Failed UInt8,
Reason LowCardinality(String),
SignalId String,
OrderId String,
TraceId String CODEC(ZSTD(1)),
ReturnRatio Nullable(Float64),
Trades Nullable(UInt64),
MissingRatio Nullable(Float64),
Scanned Nullable(UInt64),
Found Nullable(UInt64),
DropReasons Array(String),
DropCounts Array(UInt64)
-- order Timestamp, Environment
-- view fact_strategy_runs from spans_picked
WITH SpanAttributes AS a, arrayFilter((drop, name) -> name = 'discovery.drop', `Events.Attributes`, `Events.Name`) AS drops
SELECT
    EndTimestamp AS Timestamp,
    Environment,
    transform(SpanName, ['strategy.execute', 'strategy.test', 'backtest.run', 'opportunity.scan', 'asset.discover', 'asset.filter'], ['execute', 'test', 'backtest', 'scan', 'discover', 'filter'], '') AS Event,
    Service, a['strategy.id'] AS StrategyId, UserId,
    a['strategy.status'] AS Status,
    Duration AS DurationNs, Failed,
    arrayFirst(x -> x != '', [a['observatory.outcome.reason'], a['error.type']]) AS Reason,
    a['signal.id'] AS SignalId, a['order.id'] AS OrderId, TraceId,
    toFloat64OrNull(a['backtest.return_ratio']) AS ReturnRatio, toUInt64OrNull(a['backtest.trades']) AS Trades,
    toFloat64OrNull(a['backtest.missing_ratio']) AS MissingRatio,
    toUInt64OrNull(a['discovery.scanned']) AS Scanned, toUInt64OrNull(a['discovery.found']) AS Found,
    arrayMap(drop -> drop['discovery.drop.reason'], drops) AS DropReasons,
    arrayMap(drop -> toUInt64OrZero(drop['discovery.drop.count']), drops) AS DropCounts
FROM spans_picked
WHERE SpanName IN ('strategy.execute', 'strategy.test', 'backtest.run', 'opportunity.scan', 'asset.discover', 'asset.filter')

-- Rare events of the marketplace, apart from the runs so that a look back over months stays short.
-- table fact_strategy_events
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
StrategyId String,
UserId String,
Publisher String,
Status LowCardinality(String),
Reason LowCardinality(String)
-- order Timestamp, Environment
-- view fact_strategy_events from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, substring(EventName, 10) AS Event, Service, a['strategy.id'] AS StrategyId, UserId,
    a['strategy.publisher'] AS Publisher, a['strategy.status'] AS Status, a['strategy.review.reason'] AS Reason
FROM logs_flat
WHERE EventName IN ('strategy.submitted', 'strategy.reviewed', 'strategy.activated', 'strategy.deactivated', 'strategy.downloaded')
