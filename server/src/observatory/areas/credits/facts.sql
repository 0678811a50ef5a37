-- table fact_credit_entries
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
UserId String,
Type LowCardinality(String),
Amount Nullable(Decimal(38, 9)),
BalanceBefore Nullable(Decimal(38, 9)),
BalanceAfter Nullable(Decimal(38, 9)),
IdempotencyKey String
-- order Timestamp, Environment
-- view fact_credit_entries from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, UserId, a['credit.type'] AS Type,
    toDecimal128OrNull(a['credit.amount'], 9) AS Amount, toDecimal128OrNull(a['credit.balance_before'], 9) AS BalanceBefore,
    toDecimal128OrNull(a['credit.balance_after'], 9) AS BalanceAfter, a['credit.idempotency_key'] AS IdempotencyKey
FROM logs_flat
WHERE EventName = 'credit.transaction'

-- table fact_payments
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
UserId String,
Rail LowCardinality(String),
Status LowCardinality(String),
AmountUsd Nullable(Decimal(38, 9)),
DeclineReason LowCardinality(String),
DurationNs UInt64,
Failed UInt8
-- order Timestamp, Environment
-- view fact_payments from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, UserId, a['payment.rail'] AS Rail, a['payment.status'] AS Status,
    toDecimal128OrNull(a['payment.amount_usd'], 9) AS AmountUsd, a['payment.decline_reason'] AS DeclineReason,
    Duration AS DurationNs, Failed
FROM spans_flat
WHERE SpanName = 'payment.process'

-- table fact_profit_shares
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
UserId String,
ProfitUsd Nullable(Decimal(38, 9)),
Ratio Nullable(Decimal(38, 9)),
AmountUsd Nullable(Decimal(38, 9))
-- order Timestamp, Environment
-- view fact_profit_shares from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, UserId,
    toDecimal128OrNull(a['profit_share.profit_usd'], 9) AS ProfitUsd, toDecimal128OrNull(a['profit_share.ratio'], 9) AS Ratio,
    toDecimal128OrNull(a['profit_share.amount_usd'], 9) AS AmountUsd
FROM logs_flat
WHERE EventName = 'profit_share.distributed'
