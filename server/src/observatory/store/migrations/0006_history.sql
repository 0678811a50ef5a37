-- Every indicator as its rounds found it: at 10 s, rolled up to 1 m and 1 h. A series is read by its name, so the name
-- comes first in the key here, and time last. What is lost with a crash is measured again: no fsync.
CREATE TABLE IF NOT EXISTS indicator_history (
    Resolution UInt16,
    Timestamp DateTime('UTC'),
    Environment LowCardinality(String),
    Indicator LowCardinality(String),
    Member String,
    Last Nullable(Float64),
    Least Nullable(Float64),
    Greatest Nullable(Float64),
    Mean Nullable(Float64),
    Known UInt32,
    Points UInt32,
    Samples UInt64,
    WindowS UInt32,
    Estimated UInt8
) {{merge_tree}}
PARTITION BY (Resolution, toDate(Timestamp))
ORDER BY (Indicator, Environment, Member, Timestamp)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, auto_statistics_types = '';

-- What the newest snapshot said, so that the state of last night can be asked for.
CREATE TABLE IF NOT EXISTS snapshots (
    Resolution UInt16,
    Timestamp DateTime64(3, 'UTC'),
    Environment LowCardinality(String),
    SystemHealth String CODEC(ZSTD(3)),
    Services String CODEC(ZSTD(3)),
    Topology String CODEC(ZSTD(3))
) {{merge_tree}}
PARTITION BY (Resolution, toDate(Timestamp))
ORDER BY (Environment, Timestamp)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, auto_statistics_types = '';
