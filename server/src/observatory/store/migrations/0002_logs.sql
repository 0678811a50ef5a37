-- The Collector's table (columns of its ClickHouse exporter, read at contrib commit 169e3b3e0562), then ours.
-- Columns of ours are computed by the table, so a stock Collector can write it too.
-- BodyKind says what the body was, because "1" and 1 have the same text.
CREATE TABLE IF NOT EXISTS otel_logs (
    Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ObservedTimestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8 CODEC(ZSTD(1)),
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8 CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    BodyKind LowCardinality(String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName LowCardinality(String) CODEC(ZSTD(1)),
    TimestampTime DateTime('UTC') DEFAULT toDateTime(Timestamp),
    Environment LowCardinality(String) MATERIALIZED multiIf(ResourceAttributes['deployment.environment.name'] != '', ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment'] != '', ResourceAttributes['deployment.environment'], 'production'),
    Service LowCardinality(String) MATERIALIZED multiIf(LogAttributes['observatory.service'] != '', LogAttributes['observatory.service'], ResourceAttributes['observatory.service'] != '', ResourceAttributes['observatory.service'], ScopeName != '', ScopeName, toString(ServiceName)),
    Feature LowCardinality(String) MATERIALIZED LogAttributes['observatory.feature'],
    UserId LowCardinality(String) MATERIALIZED LogAttributes['user.id'],
    UserCohort LowCardinality(String) MATERIALIZED LogAttributes['user.cohort'],
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
) {{merge_tree}}
PARTITION BY toDate(TimestampTime)
PRIMARY KEY (ServiceName, TimestampTime)
ORDER BY (ServiceName, TimestampTime, Timestamp)
SETTINGS {{durable}};
