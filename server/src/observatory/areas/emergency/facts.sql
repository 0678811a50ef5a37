-- What the platform's safety systems did and saw, and what was changed by hand or by a release: all of it rare.
-- table fact_safety
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
Name LowCardinality(String),
FromState LowCardinality(String),
ToState LowCardinality(String),
Reason LowCardinality(String),
DurationS Nullable(Float64),
Failed UInt8,
Subject String,
Evidence String,
Actor LowCardinality(String),
UserId String,
TraceId String CODEC(ZSTD(1))
-- order Timestamp, Environment
-- view fact_safety from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, EventName AS Event, Service,
    arrayFirst(x -> x != '', [a['security.kind'], a['safety.name'], a['config.key'], a['feature_flag.key']]) AS Name,
    a['safety.from'] AS FromState,
    arrayFirst(x -> x != '', [a['safety.to'], a['feature_flag.result.variant'], a['service.version']]) AS ToState,
    arrayFirst(x -> x != '', [a['safety.reason'], a['feature_flag.result.reason']]) AS Reason,
    toFloat64OrNull(a['safety.duration_s']) AS DurationS,
    (a['observatory.outcome'] = 'failure' OR lower(a['safety.succeeded']) IN ('false', '0')) AS Failed,
    a['security.subject'] AS Subject, a['security.evidence'] AS Evidence,
    arrayFirst(x -> x != '', [a['deployment.actor'], a['config.actor']]) AS Actor, UserId, TraceId
FROM logs_flat
WHERE EventName IN ('emergency.activated', 'circuit_breaker.transition', 'failover', 'service.degraded', 'security.event',
    'deployment', 'config.changed', 'feature_flag.evaluation')
