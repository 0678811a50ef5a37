"""Random feeds and calls through the real store, against the same measures worked out in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lag_histograms import histograms

from observatory import areas
from observatory.analytics import buckets, intervals, prices
from observatory.areas import deepdive, select
from observatory.areas.assess import Span
from observatory.otlp.signals import Signal
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "market_data")
(MARKET_DATA,) = deepdive.load(AREA)
WINDOW_S = 3_600
VENUES = ["binance", "kraken", "kucoin"]
RANDOMLY = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def shown(store: Store, sender: Any, section: str) -> Any:
    span = Span(sender.at, WINDOW_S, sender.at - timedelta(days=1))
    (found,) = await deepdive.read(AREA, MARKET_DATA, store.reader, sender.environment, span, only=section)
    return found


def by(rows: Sequence[Mapping[str, Any]], *names: str) -> dict[Any, Mapping[str, Any]]:
    return {tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]: row for row in rows}


def feed(exchange: str, symbol: str = "BTC/USDT") -> dict[str, str]:
    return {"exchange.id": exchange, "market_data.channel": "trades", "market_data.symbol": symbol}


CALLS = st.fixed_dictionaries(
    {
        "exchange": st.sampled_from(VENUES),
        "operation": st.sampled_from(["fetch_ticker", "create_order"]),
        "ms": st.sampled_from([0, 5, 5, 80, 12_000]),
        "error": st.booleans(),
        "ago": st.integers(1, 4_000),
        "used": st.one_of(st.none(), st.integers(0, 1_300)),
    }
)


@RANDOMLY
@given(drawn=st.lists(CALLS, max_size=25, unique_by=lambda call: call["ago"]))
async def test_calls_of_exchanges_are_measured_as_they_were(store: Store, sends: Any, drawn: list[Any]) -> None:
    sender = sends()
    for call in drawn:
        told = {"exchange.id": call["exchange"], "exchange.operation": call["operation"]}
        if call["used"] is not None:
            told |= {"exchange.rate_limit.used": call["used"], "exchange.rate_limit.limit": 1_200}
        sender.span("exchange call", ago=call["ago"], ms=call["ms"], error=call["error"], **told)
    sender.flush()
    recent = [call for call in drawn if call["ago"] < WINDOW_S]
    groups: dict[Any, list[Any]] = defaultdict(list)
    for call in recent:
        groups[call["exchange"]].append(call)
        groups[call["exchange"], call["operation"]].append(call)
    apis = by((await shown(store, sender, "apis")).rows, "exchange")
    operations = by((await shown(store, sender, "operations")).rows, "exchange", "operation")
    assert {*apis, *operations} == set(groups)
    for name, row in {**apis, **operations}.items():
        calls = groups[name]
        durations = [call["ms"] for call in calls]
        failed = sum(call["error"] for call in calls) / len(calls)
        assert row["calls"].value == len(calls)
        assert row["error_rate"].value == failed
        assert row["error_rate"].interval == intervals.wilson(failed, len(calls))
        for share in (50, 95, 99):
            expected = float(np.quantile(durations, share / 100))
            assert row[f"response_time_p{share}_ms"].value == pytest.approx(expected, rel=0.01, abs=1e-6)
    for exchange, row in apis.items():
        calls = groups[exchange]
        assert row["response_time_avg_ms"].value == pytest.approx(np.mean([call["ms"] for call in calls]), abs=1e-6)
        late = [call for call in calls if call["used"] is not None and call["ago"] < 300]
        last = min(late, key=lambda call: call["ago"], default=None)
        assert row["weight_used"].value == (last["used"] if last else None)
        headroom = row["rate_limit_headroom"].value
        assert headroom == (pytest.approx(1 - last["used"] / 1_200) if last else None)


# Points of one series: seconds ago, what was added since the one before, and whether the process began anew.
RUNS = st.lists(st.tuples(st.integers(1, 3_700), st.integers(0, 50), st.booleans()), min_size=1, max_size=6)
SERIES = st.dictionaries(
    st.tuples(
        st.sampled_from(VENUES),
        st.sampled_from(["BTC/USDT", "ETH/USDT"]),
        st.sampled_from(["messages", "reconnects", "sequence_gaps", "candles.missing"]),
    ),
    RUNS,
    max_size=8,
)


def tell_counter(sender: Any, key: tuple[str, str, str], points: Sequence[tuple[int, int, bool]]) -> int:
    """Send a counter; what it rose by in the hour, as the store can know: from the first point of each run on."""
    exchange, symbol, metric = key
    risen, total, started, first = 0, 0, 5_000.0, True
    for ago, added, anew in sorted(set(points), key=lambda point: (-point[0], point[1])):
        if anew:
            total, started, first = 0, ago + 0.5, started > WINDOW_S and ago + 0.5 > WINDOW_S
        total += added
        sender.counter(f"market_data.{metric}", total, ago=ago, started=started, **feed(exchange, symbol))
        if ago < WINDOW_S:
            # A run that began before the hour is known from its first point in it on.
            risen += 0 if first and started > WINDOW_S else added
            first = False
    return risen


@RANDOMLY
@given(
    drawn=SERIES, ups=st.lists(st.tuples(st.sampled_from(VENUES), st.integers(1, 4_000), st.booleans()), max_size=12)
)
async def test_counts_and_shares_of_feeds_are_exact(store: Store, sends: Any, drawn: Any, ups: Any) -> None:
    sender = sends()
    drawn = {
        key: list({ago: point for point in points for ago in [point[0]]}.values()) for key, points in drawn.items()
    }
    risen: dict[Any, int] = defaultdict(int)
    for key, points in drawn.items():
        value = tell_counter(sender, key, points)
        risen[key[0], key[2]] += value
        risen[key[2]] += value
    seen: dict[str, list[bool]] = defaultdict(list)
    for exchange, ago, up in ups:
        sender.gauge("market_data.connection.up", float(up), ago=ago, **feed(exchange))
        if ago < WINDOW_S:
            seen[exchange].append(up)
    sender.flush()
    overall = (await shown(store, sender, "overall")).numbers
    recent = {key[2] for key, points in drawn.items() if any(ago < WINDOW_S for ago, _, _ in points)}
    for field, metric in (("messages", "messages"), ("reconnects", "reconnects"), ("sequence_gaps", "sequence_gaps")):
        assert overall[field].value == (risen[metric] if metric in recent else None), field
    every = [up for each in seen.values() for up in each]
    assert overall["websocket_uptime"].value == (pytest.approx(np.mean(every)) if every else None)
    assert overall["exchanges_expected"].value == (len(seen) or None)
    rows = by((await shown(store, sender, "connections")).rows, "exchange")
    for exchange, each in seen.items():
        assert rows[exchange]["uptime"].value == pytest.approx(np.mean(each))
        assert rows[exchange]["uptime"].samples == len(each)
    for exchange, row in rows.items():
        lost, came = risen[exchange, "sequence_gaps"], risen[exchange, "messages"]
        ratio = row["sequence_gap_ratio"].value
        assert ratio == (pytest.approx(lost / (lost + came)) if lost + came else None)


BOUNDS = [0.0, 0.01, 0.1, 1.0]
COUNTS = st.lists(st.integers(0, 200), min_size=5, max_size=5)
LAGS = st.dictionaries(st.sampled_from(VENUES), st.tuples(COUNTS, COUNTS, st.floats(-5, 0.05)), max_size=3)


@RANDOMLY
@given(drawn=LAGS, round_trip_ms=st.one_of(st.none(), st.integers(1, 400)))
async def test_lags_are_those_of_their_buckets_with_the_clock_put_right(
    store: Store, sends: Any, insert: Any, drawn: Any, round_trip_ms: int | None
) -> None:
    sender = sends()
    points = []
    for exchange, (before, added, least) in drawn.items():
        after = [one + other for one, other in zip(before, added, strict=True)]
        points += [(feed(exchange), 100.0, before), (feed(exchange), 10.0, after)]
        sender.gauge("market_data.lag.least", least, ago=20, **feed(exchange))
        if round_trip_ms is not None:
            call = {"exchange.id": exchange, "exchange.operation": "fetch_time"}
            sender.span("exchange fetch_time", ago=20, ms=round_trip_ms, **call)
    sender.flush()
    sums = [0.05 * sum(counts) for _, _, counts in points]
    body = histograms(sender, BOUNDS, points, started=5_000, sums=sums)
    insert(Signal.METRICS, body, select.nanoseconds(sender.at))
    rows = by((await shown(store, sender, "latency")).rows, "exchange")
    for exchange, (_, added, least) in drawn.items():
        row, total = rows[exchange], sum(added)
        half_ms = (round_trip_ms or 0) / 2
        ahead_ms = half_ms - least * 1_000 if round_trip_ms else max(0.0, -least * 1_000)
        assert row["clock_offset_ms"].value == pytest.approx(ahead_ms, abs=1e-6)
        assert row["lag_p95_ms"].samples == total
        for share in (0.5, 0.95, 0.99):
            name = f"p{round(share * 100)}_ms"
            raw = buckets.quantile(BOUNDS, added, share)
            # What came before it happened is not told apart.
            hidden = total == 0 or added[0] >= share * total
            assert row[f"lag_raw_{name}"].value == (None if hidden else pytest.approx((raw or 0) * 1_000, rel=1e-6))
            fixed = None if hidden else max(0.0, (raw or 0) * 1_000 + ahead_ms)
            assert row[f"lag_{name}"].value == (fixed if fixed is None else pytest.approx(fixed, rel=1e-6, abs=1e-6))
        if total and added[0] == 0:
            assert row["lag_raw_avg_ms"].value == pytest.approx(50)


PRICES = st.dictionaries(
    st.tuples(st.sampled_from(VENUES), st.sampled_from(["BTC/USDT", "XRP/USDT"])),
    st.sampled_from([0.0, 0.5, 99.9, 100.0, 100.0, 110.0]),
)


@RANDOMLY
@given(drawn=PRICES)
async def test_prices_are_as_far_apart_as_they_were(store: Store, sends: Any, drawn: Any) -> None:
    sender = sends()
    for (exchange, symbol), price in drawn.items():
        sender.gauge("market_data.price", price, ago=3, **feed(exchange, symbol))
        sender.gauge("market_data.price", 7.0, ago=60, **feed(exchange, symbol))
    sender.flush()
    found = by((await shown(store, sender, "prices")).rows, "exchange", "symbol")
    expected = {
        (exchange, symbol): abs(bps)
        for symbol in {each for _, each in drawn}
        for exchange, bps in prices.deviations_bps(
            {venue: price for (venue, each), price in drawn.items() if each == symbol}
        ).items()
    }
    assert {name: row["price_deviation_bps"].value for name, row in found.items()} == pytest.approx(expected, abs=1e-6)
