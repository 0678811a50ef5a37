"""The parts that judge, each by itself: frames, deviations, paths, contrasts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analytics.samples import Floats
from observatory.diagnose import contrast, hops, measures, onset
from observatory.diagnose.deviation import judge
from observatory.diagnose.diagnosis import Contrast
from observatory.diagnose.frame import Frame, fitting
from observatory.diagnose.measures import Measure, Series
from observatory.explore.model import Span

AT = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
FRAME = Frame(60, (0, 7_200), (7_200, 10_800))
SIZE = len(FRAME.times)


def ratio(shares: Sequence[float] | Floats, count: float = 40.0, member: str = "binance") -> Series:
    numbers = np.asarray(shares, dtype=float) * count
    measure = Measure("failed share of calls", "ratio", "Failed", "", "ratio", "exchange_errors", "")
    counts = np.full(len(numbers), count)
    return Series("exchange", member, ("trade",), "outside", "fact_exchange_calls", measure, numbers, counts, numbers)


def durations(ms: Sequence[float] | Floats, count: float = 20.0) -> Series:
    logs = np.log(np.asarray(ms, dtype=float) + 0.001)
    measure = Measure("duration of calls", "geomean", "DurationNs", "", "ms", "exchange_slow", "")
    counts = np.full(len(logs), count)
    source = "fact_exchange_calls"
    return Series(
        "exchange", "kraken", ("trade",), "outside", source, measure, logs * count, counts, (logs**2 + 0.04) * count
    )


@given(
    st.integers(60, 7 * 86_400),
    st.integers(600, 6 * 3_600),
    st.integers(0, 10**6),
)
def test_a_frame_holds_both_ranges_in_whole_steps(window_s: int, back_s: int, shift_s: int) -> None:
    start = AT + timedelta(seconds=shift_s)
    frame = fitting((start - timedelta(seconds=back_s), start), (start, start + timedelta(seconds=window_s)))
    assert frame.times == tuple(sorted(set(frame.times)))
    assert all(at % frame.step_s == 0 for at in frame.times)
    assert len(frame.times) <= 243
    assert frame.baseline[1] <= frame.window[0] <= start.timestamp()
    assert frame.window[1] >= start.timestamp() + window_s
    assert frame.baseline[0] <= start.timestamp() - back_s


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_noise_is_no_deviation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert judge(ratio(rng.binomial(40, 0.1, SIZE) / 40), FRAME) is None
    assert judge(durations(90 * rng.lognormal(0, 0.05, SIZE)), FRAME) is None


@given(st.integers(0, 10_000), st.floats(3, 50))
@settings(max_examples=40, deadline=None)
def test_a_step_is_found_where_it_is_and_as_far_as_it_goes(seed: int, times: float) -> None:
    rng = np.random.default_rng(seed)
    ms = 90 * rng.lognormal(0, 0.05, SIZE)
    ms[FRAME.split + 3 :] *= times
    found = judge(durations(ms), FRAME)
    assert found is not None
    assert found.up
    assert found.level == pytest.approx(90 * times, rel=0.2)
    assert abs(found.place - FRAME.split - 3) <= 1


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=SIZE, max_size=SIZE))
@settings(max_examples=25, deadline=None)
def test_no_values_break_the_judgement(values: list[float]) -> None:
    numbers = np.asarray(values, dtype=float)
    measure = Measure("level", "mean", "Value", "", "1", "resource", "resource")
    counts = (np.arange(SIZE) % 3 > 0).astype(float)
    series = Series("resource", "x", (), "resource", "fact_resources", measure, numbers * counts, counts, counts)
    found = judge(series, FRAME)
    assert found is None or (0 <= found.strength <= 1 and 0 <= found.place < SIZE)


def test_a_lone_failure_among_few_calls_is_chance() -> None:
    shares = [0.0] * SIZE
    shares[FRAME.split + 5] = 0.5
    assert judge(ratio(shares, count=2), FRAME) is None


def test_the_onset_is_where_the_subject_left_what_was_usual() -> None:
    rng = np.random.default_rng(3)
    ms = 90 * rng.lognormal(0, 0.05, SIZE)
    ms[FRAME.split - 15 :] *= 4
    assert abs((onset.of_subject([durations(ms)], FRAME) or 0) - FRAME.split + 15) <= 1
    assert onset.of_subject([durations(90 * rng.lognormal(0, 0.05, SIZE))], FRAME) is None


def test_what_ended_within_the_window_ended() -> None:
    rng = np.random.default_rng(3)
    ms = 90 * rng.lognormal(0, 0.05, SIZE)
    ms[FRAME.split : FRAME.split + 20] *= 6
    assert abs(onset.ended([durations(ms)], FRAME) - FRAME.split - 20) <= 1


def test_steps_in_which_nobody_listened_are_no_silence() -> None:
    rate = Measure("calls", "rate", "1", "", "1/s", "traffic_growth", "stalled")
    numbers = np.full(SIZE, 12.0)
    numbers[: FRAME.split] = 0
    made = Series("subject", "subject", (), "subject", "fact_calls", rate, numbers, np.full(SIZE, 60.0), numbers)
    assert judge(made, FRAME) is not None
    heard = measures.seen_from([made], measures.first([made]))
    assert judge(heard[0], FRAME) is None


def trace(
    nth: int, venue: str, venue_ms: float, failed: bool = False, wait_ms: float = 5.0, link: str = ""
) -> list[Span]:
    name, start = f"{nth:032x}", nth * 10_000_000_000
    links = ((link, "root"),) if link else ()

    def span(key: str, parent: str, service: str, begins: float, ms: float, **more: object) -> Span:
        kind = str(more.pop("kind", "Internal"))
        return Span(name, key, parent, service, key, kind, start + int(begins * 1e6), int(ms * 1e6), **more)  # type: ignore[arg-type]

    whole = 20 + venue_ms
    return [
        span("root", "", "chat", 0, whole, failed=failed, links=links),
        span("order", "root", "trade", 5, venue_ms + 5, failed=failed, attributes={"user.cohort": "a"}),
        span("post", "order", "trade", 8, venue_ms, failed=failed, attributes={"exchange.id": venue}),
        span("send", "root", "telegram", whole + wait_ms, 30, kind="Consumer"),
    ]


def of_chat(span: Span) -> bool:
    return span.service == "trade"


def test_the_added_time_is_where_it_was_added() -> None:
    usual = [trace(n, "binance", 50) for n in range(40)]
    now = [trace(n, "binance", 450) for n in range(30)]
    path = hops.compare(hops.gather(usual, None), hops.gather(now, None))
    assert (path[0].service, path[0].operation) == ("trade", "post")
    assert path[0].added_ms == pytest.approx(400, rel=0.01)
    assert sum(each.added_ratio or 0 for each in path) == pytest.approx(1, abs=0.001)


def test_waiting_for_a_consumer_is_time_on_the_path() -> None:
    usual = [trace(n, "binance", 50) for n in range(20)]
    now = [trace(n, "binance", 50, wait_ms=2_000) for n in range(20)]
    path = hops.compare(hops.gather(usual, None), hops.gather(now, None))
    assert (path[0].service, path[0].operation, path[0].hop) == ("telegram", "send", "message")
    assert path[0].added_ms == pytest.approx(1_995, rel=0.01)


def test_the_path_of_a_service_is_only_what_it_waits_for() -> None:
    group = hops.gather([trace(n, "binance", 50) for n in range(5)], of_chat)
    assert {service for service, _ in group.ms} == {"trade"}
    assert group.whole_ms == pytest.approx([55] * 5)


def test_failures_are_counted_where_they_begin() -> None:
    usual = [trace(n, "binance", 50) for n in range(20)]
    now = [trace(n, "binance", 50, failed=n % 2 == 0) for n in range(20)]
    path = hops.compare(hops.gather(usual, None), hops.gather(now, None))
    found = {(each.service, each.operation): each.failed_ratio for each in path}
    assert found["trade", "post"] == 1
    assert found["chat", "root"] == 0


def contrasts(usual: list[list[Span]], now: list[list[Span]]) -> tuple[Contrast, ...]:
    return contrast.find(usual, now, hops.gather(usual, None), hops.gather(now, None))


def test_the_value_that_sets_bad_traces_apart_is_found_and_no_other() -> None:
    pick = random.Random(5)
    venues = ("binance", "kraken", "coinbase")
    usual = [trace(n, pick.choice(venues), 50 * pick.lognormvariate(0, 0.2)) for n in range(200)]
    now = [
        trace(n, venue, 50 * pick.lognormvariate(0, 0.2) * (9 if venue == "kraken" else 1))
        for n, venue in enumerate(pick.choice(venues) for _ in range(200))
    ]
    found = contrasts(usual, now)
    assert {(each.attribute, each.value) for each in found} == {("exchange", "kraken")}
    assert {each.measure for each in found} == {"duration_ms", "slow_or_failed"}
    assert all(each.services == ("trade",) for each in found)


@given(st.integers(0, 1_000))
@settings(max_examples=25, deadline=None)
def test_groups_that_are_alike_have_no_contrast(seed: int) -> None:
    pick = random.Random(seed)

    def group() -> list[list[Span]]:
        return [trace(n, pick.choice("abcdefgh"), 50 * pick.lognormvariate(0, 0.3)) for n in range(60)]

    assert contrasts(group(), group()) == ()


def test_the_order_of_traces_decides_nothing() -> None:
    usual = [trace(n, "ab"[n % 2], 50 + n) for n in range(60)]
    now = [trace(n, "ab"[n % 2], 50 + n + 300 * (n % 2)) for n in range(60)]
    assert contrasts(usual, now) == contrasts(usual[::-1], now[::-1])
    assert contrasts(usual, now)


@pytest.mark.parametrize("table", measures.tables(), ids=lambda each: f"{each.source} {each.kind} {each.where}"[:60])
def test_every_measure_names_what_it_can_mean(table: measures.Table) -> None:
    for each in table.measures:
        assert each.up or each.down, each.name
    assert measures.sql(table).count("(") == measures.sql(table).count(")")
