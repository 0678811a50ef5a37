"""Verdicts on market data from the data itself, without a server: missing candles, and frames of feeds.

Rows and frames are mappings, as JSON or CSV gives them. Times are seconds, milliseconds, microseconds or nanoseconds
since 1970 UTC (told apart by their size), RFC 3339 text, or aware datetimes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from observatory.areas.market_data.faults import Fault, of_candles
from observatory.areas.market_data.frames import FeedVerdict, judged
from observatory.areas.market_data.values import EXCHANGE, SYMBOL, TIME, TRADES, VOLUME, first, number, row_of, seconds

# A chance below this that a venue simply had no trade: then the candle is lost.
RARE = 0.05
LEAST_CANDLES = 5
MOST_CANDLES = 1_000_000
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Row = Mapping[str, Any] | Sequence[Any]


class CandleVerdict(StrEnum):
    """Why there is no candle, or one without a trade."""

    NOTHING_TRADED = "nothing_traded"
    DATA_LOST = "data_lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MissingCandles:
    """Candles in a row that are missing, or that hold no trade.

    Attributes:
        exchange, symbol: whose they are.
        start: start of the first, seconds since 1970.
        end: end of the last.
        candles: how many.
        verdict: whether data was lost.
        probability: that the venue had no trade in all that time by chance; None when it cannot be told.
        traded_elsewhere: other venues that traded the symbol then.
        reason: the verdict in words.
    """

    exchange: str
    symbol: str
    start: float
    end: float
    candles: int
    verdict: CandleVerdict
    probability: float | None
    traded_elsewhere: tuple[str, ...]
    reason: str


def candles(rows: Iterable[Row], step: float | str | timedelta) -> list[MissingCandles]:
    """Find the candles that are missing, and judge whether nothing was traded or data was lost.

    A minute without a candle may be a minute without a trade. Where another venue traded the symbol then, the chance
    that this one did not is taken from how often it has a candle otherwise: below 5 % the data is lost. A candle of
    volume 0 is judged alike: some venues and libraries make flat ones up. Without another venue of the symbol a run is
    lost when so many empty candles in a row are not expected once in all the time, by how often the venue has none.

    Args:
        rows: mappings with `time` (or `timestamp`, `start`, `open_time`, `t`, `ts`, ...), `exchange` (or `venue`),
            `symbol` (or `pair`) and where known `volume` (or `v`) or `trades`; or sequences as of ccxt (time, open,
            high, low, close, volume).
        step: length of a candle: seconds, `1m`, or a timedelta.

    Returns:
        Each run of missing candles by exchange, symbol and time. A venue is expected from its own first candle to the
        symbol's last one. Rows without a time are left out.

    Raises:
        ValueError: the step is no length above 0, or the rows span more than a million candles.
    """
    step_s = _step_s(step)
    by_symbol: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        read = _candle(row)
        if read is not None:
            exchange, symbol, at_s, activity = read
            by_symbol[symbol][exchange][math.floor(at_s / step_s)] = activity
    return [found for symbol in sorted(by_symbol) for found in _of_symbol(symbol, by_symbol[symbol], step_s)]


def faults(rows: Iterable[Row], step: float | str | timedelta) -> list[Fault]:
    """Find what is wrong with the candles that are there: duplicates, disorder, off the grid, impossible values.

    Args:
        rows: as of `candles`, with `open`, `high`, `low`, `close` (or `o`, `h`, `l`, `c`) where known.
        step: length of a candle: seconds, `1m`, or a timedelta.

    Returns:
        Each fault with its row's place, in the order given; a row may have several.

    Raises:
        ValueError: the step is no length above 0.
    """
    return of_candles(rows, _step_s(step))


def feed(frames: Iterable[Mapping[str, Any]]) -> list[FeedVerdict]:
    """Judge recorded frames of feeds: latency, clock, sequence, bad values, and whether each is quiet or broken.

    Args:
        frames: mappings with `exchange`, `symbol` and `received`, in the order in which they were received; where known
            `event` (the venue's time), `sequence` (counts by 1), `price`, `size`, `bid`, `ask` and `connection` (any
            name of the connection). Usual other names are known too (`recv_ts`, `seq`, `E`, `p`, `q`, ...). Without a
            receipt the venue's time stands for it.

    Returns:
        A verdict for each exchange and symbol, as of the newest receipt of all. Frames without a receipt are left out.
    """
    return judged(frames)


def _step_s(step: float | str | timedelta) -> float:
    found = step.total_seconds() if isinstance(step, timedelta) else 0.0
    if isinstance(step, str):
        text = step.strip()
        unit = _UNITS.get(text[-1:], 0)
        found = float(text[:-1]) * unit if unit else float(text)
    elif not isinstance(step, timedelta):
        found = float(step)
    if not (math.isfinite(found) and found > 0):
        raise ValueError(f"a candle lasts longer than nothing, not {step!r}")
    return found


def _candle(row: Row) -> tuple[str, str, float, float] | None:
    """Exchange, symbol, start and activity; activity is 1 when nothing says how much was traded."""
    row = row_of(row)
    at_s = seconds(first(row, *TIME))
    if at_s is None:
        return None
    activity = number(first(row, *TRADES, *VOLUME))
    exchange, symbol = str(first(row, *EXCHANGE) or ""), str(first(row, *SYMBOL) or "")
    return exchange, symbol, at_s, 1.0 if activity is None else activity


def _of_symbol(symbol: str, venues: Mapping[str, Mapping[int, float]], step_s: float) -> Iterator[MissingCandles]:
    last = max(max(slots) for slots in venues.values())
    for exchange in sorted(venues):
        own = venues[exchange]
        begin = min(own)
        if last - begin > MOST_CANDLES:
            raise ValueError(f"{exchange} {symbol}: more than {MOST_CANDLES:,} candles; is the step right?")
        empty = [slot for slot in range(begin, last + 1) if not own.get(slot)]
        for _, run in groupby(enumerate(empty), key=lambda pair: pair[1] - pair[0]):
            slots = [slot for _, slot in run]
            yield _judge(symbol, exchange, venues, slots, step_s)


def _judge(
    symbol: str, exchange: str, venues: Mapping[str, Mapping[int, float]], slots: Sequence[int], step_s: float
) -> MissingCandles:
    own, missing = venues[exchange], set(slots)
    others = {name: found for name, found in venues.items() if name != exchange}
    traded = tuple(sorted(name for name, found in others.items() if any(found.get(slot) for slot in slots)))
    begin, last = min(own), max(max(found) for found in venues.values())
    # Of the candles beside this run: in how many of those in which others traded did this venue trade too?
    beside = [slot for slot in range(begin, last + 1) if slot not in missing and _any(others, slot)]
    had = sum(bool(own.get(slot)) for slot in beside)
    busy = sum(_any(others, slot) for slot in slots)
    if others:
        verdict, probability, reason = _verdict(traded, busy, had, len(beside))
    else:
        verdict, probability, reason = _alone(own, begin, last, len(slots))
    return MissingCandles(
        exchange=exchange,
        symbol=symbol,
        start=slots[0] * step_s,
        end=(slots[-1] + 1) * step_s,
        candles=len(slots),
        verdict=verdict,
        probability=probability,
        traded_elsewhere=traded,
        reason=reason,
    )


def _any(others: Mapping[str, Mapping[int, float]], slot: int) -> bool:
    return any(found.get(slot) for found in others.values())


def _alone(own: Mapping[int, float], begin: int, last: int, run: int) -> tuple[CandleVerdict, float | None, str]:
    """By how often the venue itself has none: would so many in a row be expected once in all the time?"""
    slots = last - begin + 1
    empty = slots - sum(map(bool, own.values()))
    expected = slots * ((empty + 0.5) / (slots + 1)) ** run
    if slots - empty >= LEAST_CANDLES and expected < RARE:
        return CandleVerdict.DATA_LOST, expected, f"{run} in a row, and it seldom has none"
    return CandleVerdict.UNKNOWN, None, "no other venue of the symbol bears witness"


def _verdict(traded: Sequence[str], busy: int, had: int, beside: int) -> tuple[CandleVerdict, float | None, str]:
    if not traded:
        return CandleVerdict.NOTHING_TRADED, 1.0, "no other venue traded the symbol then either"
    where = " and ".join(traded)
    if beside < LEAST_CANDLES:
        return CandleVerdict.UNKNOWN, None, f"{where} traded, but too few candles tell how often this venue does"
    # Half a candle each way beforehand: never certain of either.
    probability = (1 - (had + 0.5) / (beside + 1)) ** busy
    if probability < RARE:
        return CandleVerdict.DATA_LOST, probability, f"{where} traded, and this venue nearly always does then"
    return CandleVerdict.NOTHING_TRADED, probability, f"{where} traded, but this venue often does not then"


def moment(at_s: float) -> datetime:
    """Seconds since 1970 as an aware time."""
    return datetime.fromtimestamp(at_s, UTC)
