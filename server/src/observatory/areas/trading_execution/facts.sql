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
TraceId String
-- order Timestamp, Environment
-- view fact_orders from spans_flat
WITH SpanAttributes AS a
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
    Duration AS DurationNs, Failed, a['signal.id'] AS SignalId, a['strategy.id'] AS StrategyId, UserId, TraceId
FROM spans_flat
WHERE SpanName = 'order.execute'

-- Every state an order was seen in. The end of order.execute is one such sight, later changes are log events.
-- table fact_order_states
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
ClientId String,
Exchange LowCardinality(String),
State LowCardinality(String),
Source LowCardinality(String),
ValueAtRiskUsd Nullable(Decimal(38, 9))
-- order Timestamp, Environment
-- view fact_order_states from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, a['order.client_id'] AS ClientId, a['exchange.id'] AS Exchange, a['order.status'] AS State,
    'order.execute' AS Source, toDecimal128OrNull(a['order.state.value_at_risk_usd'], 9) AS ValueAtRiskUsd
FROM spans_flat
WHERE SpanName = 'order.execute' AND a['order.client_id'] != ''
-- view fact_order_states from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, a['order.client_id'] AS ClientId, a['exchange.id'] AS Exchange, a['order.state.to'] AS State,
    a['order.state.source'] AS Source, toDecimal128OrNull(a['order.state.value_at_risk_usd'], 9) AS ValueAtRiskUsd
FROM logs_flat
WHERE EventName = 'order.state.changed' AND a['order.client_id'] != ''
