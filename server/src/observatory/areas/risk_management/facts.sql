-- table fact_risk
Timestamp DateTime64(9, 'UTC'),
Environment LowCardinality(String),
Event LowCardinality(String),
Service LowCardinality(String),
Kind LowCardinality(String),
PortfolioId String,
UserId String,
Score Nullable(Float64),
VarRatio Nullable(Float64),
Utilization Nullable(Float64),
LossRatio Nullable(Float64),
Breached UInt8,
Synthetic UInt8,
DurationNs UInt64,
Failed UInt8,
OrderId String,
TraceId String CODEC(ZSTD(1)),
Pairs Nullable(UInt32),
WindowS Nullable(Float64),
Answered UInt8
-- order Timestamp, Environment
-- view fact_risk from spans_picked
WITH SpanAttributes AS a
SELECT
    EndTimestamp AS Timestamp,
    Environment,
    transform(SpanName, ['risk.calculate', 'risk.limit.check', 'risk.correlation.compute', 'risk.stress_test'], ['calculate', 'limit_check', 'correlation', 'stress_test'], '') AS Event,
    Service,
    arrayFirst(x -> x != '', [a['risk.kind'], a['risk.limit.name'], a['risk.stress.scenario']]) AS Kind,
    a['portfolio.id'] AS PortfolioId, UserId,
    toFloat64OrNull(a['risk.score']) AS Score, toFloat64OrNull(a['risk.var_ratio']) AS VarRatio,
    toFloat64OrNull(a['risk.limit.utilization_ratio']) AS Utilization,
    toFloat64OrNull(a['risk.stress.loss_ratio']) AS LossRatio,
    lower(a['risk.limit.breached']) IN ('true', '1') AS Breached,
    lower(a['risk.limit.synthetic']) IN ('true', '1') AS Synthetic,
    Duration AS DurationNs, Failed, a['order.id'] AS OrderId, TraceId,
    toUInt32OrNull(a['risk.correlation.pairs']) AS Pairs, toFloat64OrNull(a['risk.correlation.window_s']) AS WindowS,
    a['risk.limit.breached'] != '' AND NOT Failed AS Answered
FROM spans_picked
WHERE SpanName IN ('risk.calculate', 'risk.limit.check', 'risk.correlation.compute', 'risk.stress_test')
