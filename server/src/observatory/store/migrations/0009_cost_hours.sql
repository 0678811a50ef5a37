-- What was used in each hour, by whom and for what; prices are applied when it is read. An hour is written whole under a
-- number of its own, `Roll`, and counts from when cost_rolls names it: nobody reads half of one. Every entry stands in it
-- twice: by user, and, for whoever asks for nobody, over all users (`Whose` 'all'), which are far fewer rows.
CREATE TABLE IF NOT EXISTS cost_hours (
    Environment LowCardinality(String),
    Hour DateTime('UTC'),
    Half UInt8,
    Whose Enum8('all' = 0, 'user' = 1),
    Roll UInt64,
    Category LowCardinality(String),
    Provider LowCardinality(String),
    Model LowCardinality(String),
    Item LowCardinality(String),
    Band UInt32,
    Service LowCardinality(String),
    Feature LowCardinality(String),
    UserId String,
    UserCohort LowCardinality(String),
    StrategyId LowCardinality(String),
    Calls UInt64,
    Counted UInt64,
    Failures UInt64,
    Input UInt64,
    Output UInt64,
    CacheRead UInt64,
    CacheWrite UInt64,
    Reasoning UInt64,
    InputAudio UInt64,
    OutputAudio UInt64,
    InputImage UInt64,
    OutputImage UInt64,
    Untold UInt64,
    Estimated UInt64,
    Violations UInt64,
    Charges UInt64,
    Unreadable UInt64,
    Asking UInt64,
    Billed Nullable(Decimal(38, 9)),
    ChargedUsd Nullable(Decimal(38, 9))
) {{merge_tree}}
PARTITION BY toDate(Hour)
ORDER BY (Environment, Whose, Hour, UserId)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, auto_statistics_types = '';

-- The newest roll of each hour, and from how many facts it was made: model calls of the hour before, the hour and the one
-- after, charges. Late and backfilled facts change these counts, and the hour is rolled again.
CREATE TABLE IF NOT EXISTS cost_rolls (
    Hour DateTime('UTC'),
    Roll UInt64,
    Before UInt64,
    Calls UInt64,
    After UInt64,
    Charges UInt64,
    Rules String
) {{merge_tree}}
PARTITION BY toYYYYMM(Hour)
ORDER BY (Hour, Roll)
SETTINGS ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, auto_statistics_types = '';
