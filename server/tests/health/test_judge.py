from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory import areas, catalogue
from observatory.catalogue import Objective, Priority
from observatory.health import judge, words
from observatory.model import (
    Bound,
    Comparison,
    Finding,
    Health,
    Indicator,
    LoadState,
    Measurement,
    Probed,
    Reading,
    Reason,
    ServiceSight,
    Verdict,
    worst,
)

AT = datetime(2026, 3, 4, tzinfo=UTC)
PRIORITIES: dict[str, Priority] = {area.id: area.priority for area in catalogue.load().areas}
HEALTHS = st.sampled_from(list(Health))


def indicator(warn: Bound | None, crit: Bound | None, least: int = 10, name: str = "toy.x") -> Indicator:
    return Indicator(
        id=name,
        area="toy",
        sentence="duration",
        unit="ms",
        window_s=300,
        group_by=(),
        reads="t",
        source="t",
        value="v",
        samples="n",
        judged_if="1",
        needs_s="0",
        estimated_if="0",
        warn=warn,
        crit=crit,
        least_samples=least,
        bound_source="test",
        zero_from=(),
    )


UPWARD = indicator(Bound(Comparison.ABOVE, 5_000), Bound(Comparison.ABOVE, 15_000))
DOWNWARD = indicator(Bound(Comparison.BELOW, 0.95), Bound(Comparison.BELOW, 0.8))


def read(value: float | Decimal | None, samples: int = 10, member: str = "", judged: bool = True) -> Reading:
    return Reading("toy.x", member, Measurement(value, "ms", samples, 300, AT, "t"), judged)


def area(*readings: Reading, by: Indicator = UPWARD) -> Verdict:
    return judge.area({by.id: by}, readings)


@pytest.mark.parametrize(
    ("value", "health"),
    [(5_000, "healthy"), (5_000.1, "degraded"), (15_000, "degraded"), (15_001, "critical")],
)
def test_a_value_on_its_bound_is_not_beyond_it(value: float, health: str) -> None:
    assert area(read(value)).health == health


@pytest.mark.parametrize(("value", "health"), [(0.95, "healthy"), (0.94, "degraded"), (0.79, "critical")])
def test_of_a_share_the_small_values_are_the_bad_ones(value: float, health: str) -> None:
    assert area(read(value), by=DOWNWARD).health == health


@given(st.floats(0, 1e6), st.integers(0, 9))
def test_too_few_samples_are_never_judged(value: float, samples: int) -> None:
    verdict = area(read(value, samples))
    assert verdict.health is Health.UNKNOWN
    assert verdict.findings[0].reason in (Reason.TOO_FEW_SAMPLES, Reason.NO_DATA)


def test_no_data_is_unknown_and_says_so() -> None:
    for verdict in (area(), area(read(None, 0))):
        assert verdict.health is Health.UNKNOWN
        assert verdict.findings[0].reason is Reason.NO_DATA


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_an_area_is_as_bad_as_its_worst_judged_member(values: list[float]) -> None:
    readings = [read(value, member=str(place)) for place, value in enumerate(values)]
    assert area(*readings).health is worst(area(each).health for each in readings)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.randoms())
def test_the_order_of_the_readings_does_not_matter(values: list[float], random: object) -> None:
    readings = [read(value, member=str(place)) for place, value in enumerate(values)]
    shuffled = list(readings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert area(*readings).health is area(*shuffled).health


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_is_never_healthier_where_more_is_worse(one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert area(read(small)).health.rank <= area(read(large)).health.rank


def test_a_member_that_must_not_be_judged_is_left_out() -> None:
    assert area(read(99_999, member="quiet", judged=False), read(1, member="busy")).health is Health.HEALTHY
    assert area(read(99_999, judged=False)).health is Health.UNKNOWN


def test_the_reason_names_member_value_samples_window_and_bound() -> None:
    found = area(read(20_000, 31, "binance")).findings[0]
    assert (
        found.sentence
        == "duration (binance): 20,000 ms, above the critical bound of 15,000 ms (last 5 min, 31 samples)"
    )
    assert (found.subject, found.member, found.health) == ("toy.x", "binance", Health.CRITICAL)


def test_living_services_alone_make_no_area_healthy() -> None:
    alive = indicator(Bound(Comparison.BELOW, 1), Bound(Comparison.AT_MOST, 0), 1, "toy.services_alive_ratio")
    whole = Reading(alive.id, "", Measurement(1.0, "ratio", 3, 300, AT, "heartbeats"))
    assert judge.area({alive.id: alive}, [whole]).health is Health.UNKNOWN
    dead = replace(whole, measurement=replace(whole.measurement, value=0.0))
    verdict = judge.area({alive.id: alive}, [dead], silent=["a", "b", "c"])
    assert verdict.health is Health.CRITICAL
    assert [found.subject for found in verdict.findings[1:]] == ["a", "b", "c"]


def whole(**healths: Health) -> Verdict:
    verdicts = {name: Verdict(healths.get(name, Health.HEALTHY)) for name in PRIORITIES}
    return judge.overall(verdicts, PRIORITIES)


@given(st.fixed_dictionaries(dict.fromkeys(PRIORITIES, HEALTHS)))
def test_the_whole_follows_the_rule_of_priorities(healths: dict[str, Health]) -> None:
    ranked = {
        priority: [healths[name] for name in healths if PRIORITIES[name] == priority] for priority in get_args(Priority)
    }
    high, low = ranked["P0"] + ranked["P1"], ranked["P2"] + ranked["P3"]
    if Health.CRITICAL in high:
        expected = Health.CRITICAL
    elif Health.DEGRADED in high + low or Health.CRITICAL in low:
        expected = Health.DEGRADED
    elif Health.UNKNOWN in ranked["P0"]:
        expected = Health.UNKNOWN
    else:
        expected = Health.HEALTHY
    verdict = whole(**healths)
    assert verdict.health is expected
    assert {found.subject for found in verdict.findings} == {n for n, h in healths.items() if h is not Health.HEALTHY}


def test_unknown_areas_below_p0_are_named_and_change_nothing() -> None:
    verdict = whole(costs=Health.UNKNOWN, resources=Health.UNKNOWN)
    assert verdict.health is Health.HEALTHY
    assert {found.reason for found in verdict.findings} == {Reason.AREA_UNKNOWN}


def test_a_critical_p2_area_only_degrades_the_whole() -> None:
    assert whole(risk_management=Health.CRITICAL).health is Health.DEGRADED
    assert whole(credits=Health.CRITICAL).health is Health.CRITICAL


def test_no_areas_are_unknown() -> None:
    assert judge.overall({}, {}).health is Health.UNKNOWN


def sight(state: LoadState, calls: int = 100, failed: int = 0, p95_ms: float | None = 50.0) -> ServiceSight:
    def measured(value: float | None, unit: str) -> Measurement:
        return Measurement(value, unit, calls, 300, AT, "fact_calls")

    return ServiceSight(
        id="s",
        load_state=state,
        rate=measured(1.0, "1/s"),
        error_rate=measured(failed / calls if calls else None, "ratio"),
        errors_by_exception=measured(failed, "1"),
        errors_by_outcome=measured(0, "1"),
        p50=measured(10.0, "ms"),
        p95=measured(p95_ms, "ms"),
        p99=measured(90.0, "ms"),
        heartbeat_age=measured(60.0, "s"),
        last_seen=AT,
        instances=(),
        callers=(),
        callees=(),
    )


@pytest.mark.parametrize(
    ("seen", "health", "reason"),
    [
        (sight(LoadState.REPORTING), "healthy", None),
        (sight(LoadState.IDLE, calls=0, p95_ms=None), "healthy", None),
        (sight(LoadState.SILENT), "critical", Reason.SILENT),
        (sight(LoadState.NEVER_LOADED, calls=0), "unknown", Reason.NEVER_LOADED),
        (sight(LoadState.REPORTING, calls=10, failed=10), "healthy", None),
        (sight(LoadState.REPORTING, calls=100, failed=2), "healthy", None),
        (sight(LoadState.REPORTING, calls=100, failed=7), "degraded", Reason.BEYOND_WARNING_BOUND),
        (sight(LoadState.REPORTING, calls=100, failed=20), "critical", Reason.BEYOND_CRITICAL_BOUND),
        (sight(LoadState.REPORTING, p95_ms=1_500), "degraded", Reason.BEYOND_WARNING_BOUND),
        (sight(LoadState.REPORTING, p95_ms=6_000), "critical", Reason.BEYOND_CRITICAL_BOUND),
    ],
)
def test_a_service_is_held_against_its_own_objective(seen: ServiceSight, health: str, reason: Reason | None) -> None:
    verdict = judge.service(seen, Objective(availability_ratio=0.99, latency_ms=1_000))
    assert verdict.health == health
    assert [found.reason for found in verdict.findings] == ([reason] if reason else [])


OBJECTIVE = Objective(availability_ratio=0.99, latency_ms=1_000)


@pytest.mark.parametrize("state", [LoadState.REPORTING, LoadState.IDLE, LoadState.SILENT, LoadState.NEVER_LOADED])
def test_a_service_whose_probes_fail_is_down_whatever_its_heartbeats_say(state: LoadState) -> None:
    verdict = judge.service(sight(state), OBJECTIVE, probed=Probed(up=("inner",), down=("door",)))
    assert verdict.health is Health.CRITICAL
    assert (verdict.findings[0].reason, verdict.findings[0].member) == (Reason.PROBE_FAILED, "door")
    assert "answering" not in " ".join(found.sentence for found in verdict.findings)


def test_a_silence_of_what_answers_its_probes_is_a_fault_of_its_telemetry() -> None:
    silent = judge.service(sight(LoadState.SILENT), OBJECTIVE)
    answering = judge.service(sight(LoadState.SILENT), OBJECTIVE, probed=Probed(up=("door",)))
    assert (silent.health, answering.health) == (Health.CRITICAL, Health.DEGRADED)
    assert answering.findings[0].reason is Reason.SILENT
    assert answering.findings[0].sentence == "no heartbeat for 1 min, but the probe door finds it answering"
    never = judge.service(sight(LoadState.NEVER_LOADED), OBJECTIVE, probed=Probed(up=("door",)))
    assert never.health is Health.UNKNOWN
    assert "the probe door finds it answering" in never.findings[0].sentence


def test_a_service_that_shares_code_says_so_only_while_it_is_not_there_by_itself() -> None:
    absent = judge.service(sight(LoadState.NEVER_LOADED), OBJECTIVE, shares="other")
    assert (absent.health, absent.findings[0].reason) == (Health.UNKNOWN, Reason.SHARES_CODE)
    assert absent.findings[0].sentence == "shares other: its code is watched and counted there"
    assert judge.service(sight(LoadState.REPORTING), OBJECTIVE, shares="other") == Verdict(Health.HEALTHY)
    assert judge.service(sight(LoadState.SILENT), OBJECTIVE, shares="other").findings[0].reason is Reason.SILENT


def test_an_area_names_its_services_that_are_down() -> None:
    verdict = judge.area({}, [], down=["s"])
    assert verdict.health is Health.DEGRADED
    assert [(found.reason, found.sentence) for found in verdict.findings] == [
        (Reason.SERVICE_DOWN, "s is down by its probes")
    ]


def test_a_failed_query_is_unknown_with_its_reason() -> None:
    verdict = judge.failed("credits", "the query of credits failed")
    assert verdict == Verdict(
        Health.UNKNOWN,
        (Finding(Reason.QUERY_FAILED, "the query of credits failed", Health.UNKNOWN, "credits"),),
    )


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.985, "ratio", "98.5 %"),
        (Decimal("1234.5"), "usd", "$1,234.50"),
        (Decimal("-0.4"), "usd", "-$0.40"),
        (1_234.6, "ms", "1,235 ms"),
        (3, "1", "3"),
        (42.0, "s", "42 s"),
        (185.0, "s", "3 min 5 s"),
        (90_000.0, "s", "1 d 1 h"),
        (0.00012, "ratio", "0.012 %"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float | Decimal, unit: str, text: str) -> None:
    assert words.number(value, unit) == text


BOUNDED = [
    (each, bound, kind)
    for definition in areas.load()
    for each in definition.indicators.values()
    for bound, kind in ((each.warn, "warning"), (each.crit, "critical"))
    if bound is not None
]


@pytest.mark.parametrize(("measured", "bound", "kind"), BOUNDED, ids=[f"{each.id}-{kind}" for each, _, kind in BOUNDED])
def test_the_reason_of_every_indicator_reads_as_a_sentence(measured: Indicator, bound: Bound, kind: str) -> None:
    value = bound.value + (0.001 if bound.upward else -0.001) * (bound.comparison in (">", "<"))
    samples = max(measured.least_samples, 1)
    member = "binance" if measured.group_by else ""
    seen = Measurement(value, measured.unit, samples, measured.window_s, AT, measured.source)
    # Without the other bound, so that the mild one is told where both stand at the same place.
    alone = replace(measured, warn=bound if kind == "warning" else None, crit=bound if kind == "critical" else None)
    found = judge.reading(alone, Reading(measured.id, member, seen))
    assert found is not None
    who = rf" \({member}\)" if member else ""
    side = "(at or )?(above|below)"
    pattern = (
        rf"[a-z0-9][^:()]*[a-z0-9%]{who}: [-$\d][^:()]*, {side} the {kind} bound of [-$\d][^:()]* "
        rf"\(last \d+ (min|h|d), {samples} samples?\)"
    )
    assert re.fullmatch(pattern, found.sentence), found.sentence
    assert found.sentence.startswith(measured.sentence)


def test_too_few_samples_are_told_with_those_that_it_takes() -> None:
    found = area(read(1, 3, "binance")).findings[0]
    assert found.sentence == (
        "too few samples to judge: duration (binance) rests on 3 samples of the last 5 min, and needs 10"
    )


def test_living_services_without_work_are_told_as_such() -> None:
    alive = indicator(Bound(Comparison.BELOW, 1), Bound(Comparison.AT_MOST, 0), 1, "toy.services_alive_ratio")
    whole = Reading(alive.id, "", Measurement(1.0, "ratio", 3, 300, AT, "heartbeats"))
    found = judge.area({alive.id: alive}, [whole]).findings[0]
    assert found.sentence == "its services are alive, but reported no work that could be judged"


@pytest.mark.parametrize(("listened_s", "health"), [(0, "unknown"), (59, "unknown"), (60, "critical")])
def test_an_absence_is_believed_once_it_was_listened_for(listened_s: float, health: str) -> None:
    late = replace(read(20_000), needs_s=60.0)
    verdict = judge.area({UPWARD.id: UPWARD}, [late], since=AT - timedelta(seconds=listened_s))
    assert verdict.health == health
    within = replace(read(1), needs_s=60.0)
    assert judge.area({UPWARD.id: UPWARD}, [within], since=AT).health is Health.HEALTHY
