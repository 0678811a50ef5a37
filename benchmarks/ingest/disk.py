"""Bytes on disk per stored span, by table. A process of its own: the embedded store opens once per process."""

from __future__ import annotations

import sys
from pathlib import Path

from clickhouse_connect import get_client

client = get_client(dsn=f"chdb://{Path(sys.argv[1]).absolute() / 'store'}", database="observatory")
for table in ("otel_traces", "fact_calls", "fact_ai_calls", "rollup_calls"):
    client.command(f"OPTIMIZE TABLE {table} FINAL")
spans = client.query("SELECT count() FROM otel_traces").result_rows[0][0]
sizes = client.query(
    "SELECT table, sum(bytes_on_disk) AS size FROM system.parts WHERE active AND database = 'observatory' "
    "GROUP BY table HAVING size > 0 ORDER BY size DESC"
).result_rows
print(f"all tables ({spans:,} spans)\t{sum(size for _, size in sizes) / spans:,.1f}")
for name, size in sizes[:5]:
    print(f"{name}\t{size / spans:,.1f}")
