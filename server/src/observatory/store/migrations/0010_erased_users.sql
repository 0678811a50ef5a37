-- Keyed hashes of users that were erased: what still arrives of them is not stored. Filled from the control store.
CREATE TABLE IF NOT EXISTS erased_users (Digest UInt64) ENGINE = Set;
