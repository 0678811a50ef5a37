"""What is wrong with single candles and frames, by their place in what was given: pure, without a server."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any

from observatory.areas.market_data.values import (
    CLOSE,
    EXCHANGE,
    HIGH,
    LOW,
    OPEN,
    SYMBOL,
    TIME,
    VOLUME,
    first,
    number,
    row_of,
    seconds,
)

# A candle may begin this share of its length beside the grid: clocks of exporters.
OFF_GRID_RATIO = 0.001
# A price is bad when it is this many usual moves, and this share, away from its neighbours on both sides.
WILD_MOVES = 12.0
WILD_RATIO = 0.02
_NEIGHBOURS = 15
_LEAST_NEIGHBOURS = 3
# The same price and size so often in a row, where it was never half as often before, is no market.
LEAST_FROZEN = 30
_FROZEN_TIMES = 3
# Silent for so many usual gaps, beyond the longest usual ones.
STALE_GAPS = 20.0
_LEAST_GAPS = 20


class Kind(StrEnum):
    """What is wrong."""

    NO_TIME = "no_time"
    NO_NUMBER = "no_number"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    OFF_GRID = "off_grid"
    IMPOSSIBLE = "impossible"
    BAD_TICK = "bad_tick"
    CROSSED = "crossed"
    FROZEN = "frozen"
    STALE = "stale"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        position: place of the row or frame in what was given, from 0; of a run its first.
        kind: what is wrong.
        exchange, symbol: whose it is.
        time: its start, or its receipt, in seconds since 1970; None when it has none.
        reason: in words, with the numbers.
    """

    position: int
    kind: Kind
    exchange: str
    symbol: str
    time: float | None
    reason: str


def of_candles(rows: Iterable[Any], step_s: float) -> list[Fault]:
    """What is wrong with candles, in the order given: duplicates, disorder, off the grid, impossible or no numbers."""
    newest: dict[tuple[str, str], float] = {}
    seen: dict[tuple[str, str], dict[float, tuple[float | None, ...]]] = defaultdict(dict)
    found: list[Fault] = []
    for position, given in enumerate(rows):
        row = row_of(given)
        name = (str(first(row, *EXCHANGE) or ""), str(first(row, *SYMBOL) or ""))
        at_s = seconds(first(row, *TIME))
        told = list(_of_prices(row))
        if at_s is None:
            told.append((Kind.NO_TIME, "no time that can be read"))
        else:
            told += _of_place(at_s, step_s, _numbers(row), seen[name], newest.get(name))
            newest[name] = max(at_s, newest.get(name, at_s))
        found += [Fault(position, kind, *name, at_s, reason) for kind, reason in told]
    return found


def _numbers(row: Mapping[str, Any]) -> tuple[float | None, ...]:
    return tuple(number(first(row, *names)) for names in (OPEN, HIGH, LOW, CLOSE, VOLUME))


def _of_place(
    at_s: float,
    step_s: float,
    numbers: tuple[float | None, ...],
    seen: dict[float, tuple[float | None, ...]],
    newest_s: float | None,
) -> Iterator[tuple[Kind, str]]:
    beside = abs(at_s / step_s - round(at_s / step_s))
    if beside > OFF_GRID_RATIO:
        yield Kind.OFF_GRID, f"begins {beside * step_s:g} s beside the grid of {step_s:g} s"
    if at_s in seen:
        yield Kind.DUPLICATE, "came before, " + ("the same" if seen[at_s] == numbers else "with other values")
    elif newest_s is not None and at_s < newest_s:
        yield Kind.OUT_OF_ORDER, f"{newest_s - at_s:g} s older than one before it"
    seen.setdefault(at_s, numbers)


def _of_prices(row: Mapping[str, Any]) -> Iterator[tuple[Kind, str]]:
    named = (("open", OPEN), ("high", HIGH), ("low", LOW), ("close", CLOSE))
    prices = {name: number(first(row, *names)) for name, names in named if first(row, *names) is not None}
    broken = [name for name, value in prices.items() if value is None]
    if broken:
        yield Kind.NO_NUMBER, f"{' and '.join(broken)}: no number"
    known = {name: value for name, value in prices.items() if value is not None}
    below = [name for name, value in known.items() if value <= 0]
    if below:
        yield Kind.IMPOSSIBLE, f"{' and '.join(below)} not above 0"
    high, low = known.get("high"), known.get("low")
    if high is not None and low is not None and high < low:
        yield Kind.IMPOSSIBLE, f"high {high:g} below low {low:g}"
    for name in ("open", "close"):
        value = known.get(name)
        if value is not None and high is not None and value > high:
            yield Kind.IMPOSSIBLE, f"{name} {value:g} above high {high:g}"
        if value is not None and low is not None and value < low:
            yield Kind.IMPOSSIBLE, f"{name} {value:g} below low {low:g}"
    volume = number(first(row, *VOLUME))
    if volume is not None and volume < 0:
        yield Kind.IMPOSSIBLE, f"volume {volume:g} below 0"


@dataclass(frozen=True, slots=True)
class Tick:
    """One frame, as far as it is known."""

    position: int
    received_s: float
    event_s: float | None
    price: float | None
    size: float | None
    bid: float | None
    ask: float | None


def of_ticks(ticks: Sequence[Tick], ahead_s: float) -> list[tuple[Kind, Tick, str]]:
    """What is wrong with the frames of one feed, whose clock is ahead of ours by so much."""
    found = [*_crossed(ticks), *_future(ticks, ahead_s), *_bad(ticks), *_frozen(ticks), *_stale(ticks)]
    return sorted(found, key=lambda each: (each[1].position, each[0]))


def _crossed(ticks: Sequence[Tick]) -> Iterator[tuple[Kind, Tick, str]]:
    for tick in ticks:
        if tick.bid is not None and tick.ask is not None and tick.bid >= tick.ask:
            how = "at" if tick.bid == tick.ask else "above"
            yield Kind.CROSSED, tick, f"bid {tick.bid:g} {how} ask {tick.ask:g}"


def _future(ticks: Sequence[Tick], ahead_s: float) -> Iterator[tuple[Kind, Tick, str]]:
    """Events after their receipt, by more than the clocks differ."""
    for tick in ticks:
        if tick.event_s is not None and tick.event_s - tick.received_s > max(ahead_s, 0.0) + 1.0:
            yield Kind.FUTURE, tick, f"its event is {tick.event_s - tick.received_s:.3g} s after its receipt"


def _price(tick: Tick) -> float | None:
    if tick.price is None and tick.bid is not None and tick.ask is not None:
        return (tick.bid + tick.ask) / 2
    return tick.price


def _bad(ticks: Sequence[Tick]) -> Iterator[tuple[Kind, Tick, str]]:
    priced = [(tick, price) for tick in ticks if (price := _price(tick)) is not None]
    for tick, price in priced:
        if price <= 0:
            yield Kind.BAD_TICK, tick, f"price {price:g} is not above 0"
    priced = [(tick, price) for tick, price in priced if price > 0]
    logs = [math.log(price) for _, price in priced]
    moves = sorted(abs(after - before) for before, after in pairwise(logs))
    usual = max(median([each for each in moves if each > 0] or [0.0]), 1e-6)
    for place, (tick, price) in enumerate(priced):
        before = logs[max(0, place - _NEIGHBOURS) : place]
        after = logs[place + 1 : place + 1 + _NEIGHBOURS]
        if min(len(before), len(after)) < _LEAST_NEIGHBOURS:
            continue
        least = max(WILD_MOVES * usual, math.log1p(WILD_RATIO))
        away = [logs[place] - median(side) for side in (before, after)]
        if all(abs(each) > least for each in away) and (away[0] > 0) == (away[1] > 0):
            yield Kind.BAD_TICK, tick, f"price {price:g} is {math.expm1(away[0]):+.1%} from its neighbours"


def _frozen(ticks: Sequence[Tick]) -> Iterator[tuple[Kind, Tick, str]]:
    """Runs of the very same values, far longer than the others of the feed."""
    runs: list[tuple[Tick, int, float]] = []
    before: tuple[float | None, ...] | None = None
    for tick in ticks:
        values = (tick.price, tick.size, tick.bid, tick.ask)
        if values == (None,) * 4:
            continue
        if values == before:
            begin, count, _ = runs[-1]
            runs[-1] = (begin, count + 1, tick.received_s)
        else:
            runs.append((tick, 1, tick.received_s))
        before = values
    longest = sorted((count for _, count, _ in runs), reverse=True)
    for begin, count, end_s in runs:
        other = longest[1] if len(longest) > 1 and count == longest[0] else longest[0]
        if count >= LEAST_FROZEN and (len(runs) == 1 or count >= _FROZEN_TIMES * other):
            lasted_s = end_s - begin.received_s
            yield Kind.FROZEN, begin, f"the same values {count} times in a row, for {lasted_s:.3g} s"


def _stale(ticks: Sequence[Tick]) -> Iterator[tuple[Kind, Tick, str]]:
    """Gaps between receipts far longer than this feed's own."""
    received = sorted(tick.received_s for tick in ticks)
    gaps = sorted(after - before for before, after in pairwise(received))
    if len(gaps) < _LEAST_GAPS:
        return
    usual_s, long_s = median(gaps), gaps[int(0.95 * (len(gaps) - 1))]
    least_s = max(STALE_GAPS * usual_s, 3 * long_s, 1e-3)
    recent: deque[Tick] = deque(maxlen=1)
    for tick in sorted(ticks, key=lambda each: (each.received_s, each.position)):
        if recent and tick.received_s - recent[0].received_s > least_s:
            gap_s = tick.received_s - recent[0].received_s
            yield Kind.STALE, recent[0], f"nothing for {gap_s:.3g} s after it; usual are {usual_s:.3g} s"
        recent.append(tick)
