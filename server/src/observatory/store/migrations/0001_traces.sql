-- The Collector's table (columns of its ClickHouse exporter, read at contrib commit 2bf6b9e1f8c8), then ours.
-- Columns of ours are computed by the table, so a stock Collector can write it too.
CREATE TABLE IF NOT EXISTS otel_traces (
    Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    `Events.Timestamp` Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    `Events.Name` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `Events.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    `Links.TraceId` Array(String) CODEC(ZSTD(1)),
    `Links.SpanId` Array(String) CODEC(ZSTD(1)),
    `Links.TraceState` Array(String) CODEC(ZSTD(1)),
    `Links.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    EndTimestamp DateTime64(9, 'UTC') ALIAS Timestamp + toIntervalNanosecond(least(Duration, 86400000000000)),
    Environment LowCardinality(String) MATERIALIZED multiIf(ResourceAttributes['deployment.environment.name'] != '', ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment'] != '', ResourceAttributes['deployment.environment'], 'production'),
    Service LowCardinality(String) MATERIALIZED multiIf(SpanAttributes['observatory.service'] != '', SpanAttributes['observatory.service'], ResourceAttributes['observatory.service'] != '', ResourceAttributes['observatory.service'], ScopeName != '', ScopeName, toString(ServiceName)),
    Feature LowCardinality(String) MATERIALIZED SpanAttributes['observatory.feature'],
    UserId LowCardinality(String) MATERIALIZED SpanAttributes['user.id'],
    UserCohort LowCardinality(String) MATERIALIZED SpanAttributes['user.cohort'],
    Caller LowCardinality(String) MATERIALIZED SpanAttributes['observatory.caller'],
    Outcome LowCardinality(String) MATERIALIZED SpanAttributes['observatory.outcome'],
    Failed UInt8 MATERIALIZED StatusCode = 'Error' OR SpanAttributes['observatory.outcome'] = 'failure',
    Entry UInt8 MATERIALIZED SpanAttributes['observatory.caller'] != '' OR (SpanAttributes['observatory.service'] = '' AND (SpanKind IN ('Server', 'Consumer') OR ParentSpanId = '')),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) {{merge_tree}}
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS {{durable}};

-- One row per call of a service: narrow and time-ordered, so that a short window reads only its newest part.
CREATE TABLE IF NOT EXISTS fact_calls (
    Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    Environment LowCardinality(String),
    Service LowCardinality(String),
    Caller LowCardinality(String),
    Feature LowCardinality(String),
    UserId LowCardinality(String),
    SpanName LowCardinality(String),
    DurationNs UInt64 CODEC(T64, ZSTD(1)),
    Failed UInt8,
    Outcome LowCardinality(String),
    Instance LowCardinality(String),
    TraceId String CODEC(ZSTD(1))
) {{merge_tree}}
PARTITION BY toDate(Timestamp)
ORDER BY Timestamp
SETTINGS {{durable}};
