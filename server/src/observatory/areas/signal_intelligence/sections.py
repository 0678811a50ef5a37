"""What SQL cannot do for the deep dives of the signals: intervals, Sharpe, calibration, silence."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from observatory.analytics import calibration, intervals, returns, silence
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.areas.histograms import histograms

# Named by deepdives.yaml: what several areas do alike is written once.
__all__ = ["churn", "histograms", "hops", "performance", "quality", "reliability", "rhythm", "shares"]

# A signal that has not come further is waited for this long: three times the usual longest, and never less than this.
_PATIENCE = 3.0
_LEAST_PATIENCE_S = 5.0
# Out of so many calls of the generator at most nine in ten are taken to make a signal: one unanswered call is no stall.
_MOST_ANSWERED = 0.9
QUIET = "quiet"


def hops(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows of `entered` and `reached`, and the `Ages` of those that did not: which wait, and which were dropped."""
    return [_hop(row) for row in sorted(rows, key=lambda row: int(row["Place"]))]


def shares(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows of how often something `happened` out of `of`, with the share and its interval."""
    return [{**row, **_share("share_ratio", int(row["happened"]), int(row["of"]))} for row in rows]


def performance(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """Rows of a UTC day, type and strategy: one row of all, and one for each type and strategy."""
    days = _whole_days(rows, span)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups["all", ""].append(row)
        for kind in ("type", "strategy"):
            if row[kind]:
                groups[kind, str(row[kind])].append(row)
    return [_performance(kind, name, groups[kind, name], days) for kind, name in sorted(groups)]


def quality(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """What signals said when they were made, and pairs of that and what came of it: one row of all, one a type."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        # A signal without a type is told of in the whole only.
        if row["Whole"] or row["kind"]:
            key = ("all", "") if row["Whole"] else ("type", str(row["kind"]))
            told = found.setdefault(key, {"made": None, "pairs": ()})
            told.update({"made": row} if row["Part"] == "made" else {"pairs": row["pairs"]})
    return [
        {"kind": kind, "name": name, **_means(told["made"]), **_calibrated(told["pairs"])}
        for (kind, name), told in sorted(found.items())
    ]


def reliability(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Pairs of a confidence and what came of it: bins."""
    bins = calibration.reliability(*_columns((row["confidence"], row["won"]) for row in rows))
    renamed = {"low": "correct_ratio_low", "high": "correct_ratio_high"}
    return [{renamed.get(name, name): value for name, value in asdict(each).items()} for each in bins]


def rhythm(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """Rows with the `times` of signals and of the generator's `calls`, in nanoseconds: how usual the silence is."""
    return [_rhythm(row, span) for row in rows]


def churn(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows of a channel and plan, and one of all: the share that was cancelled of what ran at some time."""
    known = [row for row in rows if row["active"] is not None]
    summed = {name: sum(int(row[name]) for row in rows) for name in ("subscribed", "cancelled")}
    active = sum(int(row["active"]) for row in known) if known else None
    made = [_churn(row, int(row["cancelled"])) for row in rows]
    # A cancellation where nobody tells how many there are is part of no rate.
    counted = sum(int(row["cancelled"]) for row in known)
    return [_churn({"channel": "", "plan": "", "active": active, **summed}, counted), *made] if rows else []


def _hop(row: Row) -> Row:
    told, entered = bool(row["Told"]), int(row["entered"] or 0)
    # More signals than calls: one call may make several.
    reached = int(row["reached"] or 0)
    patience_s = max(_LEAST_PATIENCE_S, _PATIENCE * (_number(row["p95_ms"]) or 0.0) / 1e3)
    waiting = sum(age < patience_s for age in row["Ages"])
    dropped = max(0, entered - reached - waiting)
    share = _share("drop_ratio", dropped, entered - waiting) if told else _share("drop_ratio", 0, 0)
    return {
        "hop": row["hop"],
        "entered": entered if told or row["Place"] else None,
        "reached": reached if told or not row["Place"] else None,
        "waiting": waiting if told else None,
        "dropped": dropped if told else None,
        **share,
        **{name: row[name] for name in ("out_of_order", "mean_ms", "p50_ms", "p95_ms", "p99_ms")},
        "max_ms": row["max_ms"] if _number(row["mean_ms"]) is not None else None,
    }


def _whole_days(rows: Sequence[Row], span: Span) -> tuple[date, date] | None:
    """The first and the last whole UTC day of the range since the first signal; None without one."""
    if not rows:
        return None
    start, end = span.start.astimezone(UTC), span.end.astimezone(UTC)
    first = start.date() if start == _midnight(start.date()) else start.date() + timedelta(days=1)
    first, last = max(first, min(row["day"] for row in rows)), end.date() - timedelta(days=1)
    return (first, last) if first <= last else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _performance(kind: str, name: str, rows: Sequence[Row], days: tuple[date, date] | None) -> Row:
    count = {each: sum(int(row[each]) for row in rows) for each in ("judged", "told", "wins", "priced", "returns")}
    summed = math.fsum(_number(row["return_sum"]) or 0.0 for row in rows)
    squares = math.fsum(_number(row["return_squares"]) or 0.0 for row in rows)
    return {
        "kind": kind,
        "name": name,
        "judged": count["judged"],
        "won": count["wins"],
        **_share("win_rate", count["wins"], count["told"]),
        "pnl_usd": _sum_usd(rows) if count["priced"] else None,
        "pnl_samples": count["priced"],
        **_mean("return_mean_ratio", *_moments(count["returns"], summed, squares)),
        "return_samples": count["returns"],
        **_sharpe(rows, days),
    }


def _sum_usd(rows: Sequence[Row]) -> Decimal:
    return sum((Decimal(row["pnl_usd"]) for row in rows if row["pnl_usd"] is not None), Decimal(0))


def _moments(count: int, summed: float, squares: float) -> tuple[float | None, float | None, int]:
    if count == 0:
        return None, None, 0
    mean = summed / count
    variance = max(0.0, squares - count * mean * mean) / (count - 1) if count > 1 else None
    return mean, None if variance is None else math.sqrt(variance), count


def _sharpe(rows: Sequence[Row], days: tuple[date, date] | None) -> Row:
    """Of the daily sums of returns: one stake a signal from capital that is not added to, whose size falls out."""
    daily = _daily(rows, *days) if days else []
    found = returns.sharpe(daily)
    return {
        "sharpe": found.value if found else None,
        "sharpe_low": found.low if found else None,
        "sharpe_high": found.high if found else None,
        "sharpe_days": len(daily),
    }


def _daily(rows: Sequence[Row], first: date, last: date) -> list[float]:
    summed: dict[date, float] = defaultdict(float)
    known = [row for row in rows if int(row["returns"])]
    for row in known:
        summed[row["day"]] += float(row["return_sum"])
    length = (last - first).days + 1 if known else 0
    return [summed.get(first + timedelta(days=place), 0.0) for place in range(length)]


def _means(made: Row | None) -> Row:
    names = (("confidence", "n", "mean", "deviation"), ("quality", "n2", "mean2", "deviation2"))
    found: dict[str, Any] = {}
    for name, count, mean, deviation in names:
        samples = int(made[count]) if made else 0
        found[f"{name}_samples"] = samples
        values = (_number(made[mean]), _number(made[deviation])) if made and samples else (None, None)
        found |= _mean(f"{name}_mean", *values, samples)
    return found


def _calibrated(pairs: Iterable[Sequence[Any]]) -> Row:
    told = calibration.score(*_columns(pairs))
    names = ("brier", "ece", "ece_adaptive", "ece_by_chance")
    return {"judged": told.samples if told else 0, **{name: getattr(told, name, None) for name in names}}


def _columns(pairs: Iterable[Sequence[Any]]) -> tuple[list[float | None], list[bool | None]]:
    found = list(pairs)
    return [float(confidence) for confidence, _ in found], [bool(won) for _, won in found]


def _rhythm(row: Row, span: Span) -> Row:
    end_ns = int(span.end.timestamp()) * 1_000_000_000 + span.end.microsecond * 1_000
    times: Sequence[int] = row["times"]
    age_s = (end_ns - times[-1]) / 1e9
    judged = silence.judge([(after - before) / 1e9 for before, after in pairwise(times)], age_s)
    unanswered = len(row["calls"]) - bisect_right(row["calls"], times[-1])
    verdict: str = judged.verdict
    if judged.verdict is silence.Verdict.SILENT and _by_chance(row, unanswered) >= silence.RARE:
        verdict = QUIET
    return {
        **{name: row[name] for name in ("kind", "name", "signals")},
        "rate_per_h": row["last_hour"],
        "expected_per_h": _expected(row, span),
        "silent_s": age_s,
        "usual_gap_s": judged.usual_gap_s,
        "usual_gaps": judged.usual_gaps,
        "probability": judged.probability,
        "events_unanswered": unanswered if row["calls"] else None,
        "verdict": verdict,
    }


def _by_chance(row: Row, unanswered: int) -> float:
    """Probability that none of the calls since the last signal made one; 0 where nobody tells of calls."""
    answered = len(row["calls"]) - unanswered
    if not row["calls"] or row["kind"] == "channel":
        return 0.0
    share = min(_MOST_ANSWERED, int(row["signals"]) / max(1, answered))
    return math.pow(1 - share, unanswered)


def _expected(row: Row, span: Span) -> float | None:
    """Mean rate from the first one seen to an hour before the end."""
    before_s = (span.end - timedelta(hours=1) - row["first_at"].astimezone(UTC)).total_seconds()
    return (int(row["signals"]) - int(row["last_hour"])) / before_s * 3_600 if before_s > 0 else None


def _churn(row: Row, cancelled: int) -> Row:
    ran = 0 if row["active"] is None else int(row["active"]) + cancelled
    return {**row, **_share("churn_ratio", cancelled if ran else 0, ran)}


def _share(name: str, part: int, of: int) -> Row:
    share = part / of if of > 0 else None
    low, high = (None if share is None else intervals.wilson(share, of)) or (None, None)
    return {name: share, f"{name}_low": low, f"{name}_high": high}


def _mean(name: str, mean: float | None, deviation: float | None, samples: int) -> Mapping[str, float | None]:
    ends = None if mean is None or deviation is None else intervals.mean(mean, deviation, samples)
    low, high = ends or (None, None)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _number(value: object) -> float | None:
    found = None if value is None else float(str(value))
    return found if found is not None and math.isfinite(found) else None
