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
Unit LowCardinality(String)
-- order Timestamp, Environment
-- view fact_cost_charges from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, Feature, UserId, UserCohort,
    a['cost.provider'] AS Provider, a['cost.category'] AS Category, toDecimal128OrNull(a['cost.amount_usd'], 9) AS AmountUsd,
    toFloat64OrNull(a['cost.quantity']) AS Quantity, a['cost.unit'] AS Unit
FROM logs_flat
WHERE EventName = 'cost.charge'
