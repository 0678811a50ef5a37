-- What became of the newest batches: written by the views of an insert and read back right after it.
-- In memory and short on purpose: the intent files, not this table, are what a restart relies on.
CREATE TABLE IF NOT EXISTS ingest_batches (
    Batch String,
    Items UInt64,
    Rejected UInt64
) ENGINE = Memory SETTINGS min_rows_to_keep = 100, max_rows_to_keep = 1000;
