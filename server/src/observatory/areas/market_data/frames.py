"""Frames of feeds as they were recorded, judged feed by feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from observatory.analytics import clock_offset, quiet
from observatory.analytics.clock_offset import Offset
from observatory.areas.market_data.values import first, number, seconds

# After connecting a venue first tells what went before: events from before the connection, for so long.
_REPLAYED_WITHIN_S = 2.0
_REPLAYED_BEFORE_S = 1.0
# Further ahead or behind, the numbers began anew.
_LONGEST_JUMP = 1_000_000


@dataclass(frozen=True, slots=True)
class SequenceGap:
    """Numbers that never came, and between which event times (seconds since 1970; receipt where there is none)."""

    first_missing: int
    last_missing: int
    start: float
    end: float

    @property
    def missing(self) -> int:
        """How many."""
        return self.last_missing - self.first_missing + 1


@dataclass(frozen=True, slots=True)
class FeedVerdict:
    """What the frames of one exchange and symbol say.

    Attributes:
        exchange, symbol: whose they are.
        messages: frames, without those that came twice.
        duplicates: frames whose number had come before.
        replayed: frames that tell what went before the connection; they say nothing about the latency.
        gaps: numbers that never came.
        missing: how many numbers never came.
        clock_ahead_ms: how far the venue's clock is ahead of ours; None when too little was seen.
        clock_uncertainty_ms: give or take this much.
        latency_ms: mean, p50, p95 and p99 by these names, clock put right, never below 0; empty when unknown.
        age_s: from its newest frame to the newest of all feeds.
        usual_gap_s: mean time between its frames.
        verdict: flowing, quiet or broken, by what the other venues of the symbol brought since.
        reason: the verdict in words.
    """

    exchange: str
    symbol: str
    messages: int
    duplicates: int
    replayed: int
    gaps: tuple[SequenceGap, ...]
    missing: int
    clock_ahead_ms: float | None
    clock_uncertainty_ms: float | None
    latency_ms: Mapping[str, float]
    age_s: float
    usual_gap_s: float | None
    verdict: quiet.Verdict
    reason: str


@dataclass(slots=True)
class _Feed:
    received_s: list[float] = field(default_factory=list)
    lags_ms: list[float] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    # First number that is missing to the times around the hole.
    holes: dict[int, tuple[int, float, float]] = field(default_factory=dict)
    highest: int | None = None
    newest_event_s: float = 0.0
    duplicates: int = 0
    replayed: int = 0


def judged(frames: Iterable[Mapping[str, Any]]) -> list[FeedVerdict]:
    """A verdict for each exchange and symbol, as of the newest receipt of all."""
    feeds: dict[tuple[str, str], _Feed] = defaultdict(_Feed)
    began: dict[tuple[str, str], float] = {}
    for frame in frames:
        received_s = seconds(first(frame, "received", "received_at", "receipt", "receipt_timestamp"))
        if received_s is None:
            continue
        exchange = str(first(frame, "exchange", "exchange.id", "venue") or "")
        symbol = str(first(frame, "symbol", "pair", "market_data.symbol") or "")
        connection = (exchange, str(first(frame, "connection") or ""))
        _take(feeds[exchange, symbol], frame, received_s, began.setdefault(connection, received_s))
    now_s = max((feed.received_s[-1] for feed in feeds.values() if feed.received_s), default=0.0)
    return [_verdict(name, feeds, now_s) for name in sorted(feeds) if feeds[name].received_s]


def _take(feed: _Feed, frame: Mapping[str, Any], received_s: float, began_s: float) -> None:
    event_s = seconds(first(frame, "event", "event_time", "timestamp", "time"))
    sequence = number(first(frame, "sequence", "seq", "trade_id", "id"))
    if sequence is not None and not _follow(feed, int(sequence), event_s or received_s):
        feed.duplicates += 1
        return
    feed.received_s.append(received_s)
    if event_s is None:
        return
    if received_s - began_s <= _REPLAYED_WITHIN_S and event_s < began_s - _REPLAYED_BEFORE_S:
        feed.replayed += 1
        return
    feed.lags_ms.append((received_s - event_s) * 1_000)


def _follow(feed: _Feed, sequence: int, at_s: float) -> bool:
    """Note the number; False when it has come before. One that comes late fills its hole."""
    if sequence in feed.seen:
        return False
    feed.seen.add(sequence)
    highest, feed.highest = feed.highest, max(sequence, feed.highest or sequence)
    if highest is not None and 1 < sequence - highest <= _LONGEST_JUMP:
        feed.holes[highest + 1] = (sequence - 1, feed.newest_event_s, at_s)
    feed.newest_event_s = max(feed.newest_event_s, at_s)
    return True


def _gaps(feed: _Feed) -> tuple[SequenceGap, ...]:
    found: list[SequenceGap] = []
    for low, (high, start_s, end_s) in feed.holes.items():
        begin: int | None = None
        for sequence in range(low, high + 2):
            lost = sequence <= high and sequence not in feed.seen
            if lost and begin is None:
                begin = sequence
            elif not lost and begin is not None:
                found.append(SequenceGap(begin, sequence - 1, start_s, end_s))
                begin = None
    return tuple(found)


def _verdict(name: tuple[str, str], feeds: Mapping[tuple[str, str], _Feed], now_s: float) -> FeedVerdict:
    feed = feeds[name]
    newest_s = max(feed.received_s)
    others = sorted(
        at_s for other, each in feeds.items() if other != name and other[1] == name[1] for at_s in each.received_s
    )
    since = sum(at_s > newest_s for at_s in others)
    before = sum(feed.received_s[0] <= at_s <= newest_s for at_s in others)
    count = len(feed.received_s)
    usual_s = (newest_s - min(feed.received_s)) / (count - 1) if count > 1 else None
    judgement = quiet.judge(now_s - newest_s, usual_s, count, before, since)
    offset, gaps = clock_offset.estimate(feed.lags_ms), _gaps(feed)
    return FeedVerdict(
        exchange=name[0],
        symbol=name[1],
        messages=count,
        duplicates=feed.duplicates,
        replayed=feed.replayed,
        gaps=gaps,
        missing=sum(gap.missing for gap in gaps),
        clock_ahead_ms=offset.ahead_ms if offset else None,
        clock_uncertainty_ms=offset.uncertainty_ms if offset else None,
        latency_ms=_latency(feed.lags_ms, offset),
        age_s=now_s - newest_s,
        usual_gap_s=usual_s,
        verdict=judgement.verdict,
        reason=judgement.verdict.sentence,
    )


def _latency(lags_ms: Sequence[float], offset: Offset | None) -> Mapping[str, float]:
    found = [each for lag in lags_ms if (each := clock_offset.latency_ms(lag, offset)) is not None]
    if not found:
        return {}
    quantiles = np.quantile(found, (0.5, 0.95, 0.99))
    return {"mean": float(np.mean(found)), **dict(zip(("p50", "p95", "p99"), map(float, quantiles), strict=True))}
