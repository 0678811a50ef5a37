"""Services that keep state or limits, one by one: when all is well, and with each of their faults."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from statistics import fmean

import pytest
from at_rest import Rest, world_of

from observatory_universe.clock import Clock
from observatory_universe.doors.exchange import Candle
from observatory_universe.errors import RegressionError, Trouble
from observatory_universe.faults import KINDS
from observatory_universe.infrastructure.background import BackgroundServiceManager, Job
from observatory_universe.infrastructure.tuning import EnterpriseSystemOptimization
from observatory_universe.market import VENUES, MarketEvent
from observatory_universe.market_data.history import Replay, replay
from observatory_universe.mishaps import LoginStorm, Mishap, MockInProduction, RiskBreachStorm, UserRunaway
from observatory_universe.pace import PACES
from observatory_universe.platform import Platform
from observatory_universe.trade import Order, Position
from observatory_universe.users import User


@pytest.fixture
def rest() -> Iterator[Rest]:
    found = Rest()
    try:
        yield found
    finally:
        found.close()


def _order(user: User, cash_ratio: float) -> Order:
    """An order of a user with the cash of a new one."""
    cash_usd = {"free": 2_000.0, "pro": 25_000.0, "whale": 250_000.0}[user.plan]
    quantity = cash_ratio * cash_usd / 100
    return Order(
        id="order-1",
        client_id="cu-1",
        user_id=user.id,
        symbol="SOL/USDT",
        side="buy",
        mode=user.mode,
        strategy_id="strategy-momentum",
        signal_id="signal-1",
        decision_id=None,
        intended_quantity=quantity,
        decision_price=100.0,
        quantity=quantity,
    )


def test_an_order_that_is_too_big_is_refused_and_breaks_no_limit(rest: Rest) -> None:
    assert rest.do(rest.platform.portfolio_risk_service.approve(rest.user, _order(rest.user, 0.2))) == "position"
    checks = rest.facts("risk.limit.check")
    assert [check["risk.limit.name"] for check in checks] == ["exposure", "position", "loss"]
    assert {check["risk.limit.breached"] for check in checks} == {False}


def test_a_dead_guard_checks_nothing_and_lets_the_order_pass(rest: Rest) -> None:
    risk, order = rest.platform.portfolio_risk_service, _order(rest.user, 0.2)
    fault = rest.faults.begin("risk_guard_dead", "position")
    assert rest.do(risk.approve(rest.user, order)) is None
    assert [check["risk.limit.name"] for check in rest.facts("risk.limit.check")] == ["exposure", "loss"]
    rest.faults.end(fault.id)
    assert rest.do(risk.approve(rest.user, order)) == "position"


def test_a_breach_storm_puts_its_share_of_portfolios_above_a_limit_until_it_ends(rest: Rest) -> None:
    rest.suffers("risk_breach_storm", 60, grade=0.5)
    checks = rest.facts("risk.limit.check")
    broken = [check for check in checks if check["risk.limit.breached"]]
    portfolios = {check["portfolio.id"] for check in broken}
    assert 8 <= len(portfolios) <= 32
    assert all(check["risk.limit.utilization_ratio"] > 1 for check in broken)  # type: ignore[operator]
    newest = {check["portfolio.id"]: check for check in checks if check["risk.limit.name"] == "exposure"}
    assert {check["risk.limit.breached"] for check in newest.values()} == {False}
    rest.forget()
    rest.do(rest.platform.portfolio_risk_service.assess(rest.user))
    assert rest.facts("risk.limit.check") == []


def test_who_stands_above_a_limit_gets_no_order_through(rest: Rest) -> None:
    risk, order = rest.platform.portfolio_risk_service, _order(rest.user, 0.01)
    fault = rest.faults.begin("risk_breach_storm", grade=1)
    assert rest.do(risk.approve(rest.user, order)) == "exposure"
    rest.faults.end(fault.id)
    assert rest.do(risk.approve(rest.user, order)) is None


def test_stale_correlations_are_used_on_and_not_told(rest: Rest) -> None:
    engine = rest.platform.correlation_analysis_engine
    newest = rest.do(engine.compute())
    fault = rest.faults.begin("risk_correlation_stale")
    rest.do(rest.platform.portfolio_risk_service.rebalance(rest.user))
    assert rest.do(engine.compute()) == newest
    assert len(rest.facts("risk.correlation.compute")) == len(rest.facts("portfolio.optimise")) == 1
    rest.faults.end(fault.id)
    rest.do(rest.world.clock.sleep(600))
    assert rest.do(engine.compute()) != newest


def test_correlations_are_those_of_the_market(rest: Rest) -> None:
    found = rest.do(rest.platform.correlation_analysis_engine.compute())
    assert len(found) == 15
    # Two thirds of what a symbol does, the whole market does.
    assert 0.2 < fmean(found.values()) < 0.65


def test_the_value_at_risk_follows_what_is_held(rest: Rest) -> None:
    calculate = rest.platform.risk_calculation_engine.calculate
    assert rest.do(calculate(rest.user)) == 0
    found = []
    for symbol in ("BTC/USDT", "SOL/USDT"):
        cash_usd = float(rest.do(rest.world.portfolios.read(rest.user)).cash_usd)
        held = 0.3 * cash_usd / 100
        position = Position(symbol, "buy", held, 100.0, Decimal(0), 0.0, "s-1", "signal-1", None, "kraken", None)
        rest.do(_hold(rest, position))
        found.append(rest.do(calculate(rest.user)))
    assert 0 < found[0] < found[1] < 0.1


async def _hold(rest: Rest, position: Position) -> None:
    async with rest.world.portfolios.changing(rest.user) as portfolio:
        portfolio.positions = {position.symbol: position}


def test_better_weights_move_less_than_equal_ones(rest: Rest) -> None:
    turnover_ratio = rest.do(rest.platform.portfolio_optimization_engine.optimise(rest.user))
    (told,) = rest.facts("portfolio.optimise")
    before, after = (float(str(told[f"portfolio.objective.{name}"])) for name in ("before", "after"))
    assert after >= before > 0
    assert 0 <= turnover_ratio <= 1


def _hour(*closes: float, volume: float = 1.0) -> list[Candle]:
    return [
        Candle(n * 60_000_000_000, before, max(before, after), min(before, after), after, volume)
        for n, (before, after) in enumerate(pairwise((closes[0], *closes)))
    ]


def test_each_kind_of_strategy_has_a_rule_of_its_own() -> None:
    rising, pendulum = _hour(*range(100, 160)), _hour(*(100 + n % 2 for n in range(60)))
    assert replay("momentum", rising, 0.0) == Replay(pytest.approx(159 / 101 - 1), 1, 0.0)
    assert replay("sentiment_swing", rising, 0.0).return_ratio < 0 < replay("breakout", rising, 0.0).return_ratio
    assert replay("volume_surge", rising, 0.0) == Replay(0.0, 0, 0.0)
    surging = [*rising[:30], replace(rising[30], volume=5.0), *rising[31:]]
    assert replay("volume_surge", surging, 0.0) == Replay(pytest.approx(1 / 130), 1, 0.0)
    assert replay("momentum", pendulum, 0.001).return_ratio < replay("momentum", pendulum, 0.0).return_ratio
    assert replay("momentum", rising[:45], 0.0).missing_ratio == 0.25
    assert replay("momentum", [], 0.0) == Replay(0.0, 0, 1.0)


def test_only_what_is_traded_enough_passes_the_filter(rest: Rest) -> None:
    prices, sieve = rest.platform.real_market_data_service, rest.platform.dynamic_asset_filter
    volumes_usd = rest.do(prices.volumes("SOL/USDT"))
    assert set(volumes_usd) == set(VENUES)
    assert min(volumes_usd.values()) > 1_000_000
    assert rest.do(sieve.filter(["SOL/USDT", "DOGE/USDT"], len(VENUES))) == ["SOL/USDT"]


def test_a_slow_stress_test_takes_many_times_as_long(rest: Rest) -> None:
    stress = rest.platform.portfolio_risk_service.stress
    usual_s = rest.took_s(stress(rest.user))
    fault = rest.faults.begin("risk_stress_slow", grade=30)
    assert rest.took_s(stress(rest.user)) > 10 * usual_s
    rest.faults.end(fault.id)
    assert rest.took_s(stress(rest.user)) < 3 * usual_s


def test_a_sizing_bug_allows_more_than_was_intended(rest: Rest) -> None:
    size, order = rest.platform.position_sizing_engine.size, _order(rest.user, 0.03)
    fault = rest.faults.begin("sizing_bug", grade=4)
    assert rest.do(size(rest.user, order)) == pytest.approx(4 * order.intended_quantity)
    rest.faults.end(fault.id)
    assert rest.do(size(rest.user, order)) == pytest.approx(order.intended_quantity)


def test_a_user_follows_at_most_two_strategies(rest: Rest) -> None:
    marketplace = rest.platform.strategy_marketplace_service
    rest.do(rest.platform.credit_ledger.book(rest.user.id, "welcome", Decimal(10), "welcome"))
    offered = rest.do(marketplace.browse(rest.user))
    assert len(offered) == 4
    for strategy in offered:
        assert rest.do(marketplace.activate(rest.user, strategy))
    active = rest.do(marketplace.active(rest.user))
    assert len(active) == 2
    assert rest.do(marketplace.followers(active[0])) == [rest.user.id]
    assert len(rest.events("strategy.deactivated")) == 2


def test_without_credits_nothing_is_switched_on(rest: Rest) -> None:
    marketplace = rest.platform.strategy_marketplace_service
    assert not rest.do(marketplace.activate(rest.user, rest.do(marketplace.browse(rest.user))[0]))
    assert rest.do(marketplace.active(rest.user)) == []


def test_a_new_user_is_known_to_the_tables(rest: Rest) -> None:
    user = rest.world.users.welcome("2025-11")
    rest.do(rest.platform.user_onboarding_service.onboard(user))
    assert user in rest.do(rest.world.doors.tables.users())
    steps = [(step["onboarding.step.name"], step["observatory.outcome"]) for step in rest.events("onboarding.step")]
    assert steps == [(name, "success") for name in ("account", "credits", "strategy", "channel", "welcome")]


def _submit(rest: Rest, number: int, seconds: float) -> None:
    """Hands strategies in, and lets the testers work for so many seconds."""
    submissions, library = rest.platform.strategy_submission_service, rest.platform.library

    async def submitting() -> None:
        testers = asyncio.create_task(submissions.work_off())
        for each in range(number):
            assert await submissions.submit(library.draft("momentum", f"u-{each}"))
        await rest.world.clock.sleep(seconds)
        await submissions.report()
        testers.cancel()

    rest.do(submitting())


def test_a_submission_is_tested_and_reviewed_in_the_trace_of_who_handed_it_in(rest: Rest) -> None:
    _submit(rest, 1, 20)
    assert [event["strategy.status"] for event in rest.events("strategy.submitted")] == ["submitted"]
    assert {event["strategy.status"] for event in rest.events("strategy.reviewed")} <= {"approved", "rejected"}
    (submitted,), (reviewed,) = (rest.spans(f"strategy_submission_service.{name}") for name in ("submit", "review"))
    assert reviewed.context is not None
    assert submitted.context is not None
    assert reviewed.context.trace_id == submitted.context.trace_id


def test_strategy_tests_that_hang_let_submissions_pile_up_until_the_fault_ends(rest: Rest) -> None:
    fault = rest.faults.begin("strategy_test_stall", grade=600)
    _submit(rest, 6, 60)
    depth, age_s = rest.queue("strategy_submissions")
    assert depth == 5
    assert age_s > 50
    rest.faults.end(fault.id)
    _submit(rest, 1, 60)
    assert rest.queue("strategy_submissions") == (0, 0)


def test_an_event_reaches_its_receiver_with_its_trace(rest: Rest) -> None:
    bus, received = rest.platform.event_driven_services_manager, []
    event = MarketEvent("event-1", "SOL/USDT", 5.0, 3.0, 148.5, 1_760_000_000_000_000_000)

    async def receive(found: MarketEvent) -> None:
        received.append(found)

    async def publishing() -> None:
        bus._receivers.clear()
        bus.subscribe(receive)
        worker = asyncio.create_task(bus.work_off())
        await bus.publish(event)
        await rest.world.clock.sleep(1)
        worker.cancel()

    rest.do(publishing())
    assert received == [event]
    (published,), (dispatched,) = (rest.spans(f"event_driven_services_manager.{n}") for n in ("publish", "dispatch"))
    assert published.context is not None
    assert dispatched.context is not None
    assert dispatched.context.trace_id == published.context.trace_id


def test_a_calm_platform_has_no_emergency(rest: Rest) -> None:
    assert rest.do(rest.platform.emergency_manager.assess()) is False
    assert rest.events("emergency.activated") == []


def test_a_flapping_breaker_is_closed_when_the_fault_ends(rest: Rest) -> None:
    rest.suffers("breaker_flap", 31, grade=3)
    states = [told["safety.to"] for told in rest.events("circuit_breaker.transition")]
    assert len(states) >= 10
    assert states[:2] == ["open", "closed"]
    assert states[-1] == "closed"


def test_a_check_that_fails_degrades_its_service_once_until_it_is_well_again(rest: Rest) -> None:
    check = rest.platform.health_monitor.check
    assert rest.do(check())
    fault = rest.faults.begin("deployment_regression", "market_analysis_service", 1)
    assert not rest.do(check())
    assert not rest.do(check())
    rest.faults.end(fault.id)
    assert rest.do(check())
    degraded = [
        (told["safety.name"], told["safety.to"], told["safety.reason"]) for told in rest.events("service.degraded")
    ]
    assert degraded == [
        ("market_analysis_service", "critical", RegressionError.__name__),
        ("market_analysis_service", "healthy", "well_again"),
    ]
    statuses = Counter(told["health.check.status"] for told in rest.events("health.check"))
    assert statuses == {"healthy": 14, "critical": 2}


def test_what_the_health_monitor_finds_stands_in_the_shared_state(rest: Rest) -> None:
    for _ in range(3):
        rest.do(rest.platform.system_monitoring_service.count("signals_bridged"))
    assert rest.do(rest.platform.state_coordinator.read("health")) is None
    rest.do(rest.platform.health_monitor.check())
    found = json.loads(rest.do(rest.platform.state_coordinator.read("health")) or "")
    assert found["counts"] == {"signals_bridged": 3}
    assert set(found["statuses"].values()) == {"healthy"}


@pytest.mark.parametrize(
    ("kind", "service"),
    [("planned_deployment", "signal_delivery_service"), ("deployment_regression", "portfolio_risk_service")],
)
def test_each_release_is_told_once(rest: Rest, kind: str, service: str) -> None:
    for _ in range(2):
        rest.suffers(kind, 5, target=service if kind == "deployment_regression" else None)
    told = [(e["safety.name"], e["safety.from"], e["safety.to"]) for e in rest.events("deployment")]
    assert [name for name, _, _ in told] == [service, service]
    assert told[1][1] == told[0][2] != told[1][2]


def test_the_pool_and_redis_are_reported_as_they_are(rest: Rest) -> None:
    def used() -> float:
        rest.do(rest.platform.credit_ledger.report())
        rest.do(rest.platform.resource_monitor.sample())
        return rest.gauges("db.client.connection.count", "db.client.connection.state")["used"]

    before = used()
    fault = rest.faults.begin("pool_leak", grade=5)
    rest.looks("pool_leak", 1)
    assert used() == before + 5
    rest.faults.end(fault.id)
    rest.looks("pool_leak", 1)
    assert used() == before
    # One ends and the next one begins between two looks.
    for grade in (5, 7):
        fault = rest.faults.begin("pool_leak", grade=grade)
        rest.looks("pool_leak", 1)
        rest.faults.end(fault.id)
    assert used() == before + 7
    rest.looks("pool_leak", 1)
    assert used() == before
    assert min(rest.gauges("redis.memory.used", "observatory.service").values()) > 0


def test_a_squeezed_redis_throws_keys_out_until_the_fault_ends(rest: Rest) -> None:
    cache = rest.world.doors.cache
    most_bytes = rest.do(cache.status()).max_memory_bytes

    async def fill() -> None:
        for number in range(500):
            await cache.write(f"state:{number}", "x" * 200)

    rest.do(fill())
    rest.suffers("redis_eviction", 2, grade=0.3)
    evicted = rest.do(cache.status()).evicted_keys
    assert evicted > 0
    rest.do(fill())
    assert rest.do(cache.status()).evicted_keys == evicted
    assert rest.do(cache.status()).max_memory_bytes == most_bytes


def test_a_key_is_claimed_once_and_is_no_state(rest: Rest) -> None:
    state = rest.platform.state_coordinator
    assert [rest.do(state.claim("order:1")) for _ in range(2)] == [True, False]
    assert rest.do(state.read("order:1")) is None


def test_a_failover_that_fails_is_told_at_each_attempt(rest: Rest) -> None:
    rest.suffers("failover_fails", 16, grade=5)
    attempts = [told["safety.succeeded"] for told in rest.events("failover")]
    assert attempts == [False] * len(attempts)
    assert len(attempts) >= 3
    assert rest.do(rest.platform.state_coordinator.fail_over("drill"))


def test_a_limit_holds_for_a_minute(rest: Rest) -> None:
    decide = rest.platform.rate_limit_service.decide
    assert [rest.do(decide("sign_in", "u-1")) for _ in range(31)] == [True] * 30 + [False]
    rest.do(rest.world.clock.sleep(61))
    assert rest.do(decide("sign_in", "u-1"))


def test_a_login_storm_is_told_at_most_every_ten_seconds(rest: Rest) -> None:
    rest.suffers("login_storm", 30, grade=20)
    attempts = rest.events("auth.attempt")
    assert len(attempts) == pytest.approx(600, rel=0.1)
    assert {told["observatory.outcome"] for told in attempts} == {"failure"}
    assert len({told["platform.subject"] for told in attempts}) == 1
    assert 3 <= len(rest.events("security.event")) <= 4


def _suffers_slowly(rest: Rest, mishap: type[Mishap], grade: float) -> None:
    """Twenty minutes of the fault at the pace at which history is written."""
    factor = PACES["history"].mishap_factor
    slow, fault = mishap(rest.platform, factor), rest.faults.begin(mishap.kind, grade=grade)
    passed_s = 0.0
    while passed_s < 1_200:
        rest.do(slow.look())
        rest.do(rest.world.clock.sleep(mishap.every_s / factor))
        passed_s += mishap.every_s / factor
    rest.faults.end(fault.id)
    rest.do(slow.look())


@pytest.mark.parametrize("kind", [LoginStorm, MockInProduction, RiskBreachStorm, UserRunaway])
def test_the_weakest_fault_leaves_something_behind_at_the_slowest_pace(rest: Rest, kind: type[Mishap]) -> None:
    _suffers_slowly(rest, kind, KINDS[kind.kind].grade.least)
    found: dict[type[Mishap], Callable[[], int]] = {
        LoginStorm: lambda: len(rest.events("security.event")),
        MockInProduction: lambda: len(rest.events("security.event")),
        RiskBreachStorm: lambda: sum(bool(c["risk.limit.breached"]) for c in rest.facts("risk.limit.check")),
        UserRunaway: lambda: len(rest.facts("chat_integration_service.receive")) - 8,
    }
    assert found[kind]() > 0


def test_what_has_begun_half_way_is_ended_too(rest: Rest) -> None:
    class Broken(Mishap):
        kind = "failover_fails"
        ended = 0

        async def begin(self, grade: float) -> None:
            raise Trouble("half way")

        async def end(self) -> None:
            self.ended += 1

    broken, fault = Broken(rest.platform), rest.faults.begin("failover_fails")
    for _ in range(2):
        with pytest.raises(Trouble):
            rest.do(broken.look())
    rest.faults.end(fault.id)
    for _ in range(2):
        rest.do(broken.look())
    assert broken.ended == 1


@pytest.mark.parametrize("grade", [2, 6])
def test_a_call_that_fails_is_tried_as_often_as_the_storms_grade_says(rest: Rest, grade: int) -> None:
    fault = rest.faults.begin("retry_storm", grade=grade)
    tried = []
    for _ in range(40):
        rest.forget()
        with contextlib.suppress(Trouble):
            rest.do(rest.platform.market_analysis_service.analyse("SOL/USDT"))
        tried.append(len(rest.spans("real_market_data_service.candles")))
    rest.faults.end(fault.id)
    assert max(tried) == grade


def test_one_wrong_password_is_no_storm(rest: Rest) -> None:
    rest.do(rest.platform.oauth_service.refuse("u-0001"))
    assert rest.events("security.event") == []


def test_a_key_that_is_used_from_elsewhere_is_told_once_per_address(rest: Rest) -> None:
    rest.suffers("key_new_origin", 5)
    (told,) = rest.events("security.event")
    assert told["security.kind"] == "key_new_origin"
    use_key = rest.platform.oauth_service.use_key
    assert [rest.do(use_key("u-0001", "192.0.2.1")) for _ in range(2)] == [False, True]


def test_made_up_data_are_served_to_live_requests_only_while_the_fault_runs(rest: Rest) -> None:
    mocks = rest.platform.mock_data_service
    rest.do(mocks.serve("candles", "strategy-1"))
    assert rest.do(mocks.stand_in("candles", "SOL/USDT")) is None
    rest.suffers("mock_in_production", 20, grade=1)
    served = Counter(told["observatory.outcome.reason"] for told in rest.events("mock.served"))
    assert served == {"sandbox": 1, "live_request": 10}
    assert {told["security.kind"] for told in rest.events("security.event")} == {"mock_in_production"}


def test_a_backlog_of_slow_jobs_is_seen_and_worked_off(rest: Rest) -> None:
    manager, done = rest.platform.background_service_manager, []

    async def job() -> None:
        done.append(rest.world.clock.now_s())

    async def offering(seconds: float) -> None:
        workers = asyncio.create_task(manager.work_off())
        for _ in range(60):
            assert await manager.offer("count")
        await rest.world.clock.sleep(seconds)
        await manager.report()
        workers.cancel()

    manager.register(Job("count", "operations", job))
    fault = rest.faults.begin("queue_backlog", grade=10)
    rest.do(offering(25))
    assert len(done) == 12
    depth, age_s = rest.queue("background")
    assert depth > 30
    assert age_s > 20
    rest.faults.end(fault.id)
    rest.do(offering(5))
    assert rest.queue("background") == (0, 0)


def test_a_runaway_user_has_most_of_the_chats(rest: Rest) -> None:
    rest.suffers("user_runaway", 20, grade=20)
    chats = rest.facts("chat_integration_service.receive")
    # Two in a second; the time that the answers take counts, too.
    assert len(chats) >= 38
    assert len({chat["user.id"] for chat in chats}) == 1


def test_a_runaway_users_program_is_not_stopped_by_the_limit_for_people(rest: Rest) -> None:
    rest.suffers("user_runaway", 30, grade=100)
    chats = rest.facts("chat_integration_service.receive")
    assert len(chats) >= 270
    assert {chat["observatory.outcome"] for chat in chats if "observatory.outcome" in chat} <= {"success"}


async def test_memory_is_taken_and_given_back_in_the_machines_time() -> None:
    manager = BackgroundServiceManager(world_of(Clock()), workers=1)
    assert [await manager.hoard(3), await manager.hoard(2)] == [3, 5]
    assert sum(map(len, manager._hoard)) == 5 * 1024 * 1024
    await manager.release()
    assert await manager.hoard(0) == 0


def test_no_memory_is_taken_in_any_other_time(rest: Rest) -> None:
    rest.suffers("memory_leak", 600, grade=100)
    assert rest.platform.background_service_manager._hoard == []


def test_a_search_computes_in_the_machines_time_alone(rest: Rest) -> None:
    assert rest.took_s(rest.platform.enterprise_system_optimization.search(0.9)) == 0


async def test_a_hurried_search_comes_to_its_end() -> None:
    world = world_of(Clock())
    platform = Platform(world, PACES["calm"])
    service = EnterpriseSystemOptimization(world, platform.resource_monitor, platform.system_journal)
    world.clock.hurry()
    assert await asyncio.wait_for(service.search(0.2), 10) > 0


@pytest.mark.parametrize("service", ["portfolio_risk_service", "strategy_marketplace_service"])
def test_a_regression_lets_calls_of_its_target_fail(rest: Rest, service: str) -> None:
    call: Callable[[User], Awaitable[object]] = {
        "portfolio_risk_service": rest.platform.portfolio_risk_service.rebalance,
        "strategy_marketplace_service": rest.platform.strategy_marketplace_service.browse,
    }[service]
    fault = rest.faults.begin("deployment_regression", service, 1)
    with pytest.raises(Trouble):
        rest.do(call(rest.user))
    rest.faults.end(fault.id)
    rest.do(call(rest.user))
