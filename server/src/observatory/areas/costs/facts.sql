-- Charges for everything that is not a model call. Model calls are priced from fact_ai_calls.
-- table fact_cost_charges
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
Feature LowCardinality(String),
UserId String,
UserCohort LowCardinality(String),
Provider LowCardinality(String),
Category LowCardinality(String),
AmountUsd Nullable(Decimal(38, 9)),
Quantity Nullable(Float64),
Unit LowCardinality(String),
Operation LowCardinality(String),
StrategyId LowCardinality(String),
ConversationId String,
SignalId String,
TraceId String CODEC(ZSTD(1)),
Billed Nullable(Decimal(38, 9)),
Refused LowCardinality(String)
-- order Timestamp, Environment
-- view fact_cost_charges from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, Feature, UserId, UserCohort,
    a['cost.provider'] AS Provider, a['cost.category'] AS Category,
    if(Refused = '', toDecimal128OrNull(a['cost.amount_usd'], 9), NULL) AS AmountUsd,
    toFloat64OrNull(a['cost.quantity']) AS Quantity, a['cost.unit'] AS Unit, a['cost.operation'] AS Operation,
    a['strategy.id'] AS StrategyId, arrayFirst(x -> x != '', [a['gen_ai.conversation.id'], a['session.id']]) AS ConversationId,
    a['signal.id'] AS SignalId, TraceId,
    -- What the book's price per unit is multiplied with.
    if(a['cost.quantity'] = '', toDecimal128(1, 9), if(Quantity >= 0 AND Quantity < 1e15, toDecimal128OrNull(a['cost.quantity'], 9), NULL)) AS Billed,
    -- Why the amount is not added, in words; empty too where none is told.
    multiIf(
        a['cost.currency'] != '' AND upper(a['cost.currency']) != 'USD', concat('amount in ', substring(a['cost.currency'], 1, 16)),
        a['cost.amount_usd'] != '' AND isNull(toDecimal128OrNull(a['cost.amount_usd'], 9)), 'no amount of money',
        startsWith(trimLeft(a['cost.amount_usd']), '-'), 'an amount below 0',
        a['cost.amount_usd'] != '' AND toDecimal128OrNull(a['cost.amount_usd'], 9) > 1e9, 'more than a thousand million',
        '') AS Refused
FROM logs_flat
WHERE EventName = 'cost.charge'
