-- What the platform keeps. Every statement can be run again; several processes may run them one after the other.

CREATE TABLE IF NOT EXISTS users (
    id text PRIMARY KEY,
    entry bigserial NOT NULL,
    cohort text NOT NULL,
    plan text NOT NULL,
    mode text NOT NULL,
    channels text[] NOT NULL
);

-- A balance is what its entries sum up to, and what the entries that were trimmed away summed up to.
CREATE TABLE IF NOT EXISTS ledger_accounts (
    id text PRIMARY KEY,
    balance numeric NOT NULL DEFAULT 0,
    trimmed numeric NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS ledger_entries (
    entry bigserial PRIMARY KEY,
    key text NOT NULL UNIQUE,
    account text NOT NULL REFERENCES ledger_accounts (id),
    kind text NOT NULL,
    amount numeric NOT NULL,
    balance_after numeric NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS activations (
    entry bigserial NOT NULL,
    user_id text NOT NULL,
    strategy_id text NOT NULL,
    PRIMARY KEY (user_id, strategy_id)
);
CREATE INDEX IF NOT EXISTS activations_by_strategy ON activations (strategy_id, entry);

CREATE TABLE IF NOT EXISTS subscriptions (
    entry bigserial NOT NULL,
    user_id text NOT NULL,
    channel text NOT NULL,
    PRIMARY KEY (user_id, channel)
);
CREATE INDEX IF NOT EXISTS subscriptions_by_channel ON subscriptions (channel, entry);

CREATE TABLE IF NOT EXISTS portfolios (
    user_id text PRIMARY KEY,
    document jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS strategies (
    id text PRIMARY KEY,
    entry bigserial NOT NULL UNIQUE,
    kind text GENERATED ALWAYS AS (document ->> 'kind') STORED,
    publisher text GENERATED ALWAYS AS (document ->> 'publisher') STORED,
    status text GENERATED ALWAYS AS (document ->> 'status') STORED,
    document jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS signals (
    id text PRIMARY KEY,
    entry bigserial NOT NULL UNIQUE,
    kind text GENERATED ALWAYS AS (document ->> 'kind') STORED,
    symbol text GENERATED ALWAYS AS (document ->> 'symbol') STORED,
    strategy_id text GENERATED ALWAYS AS (document ->> 'strategy_id') STORED,
    document jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS orders (
    id text PRIMARY KEY,
    entry bigserial NOT NULL UNIQUE,
    user_id text GENERATED ALWAYS AS (document ->> 'user_id') STORED,
    symbol text GENERATED ALWAYS AS (document ->> 'symbol') STORED,
    status text GENERATED ALWAYS AS (document ->> 'status') STORED,
    document jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

-- Books one entry, or says why not. The account's row is held until the end, so bookings of one account queue up.
CREATE OR REPLACE FUNCTION book(
    the_account text, the_kind text, the_amount numeric, the_key text, overdraft boolean,
    OUT outcome text, OUT before numeric, OUT after numeric
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT balance INTO before FROM ledger_accounts WHERE id = the_account FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO ledger_accounts (id) VALUES (the_account) ON CONFLICT DO NOTHING;
        SELECT balance INTO before FROM ledger_accounts WHERE id = the_account FOR UPDATE;
    END IF;
    after := before + the_amount;
    IF EXISTS (SELECT FROM ledger_entries WHERE key = the_key) THEN
        outcome := 'duplicate';
        RETURN;
    END IF;
    IF the_amount < 0 AND after < 0 AND NOT overdraft THEN
        outcome := 'insufficient';
        RETURN;
    END IF;
    INSERT INTO ledger_entries (key, account, kind, amount, balance_after)
        VALUES (the_key, the_account, the_kind, the_amount, after) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- The same key, booked on another account at the same moment.
        outcome := 'duplicate';
        RETURN;
    END IF;
    UPDATE ledger_accounts SET balance = after WHERE id = the_account;
    outcome := 'booked';
END $$;

-- Keeps the newest entries of what grows without end. Balances stay what they are.
CREATE OR REPLACE FUNCTION trim_records(most bigint) RETURNS void LANGUAGE sql AS $$
    DELETE FROM strategies WHERE entry <= (SELECT max(entry) FROM strategies) - most;
    DELETE FROM signals WHERE entry <= (SELECT max(entry) FROM signals) - most;
    DELETE FROM orders WHERE entry <= (SELECT max(entry) FROM orders) - most;
    WITH gone AS (
        DELETE FROM ledger_entries WHERE entry <= (SELECT max(entry) FROM ledger_entries) - most RETURNING account, amount
    ), sums AS (
        SELECT account, sum(amount) AS amount FROM gone GROUP BY account
    )
    UPDATE ledger_accounts SET trimmed = trimmed + sums.amount FROM sums WHERE id = sums.account;
$$;
