"""Rules over the real stores: what fires, what is kept, what a restart finds, what a commit shows at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from observatory import alerting, areas, catalogue
from observatory.alerting import Evaluator, Inputs, Keeper, Rulebook, Watch
from observatory.alerting.conditions import Sql
from observatory.api import health_json
from observatory.clock import HeldClock
from observatory.errors import StateError, StoreError
from observatory.model import Snapshot
from observatory.model.alert import Alert, Phase, Transition
from observatory.selfwatch import Selfwatch
from observatory.state import State, Wanted, open_store
from observatory.store import Store
from observatory.tick import Fast, Haste, Knobs, Snapshots, Tick

SERVICES = [service.id for service in catalogue.load().services]
ORDER = {"order.mode": "live", "order.status": "filled", "exchange.id": "binance"}
CHECK = {"risk.limit.name": "max_drawdown", "risk.limit.breached": False, "risk.limit.utilization_ratio": 0.1}


class Bench:
    """Rounds with alerting over the test's own environment, on a held clock."""

    def __init__(self, store: Store, state: State, sender: Any, known: alerting.Known, folder: Path | None) -> None:
        self.store, self.state, self.sender, self.known = store, state, sender, known
        self.clock, self.selfwatch = HeldClock(sender.at), Selfwatch()
        self.since = self.clock.now() - timedelta(days=1)
        self.folder = folder
        # A round of all ten areas takes its time: most tests look at one.
        self.areas: tuple[str, ...] = ("emergency",)
        self.keeper = Keeper(state)
        self.changes: list[Transition] = []
        self.evaluator = self._evaluator()

    def _evaluator(self) -> Evaluator:
        book = Rulebook(self.known, self.state, self.clock, self.folder)
        inputs = Inputs(self.store.ticking, self.store.guarded, catalogue.load(), self.selfwatch, self.since)
        watch = Watch(catalogue.load(), self.since)
        return Evaluator(book, inputs, None, self._sink, self.state, self.selfwatch, watch)

    async def _sink(self, transitions: Sequence[Transition]) -> None:
        mine = [each for each in transitions if each.alert.environment == self.sender.environment]
        await self.keeper(transitions)
        self.changes += mine

    async def restart(self) -> None:
        self.evaluator = self._evaluator()
        await self.evaluator.load()

    async def round(self, after_s: float = 0) -> Snapshot:
        self.clock.advance(after_s)
        snapshots = Snapshots(partial(health_json.render, catalogue.load()))
        knobs = Knobs(query_s=20, environments=10_000)
        looked_at = [each for each in areas.load() if each.id in self.areas]
        tick = Tick(
            self.store.ticking, catalogue.load(), looked_at, self.clock, snapshots, self.selfwatch, knobs, self.since
        )
        await tick.round()
        published = snapshots.of(self.sender.environment)
        assert published is not None
        await self.evaluator.round([published.snapshot], self.clock.now())
        return published.snapshot

    @property
    def firing(self) -> dict[tuple[str, str], Alert]:
        mine = self.evaluator.open(self.sender.environment)
        return {(each.rule, each.member): each for each in mine if each.phase is Phase.FIRING}


@pytest.fixture
async def bench(store: Store, sender: Any, known: alerting.Known, tmp_path: Path) -> AsyncIterator[Bench]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    folder = tmp_path / "rules"
    folder.mkdir()
    made = Bench(store, state, sender, known, folder)
    await made.evaluator.load()
    yield made
    await state.close()


async def test_a_universe_that_is_well_fires_nothing_and_failures_fire_by_name(bench: Bench, sender: Any) -> None:
    bench.areas = ("trading_execution", "risk_management", "emergency")
    sender.heartbeat(*SERVICES)
    for _ in range(40):
        sender.span("order.execute", ms=40, **ORDER)
        sender.span("risk.limit.check", ms=1, **CHECK)
    sender.flush()
    await bench.round()
    assert bench.firing == {}
    for _ in range(40):
        sender.span("order.execute", ms=40, **{**ORDER, "order.status": "rejected"})
    sender.flush()
    await bench.round()
    fired = bench.firing
    assert ("trading_execution.execution_success.critical", "") in fired
    alert = fired["trading_execution.exchange_execution_success.critical", "binance"]
    assert alert.labels["exchange"] == "binance"
    assert alert.measurement is not None
    assert alert.measurement.value == pytest.approx(0.5)
    assert "below the critical bound of 80 %" in alert.sentence
    for _ in range(400):
        sender.span("order.execute", ms=40, **ORDER)
    sender.flush()
    await bench.round()
    assert ("trading_execution.execution_success.critical", "") in bench.firing
    await bench.round(after_s=31)
    assert ("trading_execution.execution_success.critical", "") not in bench.firing


async def test_events_fire_with_who_and_what_and_are_over_when_they_are(bench: Bench, sender: Any) -> None:
    sender.log("security.event", ago=1, **{"security.kind": "login_storm", "security.subject": "user-7"})
    sender.log("emergency.activated", ago=1, **{"safety.name": "kill_switch", "safety.reason": "drawdown"})
    sender.log("deployment", ago=1, **{"observatory.service": "oauth_service", "service.version": "1.2.3"})
    sender.log("config.changed", ago=1, **{"config.key": "leverage", "config.actor": "ann"})
    sender.log(
        "circuit_breaker.transition", ago=60, **{"safety.name": "binance", "safety.from": "closed", "safety.to": "open"}
    )
    sender.flush()
    await bench.round()
    await bench.round(after_s=31)
    fired = bench.firing
    assert (
        "1 security events of the kind login_storm about user-7"
        in fired["security.event", "login_storm/user-7"].sentence
    )
    assert "kill_switch was taken: drawdown" in fired["emergency.activated", "kill_switch"].sentence
    assert fired["deployment", "oauth_service@1.2.3"].sentence == "oauth_service went live as 1.2.3"
    assert "leverage was changed by ann" in fired["config.changed", "leverage"].sentence
    assert ("breaker.open", "binance") in fired
    await bench.round(after_s=330)
    left = {rule for rule, _ in bench.firing}
    assert left.isdisjoint({"security.event", "emergency.activated", "deployment", "config.changed"})


async def test_every_question_of_a_shipped_rule_can_be_asked(bench: Bench, sender: Any) -> None:
    asked = [rule for rule in bench.evaluator.rulebook.rules if isinstance(rule.condition, Sql)]
    answers = await bench.evaluator.inputs.answers(asked, bench.clock.now())
    assert set(answers) == {rule.id for rule in asked}


async def test_a_service_that_falls_silent_is_down_and_comes_back(bench: Bench, sender: Any) -> None:
    sender.heartbeat(*SERVICES)
    sender.flush()
    await bench.round()
    sender.at += timedelta(seconds=60)
    sender.heartbeat(*(name for name in SERVICES if name != "oauth_service"))
    sender.flush()
    await bench.round(after_s=60)
    await bench.round(after_s=10)
    down = bench.firing["service.down", "oauth_service"]
    assert down.services == ("oauth_service",)
    assert [member for rule, member in bench.firing if rule == "service.down"] == ["oauth_service"]
    sender.at += timedelta(seconds=30)
    sender.heartbeat(*SERVICES)
    sender.flush()
    for _ in range(5):
        await bench.round(after_s=6)
    assert ("service.down", "oauth_service") not in bench.firing


async def test_a_restart_goes_on_where_it_was(bench: Bench, sender: Any) -> None:
    sender.log("security.event", ago=1, **{"security.kind": "login_storm"})
    sender.flush()
    await bench.round()
    before = bench.firing["security.event", "login_storm"]
    await bench.restart()
    assert bench.firing["security.event", "login_storm"].id == before.id
    bench.changes.clear()
    await bench.round(after_s=5)
    assert [each.alert.rule for each in bench.changes if each.alert.rule == "security.event"] == []


async def test_a_change_that_is_not_kept_has_not_happened(bench: Bench, sender: Any) -> None:
    async def refuse(rows: Any, transitions: Any) -> None:
        raise StateError("the disk is full")

    bench.keeper.steps.append(refuse)
    sender.log("security.event", ago=1, **{"security.kind": "login_storm"})
    sender.flush()
    with pytest.raises(StateError):
        await bench.round()
    assert bench.firing == {}
    async with bench.state.reading() as rows:
        assert await rows.alerts.history(Wanted(), None, 10) == []
    bench.keeper.steps.clear()
    await bench.round(after_s=1)
    assert ("security.event", "login_storm") in bench.firing


async def test_a_reload_of_the_rules_keeps_the_state(bench: Bench, sender: Any) -> None:
    assert bench.folder is not None
    sender.log("security.event", ago=1, **{"security.kind": "login_storm"})
    sender.flush()
    await bench.round()
    episode = bench.firing["security.event", "login_storm"].id
    (bench.folder / "own.yaml").write_text("rules: [{id: broken}]\n")
    await bench.round(after_s=1)
    assert bench.evaluator.rulebook.refused[0].line == 1
    await bench.evaluator.rulebook.change("service.down", {"for": "1m"}, "token:1", "")
    await bench.round(after_s=1)
    assert bench.firing["security.event", "login_storm"].id == episode
    await bench.evaluator.rulebook.change("security.event", {"enabled": False}, "token:1", "")
    await bench.round(after_s=1)
    assert ("security.event", "login_storm") not in bench.firing
    assert bench.changes[-1].reason == "its rule is no longer in force"


async def test_a_bound_that_is_crossed_is_seen_right_after_the_commit(bench: Bench, sender: Any) -> None:
    fast = Fast(
        bench.store.ticking,
        areas.load(),
        bench.evaluator.after_commit,
        bench.clock,
        bench.selfwatch,
        Haste(),
        bench.since,
    )
    await fast.begin()
    assert await fast.look() == frozenset()
    sender.log("security.event", ago=0, **{"security.kind": "login_storm"})
    for _ in range(40):
        sender.span("order.execute", ago=0, ms=40, **{**ORDER, "order.status": "rejected"})
    sender.flush()
    bench.selfwatch.rows.labels(signal="traces").inc(41)
    bench.clock.advance(0.2)
    assert {"fact_orders", "fact_safety"} <= await fast.look()
    assert ("security.event", "login_storm") in bench.firing
    assert ("trading_execution.execution_success.critical", "") in bench.firing
    assert await fast.look() == frozenset()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM file('{path}', 'CSV', 'a Int32')",
        "SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a Int32')",
        "SELECT * FROM remote('127.0.0.1', 'system.one')",
        "SELECT * FROM executable('{path}', 'CSV', 'a Int32')",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SET readonly = 0",
        "INSERT INTO fact_orders (Environment) VALUES ('x')",
        "SELECT * FROM numbers(100000)",
        "CREATE TABLE x (a Int32) ENGINE = Memory",
        "DROP TABLE fact_orders",
    ],
)
async def test_the_connection_of_rules_only_reads(query: str, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("1\n")
    with pytest.raises(StoreError):
        await store.guarded.read(query.replace("{path}", str(path)))


async def test_a_rules_question_that_fails_ends_no_round(bench: Bench, sender: Any) -> None:
    assert bench.folder is not None
    text = (
        "rules: [{id: own.sql, sentence: x, severity: info, condition: {kind: sql, says: x, "
        "query: 'SELECT Nothing AS member FROM fact_orders'}}]\n"
    )
    (bench.folder / "own.yaml").write_text(text)
    sender.log("security.event", ago=1, **{"security.kind": "login_storm"})
    sender.flush()
    await bench.round()
    assert ("security.event", "login_storm") in bench.firing
    assert "own.sql" in bench.evaluator.rulebook.in_force


async def test_budgets_burn_by_service_and_by_area(bench: Bench, sender: Any) -> None:
    calls = {"observatory.service": "oauth_service", "observatory.caller": "external"}
    for place in range(300):
        sender.span("login", ago=30, error=place % 2 == 0, **calls)
    sender.flush()
    await bench.round()
    burns = bench.evaluator.inputs.burns[sender.environment]
    fast = burns["service:oauth_service"].burnings[0]
    assert (fast.events, fast.bad_events, fast.burning) == (300, 150, True)
    alert = bench.firing["burn.service.fast", "oauth_service"]
    assert alert.labels["silent"] == "burn_in"
    assert burns["service:oauth_service"].budget_left_ratio is not None
    assert burns["service:oauth_service"].budget_left_ratio < 0
