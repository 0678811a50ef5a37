"""Orders that go wrong: a fill is booked once, a position is closed once, and nothing that a venue did is lost."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final

import pytest
from at_rest import Rest

from observatory_universe.doors.state import StateError
from observatory_universe.portfolio import Portfolio
from observatory_universe.rounds import Crowd
from observatory_universe.trade import Order, Position, Signal
from observatory_universe.users import CASH_USD, User

_SYMBOL: Final = "SOL/USDT"


@pytest.fixture
def rest() -> Iterator[Rest]:
    found = Rest()
    try:
        yield found
    finally:
        found.close()


# 180 seconds in which half of the live orders are of unknown state.


@pytest.fixture(scope="module")
def doubtful(session_live: Any) -> Any:
    """Three minutes; the fault ends half a minute before, so that the reconciler may catch up."""

    async def strike(universe: Any, take: Callable[[], object]) -> None:
        await asyncio.sleep(5)
        fault = universe.faults.begin("order_unknown_state", grade=0.5)
        await asyncio.sleep(145)
        universe.faults.end(fault.id)
        await asyncio.sleep(60)

    return session_live(seconds=180, beside=strike)


def _orders(recording: Any) -> list[SimpleNamespace]:
    """All orders as they were in the end; `opening` is the span of the order that one closes the position of."""
    records = recording.universe.world.doors.tables._records["orders"]
    found = []
    for span in recording.named("order.execute"):
        told = span.attributes
        record = json.loads(records[told["order.id"]]) if told["order.mode"] == "live" else None
        fills = (
            record["fills"] if record else [_told_fill(event) for event in span.events if event.name == "order.fill"]
        )
        found.append(
            SimpleNamespace(
                span_id=span.context.span_id,
                opening=span.links[0].context.span_id if span.links else None,
                key=(told["user.id"], told["order.symbol"]),
                sign=1 if told["order.side"] == "buy" else -1,
                client_id=told["order.client_id"],
                was_unknown=told["order.status"] == "unknown",
                status=record["status"] if record else told["order.status"],
                writes_off=bool(record and span.links and record["reject_reason"] == "invalid_order"),
                quantity=sum(fill["quantity"] for fill in fills),
                turnover=sum(fill["quantity"] * fill["price"] for fill in fills),
                fee_usd=sum((Decimal(fill["fee_usd"]) for fill in fills), Decimal(0)),
            )
        )
    return found


def _told_fill(event: Any) -> dict[str, Any]:
    names = ("price", "quantity", "fee_usd")
    return {name: event.attributes[f"order.fill.{name}"] for name in names}


def _portfolios(recording: Any) -> dict[str, Portfolio]:
    world = recording.universe.world
    return {user.id: asyncio.run(world.portfolios.read(user)) for user in world.users.everybody()}


def test_each_unknown_order_is_known_in_the_end(doubtful: Any) -> None:
    orders = _orders(doubtful)
    assert sum(order.was_unknown for order in orders) > 20
    assert sum(order.was_unknown and order.opening is not None for order in orders) > 5
    assert [order for order in orders if order.status in ("unknown", "new")] == []
    assert not doubtful.universe.platform.unified_strategy_service.doubts()


def test_every_closing_closes_exactly_one_position_once(doubtful: Any) -> None:
    orders = _orders(doubtful)
    closings = Counter(order.opening for order in orders if order.opening is not None and order.quantity > 0)
    assert len(closings) > 50
    assert set(closings.values()) == {1}
    assert closings.keys() <= {order.span_id for order in orders if order.quantity > 0}


def test_cash_changes_by_booked_closings_only(doubtful: Any) -> None:
    orders = _orders(doubtful)
    by_span = {order.span_id: order for order in orders}
    expected: dict[str, Decimal] = {
        u.id: Decimal(str(CASH_USD[u.plan])) for u in doubtful.universe.world.users.everybody()
    }
    for closing in orders:
        if closing.opening is not None and closing.quantity > 0:
            opening = by_span[closing.opening]
            moved = closing.turnover / closing.quantity - opening.turnover / opening.quantity
            earned_usd = Decimal(repr(opening.sign * moved * opening.quantity))
            expected[closing.key[0]] += earned_usd - opening.fee_usd - closing.fee_usd
        elif closing.writes_off:
            expected[closing.key[0]] -= by_span[closing.opening].fee_usd
    cash = {user_id: portfolio.cash_usd for user_id, portfolio in _portfolios(doubtful).items()}
    assert cash.keys() == expected.keys()
    for user_id, cash_usd in cash.items():
        assert abs(cash_usd - expected[user_id]) < Decimal("0.0001"), user_id


def test_what_venues_sold_and_bought_is_what_portfolios_hold(doubtful: Any) -> None:
    world = doubtful.universe.world
    keys = {order.client_id: order.key for order in _orders(doubtful)}
    at_venues: defaultdict[tuple[str, str], float] = defaultdict(float)
    for exchange in world.doors.exchanges.values():
        for placed in exchange._venue._orders.values():
            assert not placed.is_working
            at_venues[keys[placed.client_id]] += placed.filled_quantity * (1 if placed.side == "buy" else -1)
    live = {user.id for user in world.users.everybody() if user.mode == "live"}
    held = {
        (user_id, position.symbol): position.quantity * (1 if position.side == "buy" else -1)
        for user_id, portfolio in _portfolios(doubtful).items()
        if user_id in live
        for position in portfolio.positions.values()
    }
    by_span = {order.span_id: order for order in _orders(doubtful)}
    for order in by_span.values():
        if order.writes_off:
            at_venues[order.key] -= by_span[order.opening].sign * by_span[order.opening].quantity
    assert len(at_venues) > 20
    for key in at_venues.keys() | held.keys():
        assert at_venues[key] == pytest.approx(held.get(key, 0.0), abs=1e-7), key


# A stop, in the middle of limit orders.


def test_a_stop_among_limit_orders_asks_a_few_times_and_leaves_no_doubt(rest: Rest) -> None:
    execution = rest.platform.trade_execution_service
    execution.chance = SimpleNamespace(happens=lambda ratio: True, duration_s=execution.chance.duration_s)
    orders = [_order(rest, quantity=400.0) for _ in range(12)]

    async def stopped() -> None:
        placing = [asyncio.create_task(execution.place(order)) for order in orders]
        await asyncio.sleep(0.4)
        rest.world.clock.hurry()
        await asyncio.gather(*placing)

    rest.do(stopped())
    asked = Counter(span.attributes["exchange.operation"] for span in _calls(rest))
    assert asked["create_order"] == len(orders)
    assert asked["cancel_order"] > 0
    # After the order, three times while it rests, and once when it is cancelled.
    assert asked["fetch_order"] <= 5 * len(orders)
    assert {order.type for order in orders} == {"limit"}
    assert {order.status for order in orders} <= {"filled", "partially_filled", "cancelled", "rejected"}
    assert not execution.doubts()


def _calls(rest: Rest) -> list[Any]:
    names = ("create_order", "fetch_order", "cancel_order")
    return [span for name in names for span in rest.spans(f"exchange {name}")]


# Fills that cannot be written down.


def _user(rest: Rest) -> User:
    return next(user for user in rest.world.users.everybody() if user.mode == "live")


def _order(rest: Rest, quantity: float = 1.0) -> Order:
    order_id = rest.world.ids.next("order")
    price = rest.world.doors.exchanges["binance"]._venue.quote(_SYMBOL).mid
    user_id = _user(rest).id
    return Order(
        order_id,
        f"cu-{order_id}",
        user_id,
        _SYMBOL,
        "buy",
        "live",
        "s-1",
        "signal-1",
        None,
        quantity,
        price,
        quantity,
        "binance",
    )


def _signal(rest: Rest) -> Signal:
    price = _order(rest).decision_price
    return Signal(rest.world.ids.next("signal"), "momentum", _SYMBOL, "buy", "s-1", 0.8, 0.8, price, None)


def _open(rest: Rest) -> Order | None:
    return rest.do(rest.platform.unified_strategy_service.open(_user(rest), _signal(rest), None))


def _close(rest: Rest) -> Decimal | None:
    return rest.do(rest.platform.unified_strategy_service.close(_user(rest), _SYMBOL))


def _portfolio(rest: Rest) -> Portfolio:
    return rest.do(rest.world.portfolios.read(_user(rest)))


def _record(rest: Rest, order: Order) -> Any:
    records = rest.world.doors.tables._records["orders"]
    return json.loads(records[order.id])


@contextmanager
def _failing(owner: object, name: str, of_call: int = 1) -> Iterator[None]:
    """From its nth call on, the method raises a StateError."""
    calls, works = 0, getattr(owner, name)

    async def fails(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= of_call:
            raise StateError("no connection")
        return await works(*args, **kwargs)

    setattr(owner, name, fails)
    try:
        yield
    finally:
        setattr(owner, name, works)


@pytest.fixture
def at_market(rest: Rest) -> Rest:
    """No order waits for its price, and no venue refuses one by chance."""
    rest.platform.trade_execution_service.chance = SimpleNamespace(
        happens=lambda ratio: False, duration_s=rest.platform.trade_execution_service.chance.duration_s
    )
    for name, exchange in rest.world.doors.exchanges.items():
        venue = exchange._venue
        venue._matching = SimpleNamespace(happens=lambda ratio: False, between=venue._matching.between)
        rest.do(rest.platform.market_data_coordinator.merge(name, [venue.quote(_SYMBOL)], []))
    rest.do(rest.platform.exchange_universe_service.refresh())
    return rest


def _reasons(rest: Rest, name: str) -> set[object]:
    return {told.get("observatory.outcome.reason") for told in rest.facts(name)}


def test_an_order_is_written_down_before_it_is_sent(at_market: Rest) -> None:
    with _failing(at_market.world.doors.tables, "write_record"), pytest.raises(StateError):
        _open(at_market)
    assert at_market.spans("exchange create_order") == []
    assert _portfolio(at_market).positions == {}


def test_a_fill_whose_record_fails_is_booked(at_market: Rest) -> None:
    with _failing(at_market.world.doors.tables, "write_record", of_call=2):
        order = _open(at_market)
    assert order is not None
    assert _portfolio(at_market).positions[_SYMBOL].quantity == order.filled_quantity > 0
    assert _record(at_market, order)["status"] == "new"
    assert _reasons(at_market, "trade_execution_service.place_order") == {"order_not_recorded"}


def test_a_fill_whose_journal_fails_is_booked(at_market: Rest) -> None:
    with _failing(at_market.platform.system_journal, "write"):
        order = _open(at_market)
    assert order is not None
    assert _portfolio(at_market).positions.keys() == {_SYMBOL}
    assert _record(at_market, order)["status"] == "filled"
    assert _reasons(at_market, "trade_execution_service.place_order") == {"order_not_journalled"}


def test_a_fill_whose_duplicate_fails_is_booked(at_market: Rest) -> None:
    at_market.faults.begin("order_duplicate", grade=1)
    with _failing(at_market.platform.real_market_data_service, "ticker", of_call=2):
        assert _open(at_market) is not None
    assert _portfolio(at_market).positions.keys() == {_SYMBOL}
    assert _reasons(at_market, "trade_execution_service.place_order") == {"duplicate_failed"}


@pytest.mark.parametrize("door", ["tables", "cache"])
def test_a_fill_that_cannot_be_booked_now_is_booked_by_the_reconciler(at_market: Rest, door: str) -> None:
    strategies, user = at_market.platform.unified_strategy_service, _user(at_market)
    portfolios = at_market.world.portfolios
    failing = (portfolios._tables, "write_portfolio") if door == "tables" else (portfolios._cache, "write")
    with _failing(*failing), pytest.raises(StateError):
        _open(at_market)
    assert strategies.doubts()
    assert _open(at_market) is None
    at_market.do(strategies.reconcile())
    assert not strategies.doubts()
    assert _portfolio(at_market).positions.keys() == {_SYMBOL}
    with _failing(*failing), pytest.raises(StateError):
        _close(at_market)
    assert strategies.due(float("inf")) == []
    assert _close(at_market) is None
    at_market.do(strategies.reconcile())
    assert _portfolio(at_market).positions == {}
    assert len(at_market.spans("exchange create_order")) == 2
    assert _portfolio(at_market).cash_usd < Decimal(str(CASH_USD[user.plan]))


# Orders of unknown state, one at a time.


def _unknown_from_now(rest: Rest) -> str:
    return rest.faults.begin("order_unknown_state", grade=1).id


def test_a_closing_of_unknown_state_is_not_offered_again_until_it_is_known(at_market: Rest) -> None:
    strategies, monitor = at_market.platform.unified_strategy_service, at_market.platform.strategy_monitoring_service
    user = _user(at_market)
    assert _open(at_market) is not None
    _unknown_from_now(at_market)
    assert strategies.due(float("inf")) == [(user, _SYMBOL)]
    at_market.do(monitor.close(user, _SYMBOL))
    assert strategies.doubts()
    assert strategies.due(float("inf")) == []
    assert _close(at_market) is None
    assert _open(at_market) is None
    assert len(at_market.spans("exchange create_order")) == 2
    assert at_market.do(strategies.reconcile()) == 1
    assert _portfolio(at_market).positions == {}
    assert not strategies.holds()


def test_a_user_with_an_order_in_doubt_or_a_position_is_known_to_trade(at_market: Rest) -> None:
    strategies, user = at_market.platform.unified_strategy_service, _user(at_market)
    other = next(each for each in at_market.world.users.everybody() if each != user)
    assert not at_market.do(strategies.trades_for(user))
    fault = _unknown_from_now(at_market)
    assert _open(at_market) is None
    assert _portfolio(at_market).positions == {}
    assert at_market.do(strategies.trades_for(user))
    at_market.faults.end(fault)
    at_market.do(strategies.reconcile())
    assert at_market.do(strategies.trades_for(user))
    assert _close(at_market) is not None
    assert not at_market.do(strategies.trades_for(user))
    assert not at_market.do(strategies.trades_for(other))


def test_a_user_whose_opening_order_is_in_doubt_does_not_leave(at_market: Rest) -> None:
    users, user = at_market.world.users, _user(at_market)
    fault = _unknown_from_now(at_market)
    assert _open(at_market) is None
    users.too_many = lambda: [user]  # type: ignore[method-assign]
    onboard = next(turn.run for turn in Crowd(at_market.platform, False).rounds() if turn.name == "onboard")
    at_market.do(onboard())
    assert users.find(user.id) is user
    at_market.faults.end(fault)
    at_market.do(at_market.platform.unified_strategy_service.reconcile())
    assert _close(at_market) is not None
    at_market.do(onboard())
    assert users.find(user.id) is None


def test_a_closing_goes_to_the_market_even_when_nobody_knows_the_place_of_its_opening(at_market: Rest) -> None:
    execution = at_market.platform.trade_execution_service
    assert _open(at_market) is not None
    execution.chance.happens = lambda ratio: True
    portfolio = _portfolio(at_market)
    unplaced = replace(portfolio.positions[_SYMBOL], opened_by=None)
    at_market.do(at_market.platform.unified_strategy_service._close(_user(at_market), unplaced))
    assert [told["order.type"] for told in at_market.facts("order.execute")] == ["market", "market"]


def test_a_closing_that_never_arrived_is_due_again(at_market: Rest) -> None:
    strategies, monitor = at_market.platform.unified_strategy_service, at_market.platform.strategy_monitoring_service
    user, order = _user(at_market), _open(at_market)
    assert order is not None
    fault = _unknown_from_now(at_market)
    assert strategies.due(float("inf")) == [(user, _SYMBOL)]
    at_market.do(monitor.close(user, _SYMBOL))
    venue = at_market.world.doors.exchanges[order.venue]._venue
    venue._orders.popitem()
    at_market.faults.end(fault)
    at_market.do(strategies.reconcile())
    assert strategies.due(float("inf")) == [(user, _SYMBOL)]
    assert _close(at_market) is not None


def test_a_reconciled_order_is_written_down_and_found_once(at_market: Rest) -> None:
    strategies = at_market.platform.unified_strategy_service
    _unknown_from_now(at_market)
    assert _open(at_market) is None
    order = next(iter(at_market.platform.trade_execution_service._unknown.values()))
    assert _record(at_market, order)["status"] == "unknown"

    async def twice() -> list[int]:
        return list(await asyncio.gather(strategies.reconcile(), strategies.reconcile()))

    assert sorted(at_market.do(twice())) == [0, 1]
    assert _record(at_market, order)["status"] == "filled"
    assert _record(at_market, order)["fills"]
    assert _portfolio(at_market).positions[_SYMBOL].quantity == order.filled_quantity
    found = [e for e in at_market.events("order.state.changed") if e["order.state.source"] == "reconciler"]
    assert len(found) == 1


def test_a_limit_order_that_nobody_waits_for_is_cancelled_when_it_is_found(at_market: Rest) -> None:
    execution = at_market.platform.trade_execution_service
    execution.chance.happens = lambda ratio: True
    _unknown_from_now(at_market)
    order = _order(at_market, quantity=4_000.0)
    at_market.do(execution.place(order))
    assert order.status == "unknown"
    # The market goes away from it.
    at_market.world.doors.exchanges["binance"]._venue._orders[order.client_id].limit_price *= 0.9
    at_market.do(execution.reconcile())
    assert order.status == "partially_filled"
    assert len(at_market.spans("exchange cancel_order")) == 1


def test_a_duplicate_of_unknown_state_is_a_doubt_too(at_market: Rest) -> None:
    strategies, execution = at_market.platform.unified_strategy_service, at_market.platform.trade_execution_service
    at_market.faults.begin("order_duplicate", grade=1)
    lost: list[str] = []

    def ends(order: Order) -> Order:
        lost.append(_unknown_from_now(at_market))
        return again(order)

    again, execution._again = execution._again, ends
    assert _open(at_market) is not None
    assert strategies.doubts()
    at_market.do(strategies.reconcile())
    assert not strategies.doubts()


# Portfolios that hold something else.


def _held(signal_id: str) -> Position:
    return Position(_SYMBOL, "buy", 1.0, 100.0, Decimal("0.5"), 0.0, "s-1", signal_id, None, "binance", None)


def _put(rest: Rest, position: Position | None) -> None:
    async def put() -> None:
        async with rest.world.portfolios.changing(_user(rest)) as portfolio:
            portfolio.positions = {} if position is None else {_SYMBOL: position}

    rest.do(put())


def test_an_opening_overwrites_no_held_position(at_market: Rest) -> None:
    strategies = at_market.platform.unified_strategy_service
    _unknown_from_now(at_market)
    assert _open(at_market) is None
    _put(at_market, _held("another"))
    at_market.do(strategies.reconcile())
    assert _portfolio(at_market).positions == {_SYMBOL: _held("another")}
    assert "position_differs" in _reasons(at_market, "unified_strategy_service.update_portfolio")


@pytest.mark.parametrize("instead", [None, _held("another")])
def test_a_closing_whose_position_is_gone_books_no_profit(at_market: Rest, instead: Position | None) -> None:
    strategies = at_market.platform.unified_strategy_service
    assert _open(at_market) is not None
    _unknown_from_now(at_market)
    assert _close(at_market) is None
    _put(at_market, instead)
    before = _portfolio(at_market)
    at_market.do(strategies.reconcile())
    assert _portfolio(at_market) == before
    assert "position_differs" in _reasons(at_market, "unified_strategy_service.update_portfolio")


def test_two_signals_at_once_open_one_position(at_market: Rest) -> None:
    strategies, user = at_market.platform.unified_strategy_service, _user(at_market)

    async def both() -> list[Order | None]:
        signals = [_signal(at_market), _signal(at_market)]
        return list(await asyncio.gather(*(strategies.open(user, signal, None) for signal in signals)))

    assert [order is not None for order in at_market.do(both())] == [True, False]
    assert "order_under_way" in _reasons(at_market, "strategy.execute")
    assert len(at_market.spans("exchange create_order")) == 1


# What is too small, and what was never let out.


def test_a_crumb_is_written_off_as_a_closing_at_no_quantity(at_market: Rest) -> None:
    crumb = Position(_SYMBOL, "buy", 0.0001, 100.0, Decimal("0.5"), 0.0, "s-1", "signal-1", None, "binance", None)
    _put(at_market, crumb)
    before = _portfolio(at_market)
    assert _close(at_market) == Decimal("-0.5")
    after = _portfolio(at_market)
    assert after.positions == {}
    assert after.cash_usd == before.cash_usd - Decimal("0.5")
    assert after.lost_usd == Decimal("0.5")
    run = at_market.facts("strategy.execute")[-1]
    assert (run["strategy.status"], run["observatory.outcome.reason"]) == ("completed", "written_off")
    assert at_market.do(at_market.platform.real_performance_tracker.earned("s-1")) == (Decimal("-0.5"), 1)


def test_an_order_is_denied_from_where_it_stood(at_market: Rest) -> None:
    execution = at_market.platform.trade_execution_service
    at_market.do(execution.halt(True))
    assert _open(at_market) is None
    at_market.do(execution.deny(_order(at_market), "limit_exposure"))
    denied = [(e["order.state.from"], e["order.reject_reason"]) for e in at_market.events("order.state.changed")]
    assert denied == [("intended", "trading_halted"), ("sized", "limit_exposure")]
