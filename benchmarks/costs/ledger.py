"""How long the ledger takes over 30 days in a store of its own, from the facts and from rolled hours.

python benchmarks/costs/ledger.py [calls] [users]     # 2,500,000 calls are those of about 50 million spans
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from observatory import app
from observatory.clock import HeldClock
from observatory.costs import Book, Ledger, Rollup
from observatory.selfwatch import Selfwatch
from observatory.settings import load
from observatory.store import open_store

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 2_500_000
USERS = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
FILL = f"""INSERT INTO fact_ai_calls (Timestamp, Environment, Service, Feature, UserId, UserCohort, Provider,
    RequestModel, Operation, InputTokens, OutputTokens, CacheReadTokens, TraceId, Id, Within)
SELECT toDateTime64('{NOW:%Y-%m-%d %H:%M:%S}', 9, 'UTC') - toIntervalSecond((number + 1) * 2592000 / {CALLS}),
    'production', concat('service_', toString(rand(5) % 12)), concat('feature_', toString(rand(2) % 4)),
    concat('u', toString(rand(3) % {USERS})), concat('cohort_', toString(rand(3) % 5)),
    ['openai', 'openai', 'openai', 'anthropic', 'anthropic'][1 + rand(5) % 5],
    ['gpt-4o', 'gpt-4o-mini', 'o3', 'claude-sonnet-4-5', 'claude-haiku-4-5'][1 + rand(5) % 5], 'chat',
    rand(6) % 20000, rand(7) % 800, rand(8) % 100 = 0 ? 0 : NULL, lower(hex(rand64(9))), rand64(10), rand64(11)
FROM numbers({CALLS})"""
CHARGES = f"""INSERT INTO fact_cost_charges (Timestamp, Environment, Service, Feature, UserId, UserCohort, Provider,
    Category, AmountUsd)
SELECT toDateTime64('{NOW:%Y-%m-%d %H:%M:%S}', 9, 'UTC') - toIntervalSecond((number + 1) * 10), 'production',
    'api_cost_tracker', '', concat('u', toString(rand(3) % {USERS})), '', 'kraken', 'exchange',
    toDecimal128(rand(1) % 1000, 9) / 1000
FROM numbers(259200)"""
ASKED: dict[str, dict[str, Any]] = {
    "total": {},
    "by model": {"by": ("model",)},
    "by user": {"by": ("user",)},
    "by user and model": {"by": ("user", "model")},
    "by feature, hourly": {"by": ("feature",), "step_s": 3_600},
    "one user": {"only": {"user": "u17"}},
}


async def timed(ledger: Ledger, days: int, **how: Any) -> float:
    """Median of five, in ms of CPU: of two cores, about half of it passes."""
    took = []
    for _ in range(5):
        begun = time.process_time()
        await ledger.spent("production", NOW - timedelta(days=days), NOW, **how)
        took.append((time.process_time() - begun) * 1_000)
    return statistics.median(took)


async def main() -> None:
    """Fill, measure, roll, measure."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(app.plan(load(data_dir=Path(folder))), Selfwatch())
        for sql in (FILL, CHARGES):
            store.command(sql)
        ledger = Ledger(store.reader, Book())
        for name in ("total", "by user"):
            print(f"facts, 30 d, {name}: {await timed(ledger, 30, **ASKED[name]):.0f} ms CPU")
        rollup = Rollup(store, ledger.book, HeldClock(NOW), timedelta(days=90))
        begun = time.perf_counter()
        while rollup.round():
            pass
        print(f"rolled in {time.perf_counter() - begun:.1f} s")
        begun = time.perf_counter()
        rollup.round()
        print(f"a round with nothing to do: {(time.perf_counter() - begun) * 1_000:.0f} ms")
        for days in (1, 30):
            for name, how in ASKED.items():
                print(f"hours, {days} d, {name}: {await timed(ledger, days, **how):.0f} ms CPU")
        store.close()


asyncio.run(main())
