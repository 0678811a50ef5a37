"""Fill a store with GenAI-sized spans by SQL, through every view, at a constant rate of spans per day up to now.

A process of its own: the embedded store opens once per process. Usage: fill.py FOLDER SPANS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from clickhouse_connect import get_client

from observatory import catalogue, settings
from observatory.app import plan
from observatory.selfwatch import Selfwatch
from observatory.store import DATABASE, open_store

SPANS_PER_DAY = 1_600_000
_STEP = 500_000

_SELECT = """
SELECT fromUnixTimestamp64Nano(toInt64({newest:Int64} - number * {gap_ns:Int64}), 'UTC') AS Timestamp,
    lower(hex(sipHash128(intDiv(number, 4)))) AS TraceId, lower(hex(cityHash64(number))) AS SpanId,
    if(number % 4 = 0, '', lower(hex(cityHash64(intDiv(number, 4) * 4)))) AS ParentSpanId,
    ['openai', 'anthropic', 'gcp.gemini'][1 + cityHash64(number, 1) % 3] AS provider,
    ['gpt-4o', 'claude-3-5-sonnet-latest', 'gemini-1.5-pro'][1 + cityHash64(number, 1) % 3] AS model,
    {edges:Array(Tuple(String, String))}[1 + cityHash64(intDiv(number, 4), 2) % {edge_count:UInt32}] AS edge,
    'chat ' || model AS SpanName, 'Client' AS SpanKind, 'cryptouniverse-backend' AS ServiceName,
    map('service.name', 'cryptouniverse-backend', 'deployment.environment.name', 'production') AS ResourceAttributes,
    toUInt64(2e8 + cityHash64(number, 3) % 2000000000) AS Duration,
    mapConcat(map('observatory.service', edge.2, 'observatory.feature', 'chat',
        'user.id', 'u-' || toString(cityHash64(intDiv(number, 4), 4) % 2000), 'gen_ai.operation.name', 'chat',
        'gen_ai.provider.name', provider, 'gen_ai.request.model', model, 'gen_ai.response.model', model,
        'gen_ai.response.id', 'chatcmpl-' || lower(hex(cityHash64(number, 5))),
        'gen_ai.usage.input_tokens', toString(200 + cityHash64(number, 6) % 5800),
        'gen_ai.usage.output_tokens', toString(20 + cityHash64(number, 7) % 1180)),
        if(number % 4 = 0, map('observatory.caller', edge.1), map())) AS SpanAttributes,
    if(cityHash64(number, 8) % 100 = 0, 'Error', 'Unset') AS StatusCode,
    'production' AS Environment, edge.2 AS Service, if(number % 4 = 0, edge.1, '') AS Caller, 'chat' AS Feature,
    SpanAttributes['user.id'] AS UserId, '' AS UserCohort, '' AS Outcome, StatusCode = 'Error' AS Failed,
    number % 4 = 0 AS Entry, Timestamp + toIntervalNanosecond(Duration) AS EndTimestamp
FROM numbers({first:UInt64}, {count:UInt64})
"""
_COLUMNS = (
    "Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, Duration, "
    "SpanAttributes, StatusCode, Environment, Service, Caller, Feature, UserId, UserCohort, Outcome, Failed, Entry, "
    "EndTimestamp"
)


def main() -> None:
    """Fill and say how fast."""
    folder, spans = Path(sys.argv[1]), int(sys.argv[2])
    chosen = settings.load(data_dir=folder, retain_raw_days=60, retain_facts_days=90)
    store = open_store(plan(chosen), Selfwatch())
    client = get_client(dsn=chosen.dsn, database=DATABASE)
    edges = [(service.id, callee) for service in catalogue.load().services for callee in service.dependencies]
    started = time.monotonic()
    newest = time.time_ns()
    for first in range(0, spans, _STEP):
        client.command(
            f"INSERT INTO spans_flat ({_COLUMNS}) SELECT {_COLUMNS} FROM ({_SELECT})",
            parameters={
                "newest": newest,
                "gap_ns": 86_400_000_000_000 // SPANS_PER_DAY,
                "edges": edges,
                "edge_count": len(edges),
                "first": first,
                "count": min(_STEP, spans - first),
            },
            settings={"insert_deduplication_token": f"fill-{newest}-{first}", "max_partitions_per_insert_block": 0},
        )
        done = min(first + _STEP, spans)
        print(f"\r  {done:,} of {spans:,} spans, {done / (time.monotonic() - started):,.0f}/s", end="", flush=True)
    print()
    client.close()
    store.close()


if __name__ == "__main__":
    main()
