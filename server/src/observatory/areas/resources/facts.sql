-- Points of queues, pools, stores, machines and probes, by their OpenTelemetry names.
-- table fact_resources
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Metric LowCardinality(String),
Process LowCardinality(String),
Service LowCardinality(String),
Name LowCardinality(String),
State LowCardinality(String),
Instance LowCardinality(String),
StartTime DateTime64(9, 'UTC'),
Delta UInt8,
Value Float64
-- order Timestamp, Environment
-- view fact_resources from points_flat
WITH Attributes AS a
SELECT
    TimeUnix AS Timestamp, Environment, MetricName AS Metric, ServiceName AS Process, Service,
    arrayFirst(x -> x != '', [a['queue.name'], a['db.client.connection.pool.name'], a['pool.name'], a['db.namespace'], a['system.filesystem.mountpoint'], a['mountpoint'], a['system.device'], a['device'], a['server.address']]) AS Name,
    arrayFirst(x -> x != '', [a['db.client.connection.state'], a['state'], a['system.memory.state'], a['system.cpu.state'], a['system.filesystem.state'], a['network.io.direction'], a['queue.outcome'], a['websocket.drop.reason']]) AS State,
    Instance, StartTimeUnix AS StartTime, Temporality = 1 AS Delta, ifNull(Value, 0) AS Value
FROM points_flat
WHERE Kind != 'histogram' AND isNotNull(Value)
    AND (startsWith(MetricName, 'queue.') OR startsWith(MetricName, 'db.client.connection.') OR startsWith(MetricName, 'redis.')
        OR startsWith(MetricName, 'system.') OR startsWith(MetricName, 'process.') OR startsWith(MetricName, 'postgresql.') OR startsWith(MetricName, 'websocket.')
        OR MetricName IN ('observatory.probe.up', 'tlscheck.time_left', 'observatory.service.cpu.time'))

-- The platform's own chores, and what every call sent and received where its sender tells the sizes.
-- table fact_chores
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
Name LowCardinality(String),
Status LowCardinality(String),
Value Nullable(Float64),
DurationNs Nullable(UInt64),
Failed UInt8,
SentBytes Nullable(UInt64),
ReceivedBytes Nullable(UInt64),
Weight UInt32
-- order Timestamp, Environment
-- view fact_chores from spans_picked
WITH
    SpanAttributes AS a,
    toUInt64OrNull(if(a['http.request.body.size'] != '', a['http.request.body.size'], a['http.request_content_length'])) AS asked,
    toUInt64OrNull(if(a['http.response.body.size'] != '', a['http.response.body.size'], a['http.response_content_length'])) AS answered
SELECT
    EndTimestamp AS Timestamp, Environment,
    if(SpanName IN ('portfolio.optimise', 'strategy.coordinate', 'message.send'), SpanName, 'transfer') AS Event,
    Service, a['message.kind'] AS Name, a['message.status'] AS Status,
    if(SpanName = 'portfolio.optimise', toFloat64OrNull(a['portfolio.objective.after']) - toFloat64OrNull(a['portfolio.objective.before']),
        toFloat64OrNull(a['strategy.coordinate.conflicts'])) AS Value,
    Duration AS DurationNs, Failed OR a['message.status'] = 'failed' AS Failed,
    if(SpanKind = 'Server', answered, asked) AS SentBytes, if(SpanKind = 'Server', asked, answered) AS ReceivedBytes, Weight
FROM (
    SELECT * FROM spans_picked
    WHERE SpanName IN ('portfolio.optimise', 'strategy.coordinate', 'message.send')
        OR arrayExists(name -> name IN ('http.request.body.size', 'http.request_content_length', 'http.response.body.size', 'http.response_content_length'), mapKeys(SpanAttributes))
)
WHERE SpanName IN ('portfolio.optimise', 'strategy.coordinate', 'message.send') OR isNotNull(asked) OR isNotNull(answered)
-- view fact_chores from logs_flat
WITH LogAttributes AS a
SELECT
    Timestamp, Environment, EventName AS Event, Service,
    arrayFirst(x -> x != '', [a['onboarding.step.name'], a['auth.method'], a['rate_limit.name'], a['journal.kind'], a['health.check.target'], a['config.key'], a['mock.name'], a['feature_flag.key']]) AS Name,
    arrayFirst(x -> x != '', [a['health.check.status'], a['feature_flag.result.variant'], a['observatory.outcome']]) AS Status,
    toFloat64OrNull(a['rate_limit.used']) / nullIf(toFloat64OrNull(a['rate_limit.limit']), 0) AS Value,
    accurateCastOrNull(toFloat64OrNull(if(a['onboarding.step.duration_s'] != '', a['onboarding.step.duration_s'], a['health.check.duration_s'])) * 1e9, 'UInt64') AS DurationNs,
    a['observatory.outcome'] = 'failure' OR lower(a['rate_limit.allowed']) IN ('false', '0') OR a['health.check.status'] IN ('degraded', 'critical') AS Failed,
    CAST(NULL, 'Nullable(UInt64)') AS SentBytes, CAST(NULL, 'Nullable(UInt64)') AS ReceivedBytes, 1 AS Weight
FROM logs_flat
WHERE EventName IN ('onboarding.step', 'auth.attempt', 'rate_limit.decision', 'journal.entry', 'health.check', 'config.changed', 'mock.served', 'feature_flag.evaluation')
