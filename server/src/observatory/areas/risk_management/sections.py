"""What SQL cannot do for the deep dive of risk: histograms, the shift of scores, and what a guard's silence means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from observatory.analytics import distribution
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row

SCORE_EDGES = tuple(range(0, 101, 10))
UTILIZATION_EDGES = (0.0, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0, 1.25, 1.5, 2.0)
# By usage an index below the first is stable, one above the second has moved (Siddiqi 2006).
STABLE, MOVED = 0.1, 0.25
# As many checks as must be missing before a guard counts as silent; the bound of the indicator.
SILENT = 10


def scores(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a kind: the portfolios' newest scores as a distribution, and how far they moved."""
    return [_scores(row) for row in rows]


def limits(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a limit: how far it was used, as a distribution."""
    made = []
    for row in rows:
        used = distribution.histogram(row["used"], UTILIZATION_EDGES)
        kept = {name: value for name, value in row.items() if name != "used"}
        made.append({**kept, **_quantiles(row["used"], "utilization_ratio"), "histogram": _bins(used)})
    return made


def guards(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a guard with its verdict: alive, silent while orders flow, letting breaches pass, or idle."""
    return [{**row, "verdict": _verdict(row)} for row in rows]


def _verdict(row: Row) -> str:
    if int(row["proofs_failed"]):
        return "lets_breaches_pass"
    if float(row["overdue_checks"]) > SILENT:
        return "silent"
    return "alive" if int(row["orders"]) else "idle"


def _scores(row: Row) -> Row:
    actual, expected = row["actual"], row["expected"]
    shift = distribution.psi(expected, actual)
    chance = distribution.psi_by_chance(len(expected), len(actual))
    return {
        "kind": row["kind"],
        "portfolios": len(actual),
        "portfolios_before": len(expected),
        **_quantiles(actual, "score"),
        "histogram": _bins(distribution.histogram(actual, SCORE_EDGES)),
        "histogram_before": _bins(distribution.histogram(expected, SCORE_EDGES)),
        "psi": shift,
        "psi_by_chance": chance,
        "shift": _shift(shift, chance),
    }


def _shift(shift: float | None, chance: float | None) -> str:
    if shift is None or chance is None:
        return "unknown"
    if shift <= max(STABLE, chance):
        return "stable"
    return "moved" if shift > MOVED else "moving"


def _quantiles(values: Sequence[float], name: str) -> Mapping[str, float | None]:
    found = np.asarray(values, dtype=float)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    known = {} if not found.size else {each: float(np.quantile(found, share)) for each, share in shares.items()}
    mean = float(found.mean()) if found.size else None
    return {f"{name}_mean": mean, **{f"{name}_{each}": known.get(each) for each in shares}}


def _bins(found: distribution.Histogram) -> Sequence[Row]:
    """Counts between the edges; what lies outside stands in bins that are open."""
    inner = [
        {"from": low, "below": high, "count": count}
        for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False)
    ]
    return [
        {"from": None, "below": found.edges[0], "count": found.below},
        *inner,
        {"from": found.edges[-1], "below": None, "count": found.above},
    ]
