-- Whether secrets were taken out of a row by the server, since its sender had not done so.
ALTER TABLE otel_traces ADD COLUMN IF NOT EXISTS Redacted UInt8 DEFAULT 0 CODEC(ZSTD(1));

ALTER TABLE otel_logs ADD COLUMN IF NOT EXISTS Redacted UInt8 DEFAULT 0 CODEC(ZSTD(1));
