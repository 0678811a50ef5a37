"""Frames of feeds as they were recorded, judged feed by feed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from observatory.analytics import clock_offset, quiet
from observatory.analytics.clock_offset import Offset
from observatory.areas.market_data import faults
from observatory.areas.market_data.faults import Fault, Tick
from observatory.areas.market_data.values import (
    ASK,
    BID,
    EVENT,
    EXCHANGE,
    PRICE,
    RECEIVED,
    SEQUENCE,
    SIZE,
    SYMBOL,
    first,
    number,
    seconds,
)

# After connecting a venue first tells what went before: events from before the connection, for so long.
_REPLAYED_WITHIN_S = 2.0
_REPLAYED_BEFORE_S = 1.0
# Further ahead or behind, the numbers began anew; nearer behind only with an event newer than all before.
_LONGEST_JUMP = 1_000_000
_LONGEST_STEP_BACK = 10


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
        reordered: frames whose number came after a higher one.
        resets: how often the numbers began anew.
        faults: frames that are wrong, and gaps and runs that are, by the place of the frame in what was given.
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
    reordered: int = 0
    resets: int = 0
    faults: tuple[Fault, ...] = ()


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
    reordered: int = 0
    resets: int = 0
    gaps: list[SequenceGap] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    found: list[Fault] = field(default_factory=list)


def judged(frames: Iterable[Any]) -> list[FeedVerdict]:
    """A verdict for each exchange and symbol, as of the newest receipt of all."""
    feeds: dict[tuple[str, str], _Feed] = defaultdict(_Feed)
    began: dict[tuple[str, str], float] = {}
    for position, frame in enumerate(frames):
        if not isinstance(frame, Mapping):
            continue
        event_s = seconds(first(frame, *EVENT))
        received_s = seconds(first(frame, *RECEIVED))
        received_s = event_s if received_s is None else received_s
        if received_s is None:
            continue
        name = (str(first(frame, *EXCHANGE) or ""), str(first(frame, *SYMBOL) or ""))
        connection = (name[0], str(first(frame, "connection") or ""))
        # Of a book's best prices in Binance's short form; of its trades b and a are orders.
        bid, ask = (*BID, *("b" * ("B" in frame))), (*ASK, *("a" * ("A" in frame)))
        values = (number(first(frame, *names)) for names in (PRICE, SIZE, bid, ask))
        tick = Tick(position, received_s, event_s, *values)
        _take(feeds[name], name, frame, tick, began.setdefault(connection, received_s))
    now_s = max((max(feed.received_s) for feed in feeds.values() if feed.received_s), default=0.0)
    return [_verdict(name, feeds, now_s) for name in sorted(feeds) if feeds[name].received_s]


def _take(feed: _Feed, name: tuple[str, str], frame: Mapping[str, Any], tick: Tick, began_s: float) -> None:
    event_s, received_s = tick.event_s, tick.received_s
    sequence = number(first(frame, *SEQUENCE))
    if sequence is not None:
        _restart(feed, int(sequence), event_s)
        highest = feed.highest
        if not _follow(feed, int(sequence), received_s if event_s is None else event_s):
            feed.duplicates += 1
            _note(feed, name, tick, faults.Kind.DUPLICATE, f"number {int(sequence)} had come before")
            return
        if highest is not None and sequence < highest:
            feed.reordered += 1
            _note(feed, name, tick, faults.Kind.OUT_OF_ORDER, f"number {int(sequence)} after {highest}")
    feed.received_s.append(received_s)
    feed.ticks.append(tick)
    if event_s is None:
        return
    if received_s - began_s <= _REPLAYED_WITHIN_S and event_s < began_s - _REPLAYED_BEFORE_S:
        feed.replayed += 1
        return
    feed.lags_ms.append((received_s - event_s) * 1_000)


def _note(feed: _Feed, name: tuple[str, str], tick: Tick, kind: faults.Kind, reason: str) -> None:
    feed.found.append(Fault(tick.position, kind, *name, tick.received_s, reason))


def _restart(feed: _Feed, sequence: int, event_s: float | None) -> None:
    """Forget the numbers where they began anew."""
    if feed.highest is None:
        return
    behind = feed.highest - sequence
    newer = event_s is not None and event_s > feed.newest_event_s
    if behind > _LONGEST_JUMP or (newer and (behind > _LONGEST_STEP_BACK or (sequence <= 1 and behind > 0))):
        feed.gaps += _gaps(feed)
        feed.seen.clear()
        feed.holes.clear()
        feed.highest = None
        feed.resets += 1


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
    offset, gaps = clock_offset.estimate(feed.lags_ms), (*feed.gaps, *_gaps(feed))
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
        reordered=feed.reordered,
        resets=feed.resets,
        faults=_faults(feed, name, offset),
    )


def _faults(feed: _Feed, name: tuple[str, str], offset: Offset | None) -> tuple[Fault, ...]:
    found = list(feed.found)
    for kind, tick, reason in faults.of_ticks(feed.ticks, offset.ahead_ms / 1_000 if offset else 0.0):
        found.append(Fault(tick.position, kind, *name, tick.received_s, reason))
    return tuple(sorted(found, key=lambda each: (each.position, each.kind)))


def _latency(lags_ms: Sequence[float], offset: Offset | None) -> Mapping[str, float]:
    found = [each for lag in lags_ms if (each := clock_offset.latency_ms(lag, offset)) is not None]
    if not found:
        return {}
    quantiles = np.quantile(found, (0.5, 0.95, 0.99))
    return {"mean": float(np.mean(found)), **dict(zip(("p50", "p95", "p99"), map(float, quantiles), strict=True))}
