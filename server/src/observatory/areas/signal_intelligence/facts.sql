-- table fact_signals
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
SignalId String,
Type LowCardinality(String),
Strategy LowCardinality(String),
Symbol LowCardinality(String),
Side LowCardinality(String),
Confidence Nullable(Float64),
Quality Nullable(Float64),
EventLatencyMs Nullable(Float64),
DurationNs UInt64,
Failed UInt8
-- order Timestamp, Environment
-- view fact_signals from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['signal.id'] AS SignalId, a['signal.type'] AS Type, a['strategy.id'] AS Strategy,
    a['signal.symbol'] AS Symbol, a['signal.side'] AS Side,
    toFloat64OrNull(a['signal.confidence']) AS Confidence, toFloat64OrNull(a['signal.quality_score']) AS Quality,
    -- Integers until the difference: nanoseconds since 1970 do not fit into a float.
    (toUnixTimestamp64Nano(EndTimestamp) - toInt64OrNull(a['signal.market_event.time_unix_nano'])) / 1e6 AS EventLatencyMs,
    Duration AS DurationNs, Failed
FROM spans_flat
WHERE SpanName = 'signal.generate'

-- Attempts to deliver, and the receipts that came back later. A channel without receipts has no delivered or seen rows.
-- table fact_deliveries
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
SignalId String,
UserId String,
Channel LowCardinality(String),
Status LowCardinality(String),
Attempt UInt32,
DurationNs UInt64,
TraceId String
-- order Timestamp, Environment
-- view fact_deliveries from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['signal.id'] AS SignalId, UserId, a['messaging.system'] AS Channel,
    multiIf(a['signal.delivery.status'] != '', a['signal.delivery.status'], Failed, 'failed', 'accepted') AS Status,
    toUInt32OrZero(a['signal.delivery.attempt']) AS Attempt, Duration AS DurationNs, TraceId
FROM spans_flat
WHERE SpanName = 'signal.deliver'
-- view fact_deliveries from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, a['signal.id'] AS SignalId, UserId, a['messaging.system'] AS Channel,
    a['signal.receipt.status'] AS Status, toUInt32(0) AS Attempt, toUInt64(0) AS DurationNs, TraceId
FROM logs_flat
WHERE EventName = 'signal.delivery.receipt'

-- table fact_signal_outcomes
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
SignalId String,
Type LowCardinality(String),
Strategy LowCardinality(String),
ReturnRatio Nullable(Float64),
PnlUsd Nullable(Decimal(38, 9)),
Won Nullable(UInt8)
-- order Timestamp, Environment
-- view fact_signal_outcomes from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, a['signal.id'] AS SignalId, a['signal.type'] AS Type, a['strategy.id'] AS Strategy,
    toFloat64OrNull(a['signal.outcome.return_ratio']) AS ReturnRatio,
    toDecimal128OrNull(a['signal.outcome.pnl_usd'], 9) AS PnlUsd,
    multiIf(lower(a['signal.outcome.won']) IN ('true', '1'), 1, lower(a['signal.outcome.won']) IN ('false', '0'), 0, NULL) AS Won
FROM logs_flat
WHERE EventName = 'signal.outcome'
