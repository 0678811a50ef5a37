"""Orders: at the exchanges, and on paper."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from opentelemetry.trace import SpanContext

import observatory_sdk as obs
from observatory_sdk.facts.trading import State
from observatory_universe.health.journal import SystemJournal
from observatory_universe.infrastructure.state import StateCoordinator
from observatory_universe.market import SYMBOLS, Quote
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.outside.exchanges import FEE_RATIO, Exchange, OrderRejectedError
from observatory_universe.service import Service, World
from observatory_universe.trade import Fill, Order, usd

_REMEMBERED: Final = 1_000
_RECENT_S: Final = 60.0


def order_fact(order: Order, quote: Quote, caused_by: SpanContext | None) -> obs.facts.order:
    """The fact of one order, linked to the order that opened the position when this one closes it."""
    fact = obs.facts.order(
        exchange_id=order.venue,
        symbol=order.symbol,
        side=order.side,
        type="market",
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
    return fact if caused_by is None else fact.link(caused_by)


def write_fills(fact: obs.facts.order, order: Order) -> None:
    """Puts the order's fills and their sum into its fact."""
    for fill in order.fills:
        fact.fill(price=fill.price, quantity=fill.quantity, fee_usd=fill.fee_usd, fill_id=fill.id)
    fact.average_price = order.average_price
    fact.filled_quantity = order.filled_quantity
    fact.fee_usd = order.fee_usd
    fact.status = "filled"


class TradeExecutionService(Service):
    """Places live orders and follows them until they are final."""

    id = "trade_execution_service"

    def __init__(
        self,
        world: World,
        exchanges: Mapping[str, Exchange],
        prices: RealMarketDataService,
        state: StateCoordinator,
        journal: SystemJournal,
    ) -> None:
        super().__init__(world)
        self._exchanges = exchanges
        self._prices = prices
        self._state = state
        self._journal = journal
        self._ended: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED)
        self.is_halted = False

    @obs.service("trade_execution_service", "place_order")
    async def place(self, order: Order, caused_by: SpanContext | None = None) -> SpanContext | None:
        """Sends the order to its venue. Its status is `filled` or `rejected` afterwards.

        Returns:
            The place of the order in its trace, for links from what comes of it.
        """
        if not await self._state.claim(f"order:{order.client_id}"):
            obs.outcome("failure", reason="duplicate_client_id")
            return None
        quote = await self._prices.ticker(order.symbol, order.venue)
        with order_fact(order, quote, caused_by) as fact:
            self._step(order, "approved", "submitted")
            try:
                order.fills = await self._exchanges[order.venue].market_order(order)
            except OrderRejectedError as rejection:
                self._reject(order, fact, str(rejection))
            else:
                self._step(order, "submitted", "acknowledged")
                write_fills(fact, order)
                order.status = "filled"
                self._step(order, "acknowledged", "filled")
        self._ended.append((self.clock.now_s(), order.status == "rejected"))
        await self._journal.write(f"order_{order.status}", order.id)
        return fact.span_context

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

    def _reject(self, order: Order, fact: obs.facts.order, reason: str) -> None:
        order.status = "rejected"
        fact.status, fact.reject_reason = "rejected", reason
        fact.filled_quantity = 0.0
        fact.outcome, fact.outcome_reason = "failure", reason
        # The order failed; the service did what it is there for.
        obs.outcome("partial", reason=reason)
        self._step(order, "submitted", "rejected")

    def _step(self, order: Order, before: State, after: State) -> None:
        obs.facts.order_state_changed(
            client_id=order.client_id,
            from_=before,
            to=after,
            source="ack",
            exchange_id=order.venue,
            symbol=order.symbol,
            side=order.side,
            type="market",
            mode=order.mode,
            strategy_id=order.strategy_id,
            venue_time_unix_nano=self.clock.now_ns(),
            order_id=order.id,
            signal_id=order.signal_id,
        )


class PaperTradingEngine(Service):
    """Fills orders from live prices without touching an exchange."""

    id = "paper_trading_engine"

    @obs.service("paper_trading_engine", "fill")
    async def fill(self, order: Order, caused_by: SpanContext | None = None) -> SpanContext | None:
        """Fills the whole order at the touch. Returns the place of the order in its trace."""
        quote = self.world.market.quote(order.venue, order.symbol)
        with order_fact(order, quote, caused_by) as fact:
            await self.work(70)
            quote = self.world.market.quote(order.venue, order.symbol)
            price = round(quote.ask if order.side == "buy" else quote.bid, SYMBOLS[order.symbol][1])
            fee_usd = usd(order.quantity * price * FEE_RATIO)
            order.fills = [Fill(self.world.ids.next("paper-fill"), order.quantity, price, fee_usd)]
            order.status = "filled"
            write_fills(fact, order)
        return fact.span_context
