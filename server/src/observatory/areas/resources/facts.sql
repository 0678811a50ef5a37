-- Points of queues, pools, stores, machines and probes, by their OpenTelemetry names.
-- table fact_resources
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Metric LowCardinality(String),
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
    TimeUnix AS Timestamp, Environment, MetricName AS Metric, Service,
    arrayFirst(x -> x != '', [a['queue.name'], a['db.client.connection.pool.name'], a['pool.name'], a['db.namespace']]) AS Name,
    arrayFirst(x -> x != '', [a['db.client.connection.state'], a['state'], a['system.memory.state'], a['system.cpu.state'], a['network.io.direction']]) AS State,
    Instance, StartTimeUnix AS StartTime, Temporality = 1 AS Delta, ifNull(Value, 0) AS Value
FROM points_flat
WHERE Kind != 'histogram' AND isNotNull(Value)
    AND (startsWith(MetricName, 'queue.') OR startsWith(MetricName, 'db.client.connection.') OR startsWith(MetricName, 'redis.')
        OR startsWith(MetricName, 'system.') OR startsWith(MetricName, 'process.') OR startsWith(MetricName, 'postgresql.')
        OR MetricName IN ('observatory.probe.up', 'tlscheck.time_left'))
