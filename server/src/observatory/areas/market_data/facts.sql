-- Points of the feed metrics. A counter's StartTime names the run it counts in, so a restart is no negative increase.
-- Buckets and Bounds are those of a histogram: market_data.lag.
-- table fact_feed
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Metric LowCardinality(String),
Exchange LowCardinality(String),
Channel LowCardinality(String),
Symbol LowCardinality(String),
Instance LowCardinality(String),
StartTime DateTime64(9, 'UTC'),
Delta UInt8,
Value Float64,
Count UInt64,
Buckets Array(UInt64),
Bounds Array(Float64)
-- order Timestamp, Environment
-- view fact_feed from points_flat
SELECT
    TimeUnix AS Timestamp, Environment, MetricName AS Metric,
    Attributes['exchange.id'] AS Exchange, Attributes['market_data.channel'] AS Channel,
    Attributes['market_data.symbol'] AS Symbol, Instance, StartTimeUnix AS StartTime, Temporality = 1 AS Delta,
    ifNull(if(Kind = 'histogram', Sum, Value), 0) AS Value, Count, Buckets, Bounds
FROM points_flat
WHERE startsWith(MetricName, 'market_data.') AND if(Kind = 'histogram', isNotNull(Sum), isNotNull(Value))

-- table fact_exchange_calls
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Service LowCardinality(String),
Exchange LowCardinality(String),
Operation LowCardinality(String),
StatusCode UInt16,
LimitUsed Nullable(Float64),
LimitMax Nullable(Float64),
RetryAfterS Nullable(Float64),
DurationNs UInt64,
Failed UInt8
-- order Timestamp, Environment
-- view fact_exchange_calls from spans_picked
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['exchange.id'] AS Exchange, a['exchange.operation'] AS Operation,
    toUInt16OrZero(arrayFirst(x -> x != '', [a['http.response.status_code'], a['http.status_code']])) AS StatusCode,
    toFloat64OrNull(a['exchange.rate_limit.used']) AS LimitUsed, toFloat64OrNull(a['exchange.rate_limit.limit']) AS LimitMax,
    toFloat64OrNull(a['exchange.rate_limit.retry_after_s']) AS RetryAfterS,
    Duration AS DurationNs, Failed
FROM spans_picked
WHERE a['exchange.id'] != '' AND a['exchange.operation'] != ''

-- The ledger of what was missing or wrong, with the ids that its sender says used it. A gap has a start and an end, a bad
-- tick a time (start and end alike) and a price. Without times of its own it is where it was told.
-- table fact_feed_faults
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Kind LowCardinality(String),
Exchange LowCardinality(String),
Channel LowCardinality(String),
Symbol LowCardinality(String),
StartAt DateTime64(9, 'UTC'),
EndAt DateTime64(9, 'UTC'),
Price Nullable(Float64),
ReferencePrice Nullable(Float64),
Reason LowCardinality(String),
AffectedIds Array(String)
-- order Timestamp, Environment
-- view fact_feed_faults from logs_flat
WITH LogAttributes AS a, EventName = 'market_data.gap' AS IsGap,
    toInt64OrZero(a[if(IsGap, 'market_data.gap.start_unix_nano', 'market_data.bad_tick.time_unix_nano')]) AS StartNs,
    toInt64OrZero(a['market_data.gap.end_unix_nano']) AS EndNs
SELECT
    Timestamp, Environment, if(IsGap, 'gap', 'bad_tick') AS Kind, a['exchange.id'] AS Exchange,
    a['market_data.channel'] AS Channel, a['market_data.symbol'] AS Symbol,
    if(StartNs > 0, fromUnixTimestamp64Nano(StartNs, 'UTC'), Timestamp) AS StartAt,
    greatest(StartAt, if(EndNs > 0, fromUnixTimestamp64Nano(EndNs, 'UTC'), StartAt)) AS EndAt,
    toFloat64OrNull(a['market_data.bad_tick.price']) AS Price,
    toFloat64OrNull(a['market_data.bad_tick.reference_price']) AS ReferencePrice,
    a['market_data.bad_tick.reason'] AS Reason,
    JSONExtract(a['market_data.affected_ids'], 'Array(String)') AS AffectedIds
FROM logs_flat
WHERE EventName IN ('market_data.gap', 'market_data.bad_tick')
