"""A universe with a real outside world, as the store tells of it: one order's way, and what each fault leaves."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import pytest
from evidence import Evidence, Span
from running import until

from observatory.store import Store
from observatory_universe.faults import KINDS

from .door import Open
from .groups import ALONE, APART, collide, grouped
from .living import Living, living
from .reading import Told
from .trials import SLOWER, Trial, bound_s, tried

ENVIRONMENT = "live"
_WARM_S = 9
_CALM_S = 20
_ORDER_S = 300
_S = 10**9
# Kinds that show fast, of each sort; one of each is drawn.
_FAST = {
    "a venue": ["exchange_slow", "feed_clock_skew", "feed_frozen", "feed_gap"],
    "a model provider": ["ai_provider_errors", "ai_silent_fallback"],
    "inside the platform": ["breaker_flap", "failover_fails", "ledger_drift", "login_storm", "risk_breach_storm"],
    "no fault": ["planned_deployment", "quiet_market"],
}
_LOT = random.Random(20_251)
DRAWN = [_LOT.choice(kinds) for kinds in _FAST.values()]
GROUPS = grouped({kind: bound_s(kind) for kind in KINDS})


@dataclass(frozen=True)
class Stage:
    """A universe that has come to rest, what it told then, and what it tells."""

    universe: Living
    told: Told
    calm: Evidence
    ready_ns: int


@pytest.fixture(scope="module")
def stage(door: Open, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The one universe of these tests."""
    told = Told(store, ENVIRONMENT)
    with living(tmp_path_factory.mktemp("universe"), door, ENVIRONMENT) as universe:
        ready_ns = time.time_ns()
        time.sleep(_WARM_S + _CALM_S)
        calm = told.evidence(ready_ns + _WARM_S * _S, time.time_ns())
        yield Stage(universe, told, calm, ready_ns)


@pytest.fixture(scope="module")
def drawn(stage: Stage) -> dict[str, Trial]:
    """One kind of each sort, all at once. What a machine that stood still seems to show is tried again."""
    trials = {trial.kind: trial for trial in tried(stage.universe, stage.told, stage.calm, DRAWN)}
    again = [kind for kind, trial in trials.items() if trial.is_false]
    return trials | {trial.kind: trial for trial in tried(stage.universe, stage.told, stage.calm, again)}


@pytest.fixture(scope="module")
def trials(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Trial]]:
    """The trial of a kind, together with those of its group that are asked for in this run as well.

    At the end all are printed, and stand in a file.
    """
    asked = {item.callspec.params.get("kind") for item in request.session.items if hasattr(item, "callspec")}
    done: dict[str, Trial] = {}

    def trial(kind: str) -> Trial:
        if kind not in done:
            group = next(group for group in GROUPS if kind in group)
            kinds = [each for each in group if each in asked]
            done.update((each.kind, each) for each in tried(stage.universe, stage.told, stage.calm, kinds))
        return done[kind]

    yield trial
    lines = [f"{trial.kind:24}{_told(trial.shows_s)}{_told(trial.recovers_s)}" for trial in done.values()]
    path = tmp_path_factory.mktemp("faults") / "seconds.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print("\nfault, seconds until it shows, seconds until it is well again", *lines, sep="\n")


def _told(seconds: float | None) -> str:
    return f"{'never':>8}" if seconds is None else f"{seconds:8.1f}"


def test_every_sort_of_fault_is_drawn() -> None:
    assert all(kinds <= KINDS.keys() for kinds in map(set, _FAST.values()))
    assert [KINDS[kind].is_fault for kind in DRAWN] == [True, True, True, False]


@pytest.mark.parametrize("kind", DRAWN)
def test_a_drawn_fault_shows_in_the_store_and_is_well_again(drawn: dict[str, Trial], kind: str) -> None:
    trial = drawn[kind]
    assert not trial.is_false, "the mark was there without the fault"
    assert trial.shows_s is not None, "no mark"
    assert trial.recovers_s is not None, "the mark did not go away"


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for group in GROUPS for kind in group])
def test_a_fault_shows_in_the_store_and_is_well_again(trials: Callable[[str], Trial], kind: str) -> None:
    _check(trials(kind))


def test_kinds_that_are_tried_at_once_leave_each_others_marks_alone() -> None:
    assert sorted(kind for group in GROUPS for kind in group) == sorted(KINDS)
    assert not [pair for group in GROUPS for pair in combinations(group, 2) if collide(*pair)]
    assert len(GROUPS) < len(KINDS) / 2
    assert ALONE.keys() | {kind for pair in APART for kind in pair} | SLOWER.keys() <= KINDS.keys()


def _check(trial: Trial) -> None:
    assert not trial.is_false, "the mark was there without the fault"
    assert trial.shows_s is not None, f"no mark within {trial.bound_s:g} s"
    assert trial.shows_s <= trial.bound_s
    assert trial.recovers_s is not None, f"the mark is still there {trial.well_within_s:g} s after the end"
    assert trial.recovers_s <= trial.well_within_s


def test_one_trace_has_the_whole_way_of_an_order(stage: Stage) -> None:
    order, trace, _ = until(lambda: _followed(stage.told), "an order that models decided and time closed", _ORDER_S)
    names = [span.name for span in _way(trace, order)]
    assert names[0] == "websocket_market_data.receive"
    assert [name for name in names if name in _WAY_DOWN] == _WAY_DOWN
    signal_id, order_id = order.attributes["signal.id"], order.attributes["order.id"]
    (consensus,) = trace.named("ai.consensus.decide", signal_id=signal_id)
    asked = [call for call in trace.model_calls() if call.parent_id == consensus.span_id]
    assert len({call.attributes["gen_ai.provider.name"] for call in asked}) > 1
    checks = trace.named("risk.limit.check", order_id=order_id)
    assert {check.attributes["risk.limit.breached"] for check in checks} == {False}
    sent = [call for call in trace.exchange_calls() if call.parent_id == order.span_id]
    (created,) = (call.attributes for call in sent if call.name == "exchange create_order")
    assert (created["http.request.method"], created["http.response.status_code"]) == ("POST", 200)
    states = [change.attributes["order.state.to"] for change in trace.told("order.state.changed", order_id=order_id)]
    assert {"submitted", "filled"} <= set(states)
    assert _updates(trace, order) == 1
    assert _booked(trace, order)


def test_the_trace_that_closes_the_order_is_linked_to_it(stage: Stage) -> None:
    opening, _, closings = until(lambda: _followed(stage.told), "an order that was closed", _ORDER_S)
    trace = stage.told.trace(closings[0])
    (closing,) = (span for span in trace.named("order.execute"))
    assert closing.trace_id != opening.trace_id
    assert [closing.attributes[key] for key in _SAME] == [opening.attributes[key] for key in _SAME]
    assert closing.attributes["order.side"] != opening.attributes["order.side"]
    assert _way(trace, closing)[0].name == "strategy_monitoring_service.close"
    assert _updates(trace, closing) == 1
    assert _booked(trace, closing)


_SAME = ("signal.id", "decision.id", "user.id", "order.symbol", "exchange.id")
# From the market event down to the order at the venue, each inside the one before.
_WAY_DOWN = [
    "websocket_market_data.receive",
    "market_data_coordinator.merge",
    "event_driven_services_manager.publish",
    "event_driven_services_manager.dispatch",
    "signal.bridge",
    "strategy.execute",
    "trade_execution_service.place_order",
    "order.execute",
]
_CLOSED = """
SELECT opening.TraceId, opening.SpanId, groupArray(closing.TraceId)
FROM otel_traces AS opening
JOIN (
    SELECT TraceId, arrayJoin(`Links.SpanId`) AS Opened FROM otel_traces
    WHERE Environment = '{environment}' AND SpanName = 'order.execute' AND SpanAttributes['order.status'] = 'filled'
) AS closing ON closing.Opened = opening.SpanId
WHERE Environment = '{environment}' AND SpanName = 'order.execute' AND SpanAttributes['order.status'] = 'filled'
    AND SpanAttributes['order.mode'] = 'live' AND SpanAttributes['decision.id'] != ''
GROUP BY opening.TraceId, opening.SpanId, opening.Timestamp ORDER BY opening.Timestamp LIMIT 1
"""


def _followed(told: Told) -> tuple[Span, Evidence, list[str]] | None:
    """The first live order that models decided, that was filled and closed: its span, its trace, and what closed it."""
    for trace_id, span_id, closings in told.rows(_CLOSED):
        trace = told.trace(trace_id)
        if _is_whole(trace) and _is_whole(told.trace(closings[0])):
            return next(span for span in trace.spans if span.span_id == span_id), trace, closings
    return None


def _is_whole(trace: Evidence) -> bool:
    """Whether all spans that others name as their parent are stored: services send theirs each at its own time."""
    return {span.parent_id for span in trace.spans} - {span.span_id for span in trace.spans} == {""}


def _way(trace: Evidence, span: Span) -> list[Span]:
    """From the trace's first span to this one."""
    by_id = {each.span_id: each for each in trace.spans}
    way = [span]
    while way[0].parent_id:
        way.insert(0, by_id[way[0].parent_id])
    return way


def _updates(trace: Evidence, order: Span) -> int:
    """How many changes of the portfolio the order's run made."""
    run = next(span for span in _way(trace, order) if span.name == "strategy.execute")
    updates = trace.named("unified_strategy_service.update_portfolio", user_id=order.attributes["user.id"])
    return sum(update.parent_id == run.span_id and not update.is_error for update in updates)


def _booked(trace: Evidence, order: Span) -> bool:
    """Whether the order was paid for, in the ledger."""
    key = f"{order.attributes['order.id']}-usage"
    return bool(trace.told("credit.transaction", credit_idempotency_key=key)) and bool(
        trace.named("credit_ledger.book")
    )
