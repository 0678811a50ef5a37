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
Failed UInt8
-- order Timestamp, Environment
-- view fact_safety from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, EventName AS Event, Service,
    if(a['security.kind'] != '', a['security.kind'], a['safety.name']) AS Name,
    a['safety.from'] AS FromState, a['safety.to'] AS ToState, a['safety.reason'] AS Reason,
    toFloat64OrNull(a['safety.duration_s']) AS DurationS,
    (a['observatory.outcome'] = 'failure' OR lower(a['safety.succeeded']) IN ('false', '0')) AS Failed
FROM logs_flat
WHERE EventName IN ('emergency.activated', 'circuit_breaker.transition', 'failover', 'service.degraded', 'security.event')
