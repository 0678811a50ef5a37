"""What SQL cannot do for the deep dive of the resources: when one of them is used up."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.analytics import exhaustion
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row

_HOUR_S = 3_600


def exhausted(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """A row for each resource that has a limit, the one that is used up first in front."""
    made = [_row(row) for row in rows if row["most"] > 0]
    return sorted(made, key=lambda row: (row["exhausted_in_s"] is None, row["exhausted_in_s"] or 0, -row["used_ratio"]))


def _row(row: Row) -> dict[str, object]:
    found = exhaustion.time_to(row["times_s"], row["used"], row["most"])
    return {
        "resource": row["resource"],
        "name": row["name"],
        "instance": row["instance"],
        "used": row["used"][-1],
        "limit": row["most"],
        "used_ratio": row["used"][-1] / row["most"],
        "growth_per_hour": found.growth_per_s * _HOUR_S if found else None,
        "exhausted_in_s": found.seconds if found else None,
        "exhausted_in_s_low": found.low if found else None,
        "exhausted_in_s_high": found.high if found else None,
        "readings": len(row["times_s"]),
        "last_at": row["last_at"],
    }
