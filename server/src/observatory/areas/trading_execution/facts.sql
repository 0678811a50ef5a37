-- table fact_orders
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
Exchange LowCardinality(String),
ClientId String,
Symbol LowCardinality(String),
Side LowCardinality(String),
Type LowCardinality(String),
Mode LowCardinality(String),
Status LowCardinality(String),
RejectReason LowCardinality(String),
Quantity Nullable(Float64),
IntendedQuantity Nullable(Float64),
FilledQuantity Nullable(Float64),
DecisionPrice Nullable(Float64),
ArrivalMid Nullable(Float64),
AveragePrice Nullable(Float64),
ReferencePrice Nullable(Float64),
FeeUsd Nullable(Decimal(38, 9)),
Simulated UInt8,
DurationNs UInt64,
Failed UInt8,
SignalId String,
StrategyId LowCardinality(String),
UserId String,
TraceId String CODEC(ZSTD(1)),
SpanId String CODEC(ZSTD(1)),
OrderId String,
Fills UInt32,
FillsQuantity Nullable(Float64),
FillsSpreadNs Nullable(Int64)
-- order Timestamp, Environment
-- view fact_orders from spans_picked
WITH SpanAttributes AS a,
    arrayFilter((fill, name) -> name = 'order.fill', `Events.Attributes`, `Events.Name`) AS told,
    arrayMap(fill -> fill['order.fill.id'], told) AS ids,
    -- A venue tells a fill twice after a reconnect; its id tells it from a further one.
    arrayFilter((fill, id, nth) -> id = '' OR nth = 1, told, ids, arrayEnumerateUniq(ids)) AS fills,
    arrayFilter(at -> at > 0, arrayMap(fill -> toInt64OrZero(fill['order.fill.venue_time_unix_nano']), fills)) AS times
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['exchange.id'] AS Exchange, a['order.client_id'] AS ClientId, a['order.symbol'] AS Symbol,
    a['order.side'] AS Side, a['order.type'] AS Type, a['order.mode'] AS Mode, a['order.status'] AS Status,
    a['order.reject_reason'] AS RejectReason,
    toFloat64OrNull(a['order.quantity']) AS Quantity, toFloat64OrNull(a['order.intended_quantity']) AS IntendedQuantity,
    toFloat64OrNull(a['order.filled_quantity']) AS FilledQuantity,
    toFloat64OrNull(a['order.decision_price']) AS DecisionPrice, toFloat64OrNull(a['order.arrival_mid']) AS ArrivalMid,
    toFloat64OrNull(a['order.average_price']) AS AveragePrice, toFloat64OrNull(a['order.reference_price']) AS ReferencePrice,
    toDecimal128OrNull(a['order.fee_usd'], 9) AS FeeUsd,
    lower(a['order.simulated']) IN ('true', '1') AS Simulated,
    Duration AS DurationNs, Failed, a['signal.id'] AS SignalId, a['strategy.id'] AS StrategyId, UserId, TraceId, SpanId,
    a['order.id'] AS OrderId, toUInt32(length(fills)) AS Fills,
    if(empty(fills), NULL, arraySum(arrayMap(fill -> toFloat64OrZero(fill['order.fill.quantity']), fills))) AS FillsQuantity,
    -- Both ends are of the venue's clock, so its offset falls out.
    if(empty(times), NULL, arrayMax(times) - arrayMin(times)) AS FillsSpreadNs
FROM spans_picked
WHERE SpanName = 'order.execute'

-- Every step an order was seen at: its states, and what was done about it before it went out. The end of order.execute is
-- one such sight, later changes are log events. Steps before the order has a client id are known by its own id.
-- table fact_order_states
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
ClientId String,
Exchange LowCardinality(String),
State LowCardinality(String),
Source LowCardinality(String),
ValueAtRiskUsd Nullable(Decimal(38, 9)),
OrderId String,
SignalId String,
StrategyId LowCardinality(String),
Symbol LowCardinality(String),
Side LowCardinality(String),
Type LowCardinality(String),
Mode LowCardinality(String),
Before LowCardinality(String),
Reason LowCardinality(String),
Intended Nullable(Float64),
Allowed Nullable(Float64),
ExpectedPrice Nullable(Float64),
Refused UInt8,
Filled UInt8,
DurationNs UInt64
-- order Timestamp, Environment
-- view fact_order_states from spans_picked
WITH SpanAttributes AS a, toString(SpanName) AS step, step = 'order.execute' AS executed
SELECT
    EndTimestamp AS Timestamp,
    Environment, a['order.client_id'] AS ClientId,
    if(executed, a['exchange.id'], a['order.route.chosen']) AS Exchange,
    multiIf(
        executed AND lower(a['order.simulated']) IN ('true', '1') AND a['order.mode'] != 'paper', 'simulated',
        executed, a['order.status'],
        transform(step, ['position.size', 'risk.limit.check', 'order.route'], ['sized', 'checked', 'routed'], '')
    ) AS State,
    step AS Source, toDecimal128OrNull(a['order.state.value_at_risk_usd'], 9) AS ValueAtRiskUsd,
    a['order.id'] AS OrderId, a['signal.id'] AS SignalId, a['strategy.id'] AS StrategyId,
    arrayFirst(x -> x != '', [a['order.symbol'], a['position.size.symbol'], a['order.route.symbol']]) AS Symbol,
    a['order.side'] AS Side, a['order.type'] AS Type, a['order.mode'] AS Mode, '' AS Before,
    arrayFirst(x -> x != '', [a['order.reject_reason'], a['position.size.binding_limit'], a['risk.limit.name']]) AS Reason,
    toFloat64OrNull(if(executed, a['order.intended_quantity'], a['position.size.intended'])) AS Intended,
    toFloat64OrNull(if(executed, a['order.quantity'], a['position.size.allowed'])) AS Allowed,
    toFloat64OrNull(a['order.route.expected_price']) AS ExpectedPrice,
    lower(a['risk.limit.breached']) IN ('true', '1') AS Refused,
    toFloat64OrZero(a['order.filled_quantity']) > 0 AS Filled, Duration AS DurationNs
FROM spans_picked
WHERE SpanName IN ('order.execute', 'position.size', 'order.route')
    AND (a['order.client_id'] != '' OR a['order.id'] != '' OR SpanName = 'position.size')
    OR SpanName = 'risk.limit.check' AND a['order.id'] != ''
-- view fact_order_states from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, a['order.client_id'] AS ClientId, a['exchange.id'] AS Exchange, a['order.state.to'] AS State,
    a['order.state.source'] AS Source, toDecimal128OrNull(a['order.state.value_at_risk_usd'], 9) AS ValueAtRiskUsd,
    a['order.id'] AS OrderId, a['signal.id'] AS SignalId, a['strategy.id'] AS StrategyId, a['order.symbol'] AS Symbol,
    a['order.side'] AS Side, a['order.type'] AS Type, a['order.mode'] AS Mode, a['order.state.from'] AS Before,
    a['order.reject_reason'] AS Reason
FROM logs_flat
WHERE EventName = 'order.state.changed' AND a['order.client_id'] != ''
