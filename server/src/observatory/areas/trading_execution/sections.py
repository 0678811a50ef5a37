"""What SQL cannot do for the deep dives of the orders: intervals, histograms, and the comparison of paper and live."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from observatory.analytics import divergence, intervals
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.areas.histograms import histograms

__all__ = ["compared", "decomposed", "histograms", "shares"]

_PARTS = ("total_bps", "price_bps", "timing_bps", "fill_bps", "missed_bps")


def shares(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows of `orders` out of `of`, with the share and its interval."""
    made = []
    for row in rows:
        orders, of = int(row["orders"]), int(row["of"])
        share = orders / of if of else None
        low, high = (None if share is None else intervals.wilson(share, of)) or (None, None)
        made.append({**row, "share_ratio": share, "share_ratio_low": low, "share_ratio_high": high})
    return made


def decomposed(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a signal that was taken in both modes, with what the difference is made of."""
    return [{**row, **_parts(row)} for row in rows]


def compared(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a part of the difference between the modes, over all signals that were taken in both."""
    found = [_parts(row) for row in rows]
    return [_compared(part, [each[part] for each in found]) for part in _PARTS] if rows else []


def _compared(part: str, values: Sequence[float | None]) -> Row:
    told = divergence.compare(values)
    return {
        "part": part.removesuffix("_bps"),
        "signals": len(values),
        "known": told.samples if told else 0,
        "mean_bps": told.mean if told else None,
        "mean_bps_low": told.low if told else None,
        "mean_bps_high": told.high if told else None,
        "p_value": told.p_value if told else None,
    }


def _parts(row: Row) -> Mapping[str, float | None]:
    names = ("decision_price", "live_price", "live_mid", "live_filled_ratio")
    more = ("paper_price", "paper_mid", "paper_filled_ratio", "return_ratio")
    told = divergence.decompose(str(row["side"]), *(_number(row[name]) for name in (*names, *more)))
    return {part: getattr(told, part) if told else None for part in _PARTS}


def _number(value: object) -> float | None:
    found = None if value is None else float(str(value))
    return found if found is not None and math.isfinite(found) else None
