"""Risk figures, limits and their guards: by example, and at random against plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from observatory import areas
from observatory.analytics import distribution
from observatory.areas import deepdive
from observatory.areas.assess import Span, read_range
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "risk_management")
(DIVE,) = deepdive.load(AREA)
DAY_S = 86_400
# Orders so soon after a check are not missed.
EXCUSED_S = 20


def check(sender: Any, ago: float, breached: bool, limit: str = "exposure", portfolio: str = "p", **more: Any) -> None:
    told = {"risk.limit.name": limit, "risk.limit.breached": breached, "portfolio.id": portfolio}
    sender.span(
        "risk.limit.check", ago=ago, ms=1, **told, **{f"risk.limit.{name}": value for name, value in more.items()}
    )


@pytest.fixture
def dive(store: Store, sender: Any) -> Callable[..., Any]:
    """Send what the sender holds, then read one section of the deep dive."""

    async def run(section: str, window_s: int = 300) -> deepdive.Shown:
        sender.flush()
        span = Span(sender.at, window_s, sender.at - timedelta(days=1))
        (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only=section)
        return shown

    return run


async def test_synthetic_breaches_prove_the_guard_and_count_as_no_breach(sender: Any, look: Any) -> None:
    check = {"risk.limit.name": "max_position", "portfolio.id": "p"}
    sender.span("risk.limit.check", **check | {"risk.limit.breached": True, "risk.limit.synthetic": True})
    sender.span("risk.limit.check", **check | {"risk.limit.breached": False, "risk.limit.utilization_ratio": 0.95})
    view = await look("risk_management")
    assert view["breaches_5m"] == 0
    assert view["near_misses_5m"] == 1
    assert view.member("risk_management.checks", "max_position").value == 2


async def test_a_breach_ages_until_a_later_check_passes(sender: Any, look: Any) -> None:
    for name in ("reduced", "open"):
        sender.span("risk.limit.check", ago=200, **{"risk.limit.name": name, "risk.limit.breached": False})
        sender.span("risk.limit.check", ago=90, **{"risk.limit.name": name, "risk.limit.breached": True})
    sender.span("risk.limit.check", ago=30, **{"risk.limit.name": "reduced", "risk.limit.breached": False})
    view = await look("risk_management")
    assert view["breaches_5m"] == 2
    assert view.member("risk_management.breach_age").value == pytest.approx(90)


async def test_orders_without_checks_show_a_dead_guard(sender: Any, look: Any) -> None:
    for _ in range(12):
        sender.span("order.execute", **{"order.mode": "live", "order.status": "filled"})
    view = await look("risk_management", alive={"portfolio_risk_service"})
    assert view["guard_checks_per_order_5m"] == 0
    assert view.measured("guard_checks_per_order_5m").samples == 12


async def test_each_stay_beyond_a_limit_is_told_with_who_how_far_and_how_long(sender: Any, dive: Any) -> None:
    for ago, breached, used in ((500, False, 0.5), (400, True, 1.2), (380, True, 1.5), (350, False, 0.9)):
        check(sender, ago, breached, utilization_ratio=used)
    check(sender, 200, True, utilization_ratio=1.1)
    check(sender, 100, False, utilization_ratio=0.7)
    check(sender, 90, True, portfolio="q", utilization_ratio=3.0)
    check(sender, 80, True, portfolio="r", synthetic=True)
    rows = (await dive("breaches")).rows
    told = [
        (row["portfolio_id"], row["lasted_s"], row["utilization_ratio_max"], row["checks"], row["reduced_in_time"])
        for row in rows
    ]
    assert told == [("q", 90.0, 3.0, 1, 0), ("p", 100.0, 1.1, 1, 0), ("p", 50.0, 1.5, 2, 1)]
    assert rows[0]["ended_at"] is None
    assert rows[0]["excess_ratio"] == pytest.approx(2)


async def test_a_breach_that_nobody_checked_again_stays_open(sender: Any, look: Any) -> None:
    check(sender, 7_000, True)
    view = await look("risk_management")
    assert view.member("risk_management.breach_age").value == pytest.approx(7_000)
    assert view.member("risk_management.open_breaches").value == 1


async def test_a_check_that_failed_ends_no_breach(sender: Any, look: Any) -> None:
    check(sender, 100, True)
    sender.span("risk.limit.check", ago=50, error=True, **{"risk.limit.name": "exposure", "portfolio.id": "p"})
    assert (await look("risk_management")).member("risk_management.open_breaches").value == 1


async def test_one_dead_guard_is_seen_among_living_ones(sender: Any, look: Any, dive: Any) -> None:
    for number in range(60):
        ago = 600 - 10 * number
        check(sender, ago, False, "exposure")
        if number < 40:
            check(sender, ago, False, "loss")
        sender.span("order.execute", ago=ago - 1, **{"order.status": "filled", "order.mode": "live"})
    view = await look("risk_management")
    overdue = {
        limit: view.member("risk_management.guard_overdue_checks", limit).value for limit in ("exposure", "loss")
    }
    assert overdue["exposure"] < 2
    assert overdue["loss"] > 15
    rows = (await dive("guards")).rows
    assert [(row["limit"], row["verdict"]) for row in rows] == [("loss", "silent"), ("exposure", "alive")]


async def test_a_platform_whose_guard_is_stopped_a_moment_before_the_rest_has_no_dead_guard(
    sender: Any, look: Any
) -> None:
    for number in range(60):
        ago = 700 - 10 * number
        check(sender, ago, False, "loss")
        sender.span("order.execute", ago=ago - 1, **{"order.status": "filled", "order.mode": "live"})
    # The process of the guard has ended, that of the orders has not; and then there is nothing any more.
    for number in range(40):
        sender.span("order.execute", ago=105 - number / 10, **{"order.status": "filled", "order.mode": "live"})
    view = await look("risk_management")
    assert view.member("risk_management.guard_overdue_checks", "loss").value < 1


async def test_a_guard_that_is_asked_now_and_then_is_not_dead_in_between(sender: Any, look: Any) -> None:
    for number in range(300):
        ago = 3_000 - 10 * number
        if number % 25 == 0:
            check(sender, ago, False, "daily_loss")
        sender.span("order.execute", ago=ago, **{"order.status": "filled", "order.mode": "live"})
    assert (await look("risk_management")).member("risk_management.guard_overdue_checks", "daily_loss").value < 2


async def test_a_guard_that_lets_a_made_up_breach_pass_is_no_guard(sender: Any, look: Any, dive: Any) -> None:
    check(sender, 50, True, synthetic=True)
    check(sender, 40, False, "loss", synthetic=True)
    view = await look("risk_management")
    assert view.member("risk_management.proofs_failed").value == 1
    assert view["breaches_5m"] is None
    verdicts = {row["limit"]: row["verdict"] for row in (await dive("guards")).rows}
    assert verdicts == {"loss": "lets_breaches_pass", "exposure": "idle"}


async def test_correlations_are_old_by_their_own_pace(sender: Any, look: Any) -> None:
    for ago in (400, 390, 380, 370, 360):
        sender.span(
            "risk.correlation.compute", ago=ago, **{"risk.correlation.pairs": 45, "risk.correlation.window_s": 3_600}
        )
    view = await look("risk_management")
    assert view["correlation_age_s"] == pytest.approx(360)
    assert view.member("risk_management.correlation_age_gaps").value == pytest.approx(36)
    assert view.member("risk_management.correlation_pairs_ratio").value == 1


async def test_stress_tests_are_fresh_fast_and_have_a_worst_portfolio(sender: Any, look: Any, dive: Any) -> None:
    for number in range(6):
        sender.span(
            "risk.stress_test",
            ago=1_000 + number,
            ms=100,
            **{"risk.stress.scenario": "crash", "risk.stress.loss_ratio": 0.1, "portfolio.id": "p"},
        )
        sender.span(
            "risk.stress_test",
            ago=50 + number,
            ms=1_000,
            **{"risk.stress.scenario": "crash", "risk.stress.loss_ratio": 0.05 * number, "portfolio.id": f"p{number}"},
        )
    view = await look("risk_management")
    assert view.member("risk_management.stress_slowdown", "crash").value == pytest.approx(10)
    assert view.member("risk_management.stress_time_p95").value == pytest.approx(1_000)
    assert view.member("risk_management.stress_age", "crash").value == pytest.approx(50)
    (row,) = (await dive("stress")).rows
    assert (row["tests"], row["worst_portfolio_id"], row["loss_ratio_max"], row["last_loss_ratio"]) == (
        12,
        "p5",
        0.25,
        0.0,
    )


async def test_an_order_goes_out_on_a_risk_result_of_some_age(sender: Any, look: Any, dive: Any) -> None:
    sender.span("risk.calculate", ago=100, **{"risk.kind": "var", "user.id": "u"})
    sender.span("risk.calculate", ago=60, **{"risk.kind": "var", "user.id": "u"}, error=True)
    order = {"order.status": "filled", "order.mode": "live"}
    sender.span("order.execute", ago=50, ms=10_000, **order, **{"user.id": "u", "order.id": "o1"})
    sender.span("order.execute", ago=50, **order, **{"user.id": "stranger", "order.id": "o2"})
    view = await look("risk_management")
    assert view.member("risk_management.order_risk_age_p50").value == pytest.approx(40)
    assert view.member("risk_management.unassessed_orders").value == 1
    rows = (await dive("order_risk_ages")).rows
    assert [(row["order_id"], row["risk_age_s"]) for row in rows] == [("o2", None), ("o1", 40.0)]


async def test_a_population_that_moves_is_told_from_one_that_does_not(sender: Any, dive: Any) -> None:
    for number in range(200):
        for ago, kind, score in (
            (9_000, "var", number / 4),
            (60, "var", number / 4 + 40),
            (9_000, "drawdown", number / 4),
            (60, "drawdown", number / 4),
        ):
            sender.span(
                "risk.calculate", ago=ago, **{"risk.kind": kind, "portfolio.id": f"p{number}", "risk.score": score}
            )
    rows = {row["kind"]: row for row in (await dive("scores")).rows}
    assert (rows["var"]["shift"], rows["drawdown"]["shift"]) == ("moved", "stable")
    assert sum(part["count"] for part in rows["var"]["histogram"]) == 200


async def test_nothing_is_known_of_risk_that_was_never_told(look: Any, dive: Any) -> None:
    view = await look("risk_management")
    assert view["risk_calcs_5m"] is None
    for section in (each.id for each in DIVE.sections if each.rows):
        assert (await dive(section)).rows == []


CALCULATIONS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["var", "drawdown"]),
        "portfolio": st.sampled_from(["p", "q", "r", "s", "t"]),
        "score": st.one_of(st.none(), st.floats(0, 100), st.sampled_from([0.0, 50.0, 100.0])),
        "ms": st.floats(0.1, 5_000),
        "error": st.booleans(),
        "ago": st.sampled_from([20, 200, 3_000, 3_599, 3_601, 9_000, 80_000, 90_000]),
    }
)
CHECKS = st.fixed_dictionaries(
    {
        "limit": st.sampled_from(["exposure", "loss"]),
        "portfolio": st.sampled_from(["p", "q"]),
        "breached": st.booleans(),
        "synthetic": st.integers(0, 4).map(lambda drawn: drawn == 0),
        "used": st.one_of(st.none(), st.sampled_from([0.0, 0.9, 1.0]), st.floats(0, 3)),
    }
)
# Each example is an insert of its own, so that a failing one is not made smaller.
RANDOMLY = settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@RANDOMLY
@given(
    calculated=st.lists(CALCULATIONS, max_size=25),
    checked=st.lists(CHECKS, max_size=20),
    orders=st.lists(st.integers(20, 4_000), max_size=15),
)
async def test_risk_of_any_kind_is_measured_as_by_hand(
    store: Store, sends: Any, calculated: list[dict[str, Any]], checked: list[dict[str, Any]], orders: list[int]
) -> None:
    sender = sends()
    for place, each in enumerate(calculated):
        told = {"risk.kind": each["kind"], "portfolio.id": each["portfolio"]} | (
            {} if each["score"] is None else {"risk.score": each["score"]}
        )
        each["ago"] += place / 1_000
        sender.span("risk.calculate", ago=each["ago"], ms=each["ms"], error=each["error"], **told)
    for place, each in enumerate(checked):
        each["ago"] = 280 - 13 * place
        used = {} if each["used"] is None else {"utilization_ratio": each["used"]}
        check(
            sender, each["ago"], each["breached"], each["limit"], each["portfolio"], synthetic=each["synthetic"], **used
        )
    for ago in orders:
        sender.span("order.execute", ago=ago, **{"order.status": "filled"})
    sender.flush()
    span = Span(sender.at, 300, sender.at - timedelta(days=1))
    expected = (
        _figures([each for each in calculated if each["ago"] < 300])
        | _limits(checked)
        | {("score_shift", kind): _shift(calculated, kind) for kind in ("var", "drawdown")}
    )
    names = frozenset(f"risk_management.{name}" for name, _ in expected)
    readings = await read_range(AREA, store.reader, names, sender.environment, span)
    found = {
        (each.indicator.removeprefix("risk_management."), each.member): each.measurement.value for each in readings
    }
    for name, value in expected.items():
        assert found.get(name) == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), name
    await _expect_scores(store, sender, span, calculated)
    await _expect_stays(store, sender, span, checked)
    await _expect_guards(store, sender, span, checked, orders)


def _figures(recent: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float | None]:
    figures: dict[tuple[str, str], float | None] = {}
    for kind in ("", "var", "drawdown"):
        own = [each for each in recent if kind in ("", each["kind"])]
        before = "kind_" if kind else ""
        figures[f"{before}calculations", kind] = len(own) or None
        figures[f"{before}calculation_error_rate", kind] = (
            float(np.mean([each["error"] for each in own])) if own else None
        )
        figures[f"{before}calculation_time_mean", kind] = float(np.mean([each["ms"] for each in own])) if own else None
        for share in (50, 95, 99):
            value = float(np.quantile([each["ms"] for each in own], share / 100)) if own else None
            figures[f"{before}calculation_time_p{share}", kind] = value
    scored = [each["score"] for each in recent if each["score"] is not None]
    figures["score_p95", ""] = float(np.quantile(scored, 0.95)) if scored else None
    return figures


def _limits(checked: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float | None]:
    real = [each for each in checked if not each["synthetic"]]
    used = [each for each in real if each["used"] is not None]
    proofs = [each for each in checked if each["synthetic"]]
    lasts = {(each["limit"], each["portfolio"]): each for each in real}
    return {
        ("breaches", ""): sum(each["breached"] for each in real) if real else None,
        ("near_misses", ""): sum(each["used"] >= 0.9 and not each["breached"] for each in used) if used else None,
        ("proofs_failed", ""): sum(not each["breached"] for each in proofs) if proofs else None,
        ("open_breaches", ""): sum(each["breached"] for each in lasts.values()) or None,
    }


def _newest(calculated: Sequence[Mapping[str, Any]], kind: str) -> tuple[list[float], list[float]]:
    """The portfolios' newest scores of the hour, and those from before it within the day."""
    sides: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for each in sorted(calculated, key=lambda each: -each["ago"]):
        if each["kind"] == kind and each["score"] is not None and each["ago"] < DAY_S:
            sides[each["ago"] >= 3_600][each["portfolio"]] = each["score"]
    return list(sides[0].values()), list(sides[1].values())


def _shift(calculated: Sequence[Mapping[str, Any]], kind: str) -> float | None:
    actual, expected = _newest(calculated, kind)
    return distribution.psi(expected, actual)


async def _expect_scores(store: Store, sender: Any, span: Span, calculated: Sequence[Mapping[str, Any]]) -> None:
    (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="scores")
    for row in shown.rows:
        actual, expected = _newest(calculated, row["kind"])
        assert (row["portfolios"], row["portfolios_before"]) == (len(actual), len(expected))
        assert row["score_p95"] == (pytest.approx(float(np.quantile(actual, 0.95))) if actual else None)
        assert sum(part["count"] for part in row["histogram"]) == len(actual)


async def _expect_stays(store: Store, sender: Any, span: Span, checked: Sequence[Mapping[str, Any]]) -> None:
    stays: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    broken: dict[tuple[str, str], bool] = {}
    for each in checked:
        key = each["limit"], each["portfolio"]
        if each["synthetic"]:
            continue
        if each["breached"] and not broken.get(key):
            stays[key].append([each["ago"], 0.0])
        elif not each["breached"] and broken.get(key):
            stays[key][-1][1] = each["ago"]
        broken[key] = each["breached"]
    expected = sorted((*key, start - end) for key, own in stays.items() for start, end in own)
    (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="breaches")
    assert sorted((row["limit"], row["portfolio_id"], row["lasted_s"]) for row in shown.rows) == expected


async def _expect_guards(
    store: Store, sender: Any, span: Span, checked: Sequence[Mapping[str, Any]], orders: Sequence[int]
) -> None:
    (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="guards")
    assert {row["limit"] for row in shown.rows} == {each["limit"] for each in checked}
    at = sender.at.timestamp()
    starts = [(at - ago) // 10 * 10 for ago in orders]
    for row in shown.rows:
        own = [at - each["ago"] for each in checked if each["limit"] == row["limit"]]
        first, last = min(own) // 10 * 10, max(own)
        meanwhile, since = sum(first <= start <= last for start in starts), sum(start > last for start in starts)
        assert row["orders_since"] == since
        missed = sum(start > last + EXCUSED_S for start in starts)
        assert row["overdue_checks"] == pytest.approx(len(own) / max(1, meanwhile) * missed)
