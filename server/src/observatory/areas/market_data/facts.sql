-- Points of the feed metrics. A counter's StartTime names the run it counts in, so a restart is no negative increase.
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
Count UInt64
-- order Timestamp, Environment
-- view fact_feed from points_flat
SELECT
    TimeUnix AS Timestamp, Environment, MetricName AS Metric,
    Attributes['exchange.id'] AS Exchange, Attributes['market_data.channel'] AS Channel,
    Attributes['market_data.symbol'] AS Symbol, Instance, StartTimeUnix AS StartTime, Temporality = 1 AS Delta,
    ifNull(if(Kind = 'histogram', Sum, Value), 0) AS Value, Count
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
-- view fact_exchange_calls from spans_flat
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment, Service, a['exchange.id'] AS Exchange, a['exchange.operation'] AS Operation,
    toUInt16OrZero(arrayFirst(x -> x != '', [a['http.response.status_code'], a['http.status_code']])) AS StatusCode,
    toFloat64OrNull(a['exchange.rate_limit.used']) AS LimitUsed, toFloat64OrNull(a['exchange.rate_limit.limit']) AS LimitMax,
    toFloat64OrNull(a['exchange.rate_limit.retry_after_s']) AS RetryAfterS,
    Duration AS DurationNs, Failed
FROM spans_flat
WHERE a['exchange.id'] != '' AND a['exchange.operation'] != ''
