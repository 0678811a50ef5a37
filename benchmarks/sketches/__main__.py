"""Sketches: the error and the cost of merging of the two quantile states that a rollup could keep.

Each kind of values is cut into 60 states, as 60 minutes would be, which are merged again; the error is against the
exact quantile of all values.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

from clickhouse_connect import get_client
from rich.console import Console
from rich.table import Table

ROWS = 1_000_000
REPEATS = 5
LEVELS = "0.5, 0.95, 0.99"
SKETCHES = {"DDSketch, 1 %": f"quantilesDD{{}}(0.01, {LEVELS})", "t-digest": f"quantilesTDigest{{}}({LEVELS})"}
VALUES = {
    "log-normal": "randLogNormal(3, 1)",
    "Pareto": "5 * randChiSquared(2) + 100 / pow(rand64() / 18446744073709551616 + 1e-12, 0.5)",
    "two humps, p95 in the gap": "if(rand() % 10000 < 9498, randNormal(20, 2), randNormal(5000, 300))",
}


def main() -> None:
    """Run and print."""
    table = Table(title=f"60 merged states of {ROWS // 60:,} values each, {REPEATS} runs")
    for heading in ("values", "sketch", "largest error, p50 / p95 / p99", "merge ms, median"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory(prefix="observatory-sketches-") as folder:
        client = get_client(dsn=f"chdb://{folder}/store")
        for name, values in VALUES.items():
            found: dict[str, list[tuple[list[float], float]]] = {sketch: [] for sketch in SKETCHES}
            for _ in range(REPEATS):
                _once(client, values, found)
            for sketch, runs in found.items():
                worst = [max(errors[level] for errors, _ in runs) for level in range(3)]
                merge_ms = statistics.median(spent for _, spent in runs)
                table.add_row(name, sketch, " / ".join(f"{each:.2%}" for each in worst), f"{merge_ms:.1f}")
        client.close()
    Console(width=110).print(table)


def _once(client: Any, values: str, found: dict[str, list[tuple[list[float], float]]]) -> None:
    client.command("DROP TABLE IF EXISTS sample")
    client.command(
        f"CREATE TABLE sample ENGINE = Memory AS SELECT number % 60 AS Cell, {values} AS Value FROM numbers({ROWS})"
    )
    exact = client.query(f"SELECT quantilesExactInclusive({LEVELS})(Value) FROM sample").result_rows[0][0]
    for sketch, form in SKETCHES.items():
        state, merge = form.format("State"), form.format("Merge")
        client.command("DROP TABLE IF EXISTS states")
        client.command(
            f"CREATE TABLE states ENGINE = Memory AS SELECT Cell, {state}(Value) AS State FROM sample GROUP BY Cell"
        )
        began = time.perf_counter()
        merged = client.query(f"SELECT {merge}(State) FROM states").result_rows[0][0]
        spent_ms = (time.perf_counter() - began) * 1_000
        errors = [abs(is_ - should) / should for is_, should in zip(merged, exact, strict=True)]
        found[sketch].append((errors, spent_ms))


if __name__ == "__main__":
    main()
