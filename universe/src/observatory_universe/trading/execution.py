"""Orders: at the exchanges, and on paper."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter

import observatory_sdk as obs
from observatory_sdk.facts.trading import Source, State
from observatory_universe.doors.exchange import (
    ExchangeError,
    OrderNotFoundError,
    Quote,
    Ticket,
    TicketStatus,
    UnknownOrderStateError,
)
from observatory_universe.errors import Trouble
from observatory_universe.health.journal import SystemJournal
from observatory_universe.infrastructure.state import StateCoordinator
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.trade import Fill, Order, Place, usd

# What the universe's venues take, as a share of the turnover.
FEE_RATIO: Final = 0.0002
_REMEMBERED: Final = 1_000
_RECENT_S: Final = 60.0
_LIMIT_RATIO: Final = 0.15
_POLLS: Final = 3
_POLL_S: Final = 0.5
_AT_WORK: Final = ("open", "partially_filled")
_JSON: Final = TypeAdapter(Order)


def order_fact(order: Order, quote: Quote, caused_by: Place | None) -> obs.facts.order:
    """The fact of one order, linked to the order that opened the position when this one closes it."""
    fact = obs.facts.order(
        exchange_id=order.venue,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        mode=order.mode,
        client_id=order.client_id,
        quantity=order.quantity,
        intended_quantity=order.intended_quantity,
        decision_price=order.decision_price,
        arrival_mid=quote.mid,
        reference_price=quote.mid,
        simulated=False,
        strategy_id=order.strategy_id,
        portfolio_id=f"portfolio-{order.user_id}",
        order_id=order.id,
        signal_id=order.signal_id,
        decision_id=order.decision_id,
    )
    return fact if caused_by is None else fact.link(caused_by.context())


def write_fills(fact: obs.facts.order, order: Order) -> None:
    """Puts the order's fills and their sum into its fact."""
    for fill in order.fills:
        fact.fill(
            price=fill.price,
            quantity=fill.quantity,
            fee_usd=fill.fee_usd,
            fill_id=fill.id,
            venue_time_unix_nano=fill.venue_time_ns,
        )
    if order.fills:
        fact.average_price = order.average_price
        fact.fee_usd = order.fee_usd
    fact.filled_quantity = order.filled_quantity


def touch(quote: Quote, order: Order) -> float:
    """The price at which the order's first unit would fill now."""
    return quote.ask if order.side == "buy" else quote.bid


@contextmanager
def _survived(reason: str) -> Iterator[None]:
    """What fails in the block undoes nothing that was done before it: the call is a part of a success."""
    try:
        yield
    except Trouble:
        obs.outcome("partial", reason=reason)


class TradeExecutionService(Service):
    """Places live orders and follows them until they are final."""

    id = "trade_execution_service"

    def __init__(
        self, world: World, prices: RealMarketDataService, state: StateCoordinator, journal: SystemJournal
    ) -> None:
        super().__init__(world)
        self._prices = prices
        self._state = state
        self._journal = journal
        self._ended: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED)
        self._unknown: dict[str, Order] = {}
        self.is_halted = False

    @obs.service("trade_execution_service", "place_order")
    async def place(self, order: Order, caused_by: Place | None = None) -> Place | None:
        """Sends the order to its venue and follows it; its status tells what became of it.

        Returns:
            The place of the order in its trace, for links from what comes of it.

        Raises:
            ExchangeError: the venue gives no price to start from.
        """
        if not await self._state.claim(f"order:{order.client_id}"):
            obs.outcome("failure", reason="duplicate_client_id")
            return None
        place = await self._execute(order, caused_by)
        if self.struck("order_duplicate"):
            with _survived("duplicate_failed"):
                await self._execute(self._again(order), caused_by)
        return place

    @obs.service("trade_execution_service", "deny")
    async def deny(self, order: Order, reason: str) -> None:
        """Notes that we ourselves did not let the order out."""
        order.status = "denied"
        self._step(order, "sized" if order.quantity > 0 else "intended", "denied", reason=reason)

    @obs.service("trade_execution_service", "reconcile")
    async def reconcile(self) -> list[Order]:
        """Asks the venues about the orders of which nobody knows. Returns those that are known now."""
        await self.work(2)
        return [order for order in tuple(self._unknown.values()) if await self._find(order)]

    def doubts(self) -> bool:
        """True while there is an order of which nobody knows what became, whoever placed it."""
        return bool(self._unknown)

    @obs.service("trade_execution_service", "reject_ratio")
    async def reject_ratio(self) -> tuple[float, int]:
        """The share of the last minute's orders that venues rejected, and of how many."""
        await self.work(0.5)
        since_s = self.clock.now_s() - _RECENT_S
        recent = [rejected for ended_s, rejected in self._ended if ended_s >= since_s]
        return (sum(recent) / len(recent) if recent else 0.0, len(recent))

    @obs.service("trade_execution_service", "halt")
    async def halt(self, halted: bool) -> None:
        """Stops opening live positions, or lets it go on. What is open may still be closed."""
        await self.work(0.5)
        self.is_halted = halted

    async def _execute(self, order: Order, caused_by: Place | None) -> Place | None:
        quote = await self._prices.ticker(order.symbol, order.venue)
        # Only an opening order may wait for its price: what is to be closed is to be closed now.
        if not order.closes and self.chance.happens(_LIMIT_RATIO):
            order.type = "limit"
        # Written down before it is sent: whatever happens then, it is known that there may be such an order.
        await self._record(order)
        with order_fact(order, quote, caused_by) as fact:
            if self.struck("simulated_for_live"):
                self._simulate(order, quote, fact)
            else:
                await self._submit(order, quote, fact)
            write_fills(fact, order)
        self._ended.append((self.clock.now_s(), order.status == "rejected"))
        await self._keep(order)
        return Place.of(fact.span_context) if fact.span_context else None

    async def _record(self, order: Order) -> None:
        await self.doors.tables.write_record("orders", order.id, _JSON.dump_json(order).decode())

    async def _keep(self, order: Order) -> None:
        """Writes down what became of the order. It is true all the same when nobody can write it down."""
        with _survived("order_not_recorded"):
            await self._record(order)
        with _survived("order_not_journalled"):
            await self._journal.write(f"order_{order.status}", order.id)

    async def _submit(self, order: Order, quote: Quote, fact: obs.facts.order) -> None:
        exchange = self.doors.exchanges[order.venue]
        self._step(order, "approved", "submitted")
        try:
            ticket = await exchange.create_order(order, touch(quote, order) if order.type == "limit" else None)
        except UnknownOrderStateError as error:
            self._lose_sight(order, fact, "submitted", str(error))
            return
        except ExchangeError as error:
            self._reject(order, fact, str(error))
            return
        self._step(order, "submitted", "acknowledged", venue_time_ns=ticket.venue_time_ns)
        try:
            ticket = await self._wait_for(order, ticket)
        except ExchangeError as error:
            self._lose_sight(order, fact, "acknowledged", str(error))
            return
        fact.status = self._take_over(order, ticket)
        self._step(order, "acknowledged", fact.status, venue_time_ns=ticket.venue_time_ns)

    async def _wait_for(self, order: Order, ticket: Ticket) -> Ticket:
        """Gives a resting order a little time, and cancels what is left of it."""
        exchange = self.doors.exchanges[order.venue]
        # Counted, not timed: on a clock that is hurried no time passes.
        for _ in range(_POLLS):
            if ticket.status not in _AT_WORK:
                return ticket
            await self.clock.sleep(_POLL_S)
            ticket = await exchange.fetch_order(order.symbol, order.client_id)
        if ticket.status in _AT_WORK:
            ticket = await exchange.cancel_order(order.symbol, order.client_id)
        return ticket

    def _take_over(self, order: Order, ticket: Ticket) -> TicketStatus:
        order.fills = list(ticket.fills)
        order.status = "partially_filled" if ticket.status == "cancelled" and ticket.fills else ticket.status
        return order.status

    def _simulate(self, order: Order, quote: Quote, fact: obs.facts.order) -> None:
        """What the fault `simulated_for_live` does: the request never leaves the platform."""
        fill_id = self.world.ids.next("simulated-fill")
        order.fills = [Fill(fill_id, order.quantity, quote.mid, Decimal(0), self.clock.now_ns())]
        order.status = fact.status = "filled"
        fact.simulated = True
        fact.outcome, fact.outcome_reason = "simulated", "simulation_answered"

    def _lose_sight(self, order: Order, fact: obs.facts.order, before: State, reason: str) -> None:
        order.status = fact.status = "unknown"
        fact.outcome, fact.outcome_reason = "failure", reason
        obs.outcome("partial", reason=reason)
        self._unknown[order.id] = order
        self._step(order, before, "unknown")

    def _reject(self, order: Order, fact: obs.facts.order, reason: str) -> None:
        order.status = fact.status = "rejected"
        order.reject_reason = fact.reject_reason = reason
        fact.outcome, fact.outcome_reason = "failure", reason
        # The order failed; the service did what it is there for.
        obs.outcome("partial", reason=reason)
        self._step(order, "submitted", "rejected", reason=reason)

    async def _find(self, order: Order) -> bool:
        """True when the venue says what became of the order."""
        try:
            ticket = await self._ask(order)
        except ExchangeError:
            return False
        # Another round may have found it in the meantime.
        if self._unknown.pop(order.id, None) is None:
            return False
        if ticket is None:
            order.status = "rejected"
            self._step(order, "unknown", "rejected", source="reconciler", reason="never_arrived")
        else:
            status = self._take_over(order, ticket)
            self._step(order, "unknown", status, source="reconciler", venue_time_ns=ticket.venue_time_ns)
        await self._keep(order)
        return True

    async def _ask(self, order: Order) -> Ticket | None:
        """What the venue says of an order that nobody waits for any more; None when it never arrived."""
        exchange = self.doors.exchanges[order.venue]
        try:
            ticket = await exchange.fetch_order(order.symbol, order.client_id)
        except OrderNotFoundError:
            return None
        if ticket.status in _AT_WORK:
            ticket = await exchange.cancel_order(order.symbol, order.client_id)
        return ticket

    def _again(self, order: Order) -> Order:
        order_id = self.world.ids.next("order")
        return replace(order, id=order_id, client_id=f"cu-{order_id}", fills=[], status="new", reject_reason=None)

    def _step(
        self,
        order: Order,
        before: State,
        after: State,
        *,
        source: Source = "ack",
        venue_time_ns: int | None = None,
        reason: str | None = None,
    ) -> None:
        at_risk = usd(order.quantity * order.decision_price) if after == "unknown" else None
        obs.facts.order_state_changed(
            client_id=order.client_id,
            from_=before,
            to=after,
            source=source,
            exchange_id=order.venue or None,
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            mode=order.mode,
            strategy_id=order.strategy_id,
            venue_time_unix_nano=venue_time_ns,
            value_at_risk_usd=at_risk,
            reject_reason=reason,
            order_id=order.id,
            signal_id=order.signal_id,
        )


class PaperTradingEngine(Service):
    """Fills orders from live prices without touching an exchange."""

    id = "paper_trading_engine"

    def __init__(self, world: World, market: MarketDataCoordinator) -> None:
        super().__init__(world)
        self._market = market

    @obs.service("paper_trading_engine", "fill")
    async def fill(self, order: Order, caused_by: Place | None = None) -> Place | None:
        """Fills the whole order at the touch. Returns the place of the order in its trace."""
        with order_fact(order, await self._quote(order), caused_by) as fact:
            await self.work(70)
            price = self._price(order, await self._quote(order))
            fee_usd = usd(order.quantity * price * FEE_RATIO)
            fill_id = self.world.ids.next("paper-fill")
            order.fills = [Fill(fill_id, order.quantity, price, fee_usd, self.clock.now_ns())]
            order.status = fact.status = "filled"
            write_fills(fact, order)
        return Place.of(fact.span_context) if fact.span_context else None

    async def _quote(self, order: Order) -> Quote:
        quotes = await self._market.quotes(order.symbol)
        return next((quote for quote in quotes if quote.venue == order.venue), quotes[0])

    def _price(self, order: Order, quote: Quote) -> float:
        better_bps = self.faults.grade("paper_live_drift") or 0.0
        sign = 1 if order.side == "buy" else -1
        return round(touch(quote, order) * (1 - sign * better_bps / 10_000), SYMBOLS[order.symbol][1])
