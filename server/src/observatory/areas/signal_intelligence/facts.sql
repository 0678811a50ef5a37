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
-- view fact_signals from spans_picked
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['signal.id'] AS SignalId, a['signal.type'] AS Type, a['strategy.id'] AS Strategy,
    a['signal.symbol'] AS Symbol, a['signal.side'] AS Side,
    toFloat64OrNull(a['signal.confidence']) AS Confidence, toFloat64OrNull(a['signal.quality_score']) AS Quality,
    -- Integers until the difference: nanoseconds since 1970 do not fit into a float.
    (toUnixTimestamp64Nano(EndTimestamp) - toInt64OrNull(a['signal.market_event.time_unix_nano'])) / 1e6 AS EventLatencyMs,
    Duration AS DurationNs, Failed
FROM spans_picked
WHERE SpanName = 'signal.generate'

-- What was done about signals: attempts to deliver them, the receipts that came back later, and, told apart by `Step`, the
-- calls of the generator, the judgements before they go out, and the handing over to execution. One table, since each
-- further view costs every insert. A channel without receipts has no delivered or seen rows.
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
TraceId String CODEC(ZSTD(1)),
Step LowCardinality(String) DEFAULT 'deliver',
Type LowCardinality(String),
Reason LowCardinality(String),
RetryAfterS Nullable(Float64),
ReceiptAt Nullable(DateTime64(9, 'UTC')),
Score Nullable(Float64)
-- order Timestamp, Environment
-- view fact_deliveries from spans_flat
WITH SpanAttributes AS a, a['signal.delivery.status'] AS told,
    lower(concat(a['signal.evaluation.accepted'], a['signal.bridge.accepted'])) AS said
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['signal.id'] AS SignalId, UserId, a['messaging.system'] AS Channel,
    -- What the sender did not say, or in a word of its own, is not known. It is no success.
    multiIf(
        Step = 'call', if(Failed, 'failed', 'done'),
        Step != 'deliver', multiIf(said IN ('true', '1'), 'accepted', said IN ('false', '0'), 'refused', Failed, 'failed', 'unknown'),
        lower(told) IN ('accepted', 'failed', 'dead_letter'), lower(told),
        Failed, 'failed', 'unknown'
    ) AS Status,
    toUInt32OrZero(a['signal.delivery.attempt']) AS Attempt, Duration AS DurationNs, TraceId,
    transform(toString(SpanName), ['signal.deliver', 'signal.evaluate', 'signal.bridge'], ['deliver', 'evaluate', 'bridge'], 'call') AS Step,
    a['signal.type'] AS Type,
    -- The sender's own word stands where it is none of ours.
    arrayFirst(x -> x != '', [
        if(Status = 'unknown' OR lower(told) NOT IN ('accepted', 'failed', 'dead_letter'), told, ''),
        a['signal.evaluation.reason'], a['signal.bridge.reason'], a['observatory.outcome.reason'], a['error.type']
    ]) AS Reason,
    toFloat64OrNull(a['signal.delivery.retry_after_s']) AS RetryAfterS,
    toFloat64OrNull(a['signal.evaluation.score']) AS Score
FROM spans_flat
WHERE SpanName IN ('signal.deliver', 'signal.evaluate', 'signal.bridge') OR (Entry AND Service = 'signal_generation_engine')
-- view fact_deliveries from logs_flat
WITH LogAttributes AS a, toInt64OrZero(a['signal.receipt.time_unix_nano']) AS told_ns
SELECT
    Timestamp, Environment, Service, a['signal.id'] AS SignalId, UserId, a['messaging.system'] AS Channel,
    if(lower(a['signal.receipt.status']) IN ('delivered', 'seen', 'bounced'), lower(a['signal.receipt.status']), 'unknown') AS Status,
    toUInt32(0) AS Attempt, toUInt64(0) AS DurationNs, TraceId,
    'receipt' AS Step, a['signal.type'] AS Type, if(Status = 'unknown', a['signal.receipt.status'], '') AS Reason,
    if(told_ns > 0, fromUnixTimestamp64Nano(told_ns, 'UTC'), Timestamp) AS ReceiptAt
FROM logs_flat
WHERE EventName = 'signal.delivery.receipt'

-- table fact_subscriptions
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
UserId String,
Action LowCardinality(String),
Channel LowCardinality(String),
Plan LowCardinality(String)
-- order Timestamp, Environment
-- view fact_subscriptions from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, UserId, a['signal.subscription.action'] AS Action, a['signal.subscription.channel'] AS Channel,
    a['signal.subscription.plan'] AS Plan
FROM logs_flat
WHERE EventName = 'signal.subscription.changed'

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
