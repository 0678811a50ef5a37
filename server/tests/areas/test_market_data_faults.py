"""What is wrong with single candles and frames is found at its place, and nothing else is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.areas.market_data import judge
from observatory.areas.market_data.faults import Kind
from observatory.areas.market_data.judge import CandleVerdict

BEGIN = 1_772_323_200


def candle(minute: int, **other: Any) -> dict[str, Any]:
    return {"t": (BEGIN + 60 * minute) * 1_000, "o": "10", "h": "12", "l": "9", "c": "11", "v": "5", **other}


def kinds(rows: list[Any]) -> list[tuple[int, Kind]]:
    return [(each.position, each.kind) for each in judge.faults(rows, "1m")]


def test_sound_candles_have_no_fault() -> None:
    assert kinds([candle(each) for each in range(50)]) == []
    assert kinds([[(BEGIN + 60 * each) * 1_000, 10, 12, 9, 11, 5] for each in range(50)]) == []


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ({"h": 8}, Kind.IMPOSSIBLE),
        ({"o": 13}, Kind.IMPOSSIBLE),
        ({"c": 8}, Kind.IMPOSSIBLE),
        ({"v": -1}, Kind.IMPOSSIBLE),
        ({"o": 0, "l": 0}, Kind.IMPOSSIBLE),
        ({"o": "n/a"}, Kind.NO_NUMBER),
        ({"t": (BEGIN + 67) * 1_000}, Kind.OFF_GRID),
        ({"t": "never"}, Kind.NO_TIME),
        ({"t": BEGIN * 1_000}, Kind.DUPLICATE),
    ],
)
def test_a_fault_of_a_candle_is_named_at_its_place(other: dict[str, Any], kind: Kind) -> None:
    found = kinds([candle(0), candle(1, **other), candle(2)])
    assert set(found) == {(1, kind)}


def test_an_older_candle_is_out_of_order() -> None:
    assert kinds([candle(0), candle(2), candle(1), candle(3)]) == [(2, Kind.OUT_OF_ORDER)]


def test_many_candles_missing_in_a_row_are_lost_also_without_a_witness() -> None:
    (found,) = judge.candles([candle(each) for each in range(300) if not 100 <= each < 110], 60)
    assert (found.candles, found.verdict) == (10, CandleVerdict.DATA_LOST)
    thin = np.random.default_rng(3).random(300) < 0.5
    found_thin = judge.candles([candle(each) for each in range(300) if thin[each]], 60)
    assert CandleVerdict.DATA_LOST not in {each.verdict for each in found_thin}


def frames(count: int = 400) -> list[dict[str, Any]]:
    random = np.random.default_rng(7)
    prices = 100 * np.exp(np.cumsum(random.normal(0, 1e-4, count)))
    gaps = np.cumsum(random.exponential(0.1, count))
    return [
        {
            "exchange": "x",
            "symbol": "y",
            "seq": 500 + place,
            "price": float(prices[place]),
            "ts": BEGIN + float(gaps[place]),
            "recv_ts": BEGIN + float(gaps[place]) + 0.02,
            "bid": float(prices[place]) - 0.01,
            "ask": float(prices[place]) + 0.01,
        }
        for place in range(count)
    ]


def found(told: list[dict[str, Any]]) -> list[tuple[int, Kind]]:
    (verdict,) = judge.feed(told)
    return [(each.position, each.kind) for each in verdict.faults]


def test_a_sound_feed_has_no_fault() -> None:
    assert found(frames()) == []


def test_a_bad_tick_and_a_crossed_book_are_named_at_their_place() -> None:
    told = frames()
    told[50]["price"] = told[50]["price"] * 1.4
    told[70]["ask"] = told[70]["bid"] - 1
    told[90]["price"] = 0
    assert found(told) == [(50, Kind.BAD_TICK), (70, Kind.CROSSED), (90, Kind.BAD_TICK)]


def test_another_level_of_the_price_is_no_bad_tick() -> None:
    told = frames()
    for each in told[200:]:
        for name in ("price", "bid", "ask"):
            each[name] *= 1.1
    assert found(told) == []


def test_a_frozen_feed_is_named_where_it_froze() -> None:
    told = frames()
    for each in told[100:180]:
        each.update({name: told[100][name] for name in ("price", "bid", "ask")})
    assert found(told) == [(100, Kind.FROZEN)]


def test_a_long_silence_is_measured_by_the_feed_itself() -> None:
    told = frames()
    for each in told[300:]:
        each["ts"] += 60
        each["recv_ts"] += 60
    assert found(told) == [(299, Kind.STALE)]


def test_numbers_that_begin_anew_are_a_reset_and_no_duplicates() -> None:
    told = frames()
    for place, each in enumerate(told):
        each["seq"] = place + 1 if place < 250 else place - 249
    (verdict,) = judge.feed(told)
    assert (verdict.resets, verdict.duplicates, verdict.missing, verdict.messages) == (1, 0, 0, 400)


def test_numbers_in_another_order_are_reordered_and_not_missing() -> None:
    told = frames()
    told[60], told[61] = told[61], told[60]
    (verdict,) = judge.feed(told)
    assert (verdict.reordered, verdict.missing, verdict.resets) == (1, 0, 0)


_VALUES = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=2))
_NAMES = st.sampled_from(
    ["t", "ts", "time", "o", "h", "l", "c", "v", "seq", "price", "bid", "ask", "recv_ts", "exchange"]
)


@given(st.lists(st.one_of(_VALUES, st.dictionaries(_NAMES, _VALUES, max_size=6)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_no_row_makes_it_fail(rows: list[Any]) -> None:
    assert judge.faults(rows, 60) == judge.faults(rows, 60)
    assert judge.feed(rows) == judge.feed(rows)
    with suppress(ValueError):  # of times too far apart for the step
        judge.candles(rows, 60)
