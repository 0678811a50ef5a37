-- table fact_credit_entries
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
UserId String,
Type LowCardinality(String),
Amount Nullable(Decimal(38, 9)),
BalanceBefore Nullable(Decimal(38, 9)),
BalanceAfter Nullable(Decimal(38, 9)),
IdempotencyKey String,
TraceId String CODEC(ZSTD(1)),
Unreadable UInt8,
Cut UInt8
-- order Timestamp, Environment
-- view fact_credit_entries from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, UserId, a['credit.type'] AS Type,
    toDecimal128OrNull(a['credit.amount'], 9) AS Amount, toDecimal128OrNull(a['credit.balance_before'], 9) AS BalanceBefore,
    toDecimal128OrNull(a['credit.balance_after'], 9) AS BalanceAfter, a['credit.idempotency_key'] AS IdempotencyKey, TraceId,
    -- Told, and no number or beyond 29 digits before the point.
    isNull(Amount) AND a['credit.amount'] != '' OR isNull(BalanceBefore) AND a['credit.balance_before'] != ''
        OR isNull(BalanceAfter) AND a['credit.balance_after'] != '' AS Unreadable,
    -- Written with more places than are kept: what is beyond the ninth was cut.
    arrayExists(name -> match(a[name], '[eE]|[.][0-9]{10}'), ['credit.amount', 'credit.balance_before', 'credit.balance_after']) AS Cut
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
-- view fact_payments from spans_picked
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, UserId, a['payment.rail'] AS Rail, a['payment.status'] AS Status,
    toDecimal128OrNull(a['payment.amount_usd'], 9) AS AmountUsd, a['payment.decline_reason'] AS DeclineReason,
    Duration AS DurationNs, Failed
FROM spans_picked
WHERE SpanName = 'payment.process'

-- table fact_profit_shares
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
UserId String,
ProfitUsd Nullable(Decimal(38, 9)),
Ratio Nullable(Decimal(38, 9)),
AmountUsd Nullable(Decimal(38, 9)),
RatioExact Nullable(Decimal(38, 18)),
Places UInt8,
OrderId String,
TraceId String CODEC(ZSTD(1))
-- order Timestamp, Environment
-- view fact_profit_shares from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, Service, UserId,
    toDecimal128OrNull(a['profit_share.profit_usd'], 9) AS ProfitUsd, toDecimal128OrNull(a['profit_share.ratio'], 9) AS Ratio,
    toDecimal128OrNull(a['profit_share.amount_usd'], 9) AS AmountUsd,
    -- A third of a profit of thousands needs more digits than money.
    toDecimal128OrNull(a['profit_share.ratio'], 18) AS RatioExact,
    -- How exactly the amount was written: it may be rounded to that place, and to no other.
    toUInt8(if(match(a['profit_share.amount_usd'], '[eE]'), 9, least(9, length(splitByChar('.', a['profit_share.amount_usd'])[2])))) AS Places,
    a['order.id'] AS OrderId, TraceId
FROM logs_flat
WHERE EventName = 'profit_share.distributed'
