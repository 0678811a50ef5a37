"""Verdicts on candles and frames, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics.quiet import Verdict
from observatory.areas.market_data import judge
from observatory.areas.market_data.judge import CandleVerdict

MIDNIGHT = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def rows(exchange: str, minutes: Any, volume: float | None = 1.0, symbol: str = "BTC/USDT") -> list[dict[str, Any]]:
    told = {} if volume is None else {"volume": volume}
    return [{"exchange": exchange, "symbol": symbol, "time": MIDNIGHT + 60 * each, **told} for each in minutes]


def without(*missing: int) -> list[int]:
    # From an hour before midnight (UTC) to an hour after.
    return [each for each in range(-60, 60) if each not in missing]


def test_a_candle_that_others_have_is_lost() -> None:
    (found,) = judge.candles([*rows("binance", without(-1, 0, 1)), *rows("kraken", without())], "1m")
    assert (found.exchange, found.candles, found.verdict) == ("binance", 3, CandleVerdict.DATA_LOST)
    assert (found.start, found.end) == (MIDNIGHT - 60, MIDNIGHT + 120)
    assert found.traded_elsewhere == ("kraken",)
    assert found.probability is not None
    assert found.probability < 0.05


def test_a_candle_that_nobody_has_is_a_minute_without_a_trade() -> None:
    found = judge.candles([*rows("binance", without(5)), *rows("kraken", without(5))], 60)
    assert {each.exchange for each in found} == {"binance", "kraken"}
    assert {each.verdict for each in found} == {CandleVerdict.NOTHING_TRADED}


def test_a_flat_candle_is_judged_like_a_missing_one() -> None:
    made_up = [*rows("binance", without(5)), *rows("binance", [5], volume=0.0), *rows("kraken", without())]
    (found,) = judge.candles(made_up, timedelta(minutes=1))
    assert found.verdict is CandleVerdict.DATA_LOST


def test_a_venue_that_often_has_no_candle_has_lost_nothing() -> None:
    thin = [each for each in without() if each % 3]
    found = judge.candles([*rows("binance", without()), *rows("kraken", thin)], 60)
    assert {each.exchange for each in found} == {"kraken"}
    assert {each.verdict for each in found} == {CandleVerdict.NOTHING_TRADED}


def test_without_a_witness_or_a_past_nobody_knows() -> None:
    (alone,) = judge.candles(rows("binance", without(5)), 60)
    assert alone.verdict is CandleVerdict.UNKNOWN
    young = [*rows("binance", [0, 2]), *rows("kraken", [0, 1, 2])]
    assert [each.verdict for each in judge.candles(young, 60)] == [CandleVerdict.UNKNOWN]


def test_nothing_is_missing_before_a_venue_began_and_everything_after_it_stopped() -> None:
    (found,) = judge.candles([*rows("binance", range(10, 50)), *rows("kraken", range(60))], 60)
    assert (found.start, found.candles) == (MIDNIGHT + 50 * 60, 10)
    assert judge.candles([], 60) == []


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000, 1_000_000_000])
def test_times_are_told_apart_by_their_size(scale: int) -> None:
    told = [[(MIDNIGHT + 60 * each) * scale, 1, 1, 1, 1, 5] for each in (0, 1, 3)]
    (found,) = judge.candles(told, "1m")
    assert (found.start, found.candles) == (MIDNIGHT + 120, 1)


def test_texts_as_a_csv_has_them_are_read() -> None:
    told = [{"venue": "x", "pair": "y", "timestamp": f"2026-03-01T00:0{each}:00Z", "volume": "2.5"} for each in (0, 2)]
    (found,) = judge.candles(told, "60")
    assert (found.exchange, found.symbol, found.start) == ("x", "y", MIDNIGHT + 60)


@pytest.mark.parametrize("step", [0, -60, float("nan"), "0m"])
def test_a_step_that_is_no_length_is_refused(step: Any) -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        judge.candles(rows("binance", [0]), step)


def test_a_step_far_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="is the step right"):
        judge.candles(rows("binance", [0, 60 * 24 * 365]), 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=90))
def test_each_missing_candle_is_named_once(drawn: list[tuple[str, int]]) -> None:
    told = [row for exchange, minute in drawn for row in rows(exchange, [minute])]
    named = [
        (found.exchange, minute)
        for found in judge.candles(told, 60)
        for minute in range(int(found.start - MIDNIGHT) // 60, int(found.end - MIDNIGHT) // 60)
    ]
    last = max((minute for _, minute in drawn), default=0)
    expected = {
        (exchange, minute)
        for exchange in {each for each, _ in drawn}
        for minute in range(min(at for each, at in drawn if each == exchange), last + 1)
        if (exchange, minute) not in drawn
    }
    assert len(named) == len(set(named))
    assert set(named) == expected


def frames(exchange: str, count: int = 600, ahead_s: float = 0.0, every_s: float = 0.1) -> list[dict[str, Any]]:
    lags = np.random.default_rng(7).gamma(2.0, 0.01, count) + 0.01
    return [
        {
            "exchange": exchange,
            "symbol": "BTC/USDT",
            "sequence": 100 + place,
            "event": MIDNIGHT + place * every_s + ahead_s,
            "received": MIDNIGHT + place * every_s + float(lags[place]),
        }
        for place in range(count)
    ]


def test_a_clock_ahead_makes_no_latency_negative() -> None:
    (found,) = judge.feed(frames("binance", ahead_s=3.0))
    assert found.clock_ahead_ms is not None
    assert found.clock_uncertainty_ms is not None
    assert found.clock_ahead_ms == pytest.approx(3_000 - 10, abs=8)
    assert 0 <= found.latency_ms["p50"] < found.latency_ms["p95"] < found.latency_ms["p99"] < 200


def test_numbers_that_never_came_are_gaps_and_those_that_came_twice_are_not() -> None:
    told = frames("binance")
    again = [each | {"received": each["received"] + 0.05} for each in told[10:15]]
    late = told[200]
    kept = [*told[:50], *told[53:100], *again, *told[100:200], *told[201:220], late, *told[220:]]
    (found,) = judge.feed(kept)
    assert [(gap.first_missing, gap.last_missing) for gap in found.gaps] == [(150, 152)]
    assert (found.missing, found.duplicates, found.messages) == (3, 5, 597)
    assert (found.gaps[0].start, found.gaps[0].end) == (told[49]["event"], told[53]["event"])


def test_old_trades_after_connecting_say_nothing_about_latency() -> None:
    told = frames("binance")
    old = [{**told[0], "sequence": each, "event": MIDNIGHT - 60 + each} for each in range(20)]
    (found,) = judge.feed([*old, *told])
    assert found.replayed == 20
    assert found.latency_ms["p99"] < 200


def test_a_feed_is_broken_when_the_others_go_on_and_quiet_when_they_do_not() -> None:
    short = frames("binance", count=300)
    broken, flowing = judge.feed(sorted([*short, *frames("kraken")], key=lambda each: each["received"]))
    assert (broken.verdict, flowing.verdict) == (Verdict.BROKEN, Verdict.FLOWING)
    assert broken.age_s == pytest.approx(30, abs=0.2)
    other = [each | {"symbol": "ETH/USDT"} for each in frames("kraken")]
    quiet, _ = judge.feed(sorted([*short, *other], key=lambda each: each["received"]))
    assert quiet.verdict is Verdict.QUIET


def test_nothing_and_one_frame_are_no_error() -> None:
    assert judge.feed([]) == []
    assert judge.feed([{"exchange": "x"}]) == []
    (found,) = judge.feed(frames("binance", count=1))
    assert (found.messages, found.usual_gap_s, found.clock_ahead_ms) == (1, None, None)
