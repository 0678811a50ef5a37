"""Strategies at work: from an intent to a booked position, and out again."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from opentelemetry.trace import SpanContext

import observatory_sdk as obs
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.credits.profit import PLATFORM, ProfitSharingService
from observatory_universe.market_data.history import RealPerformanceTracker
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.risk.sizing import PositionSizingEngine
from observatory_universe.service import Service, World
from observatory_universe.trade import Order, Position, Side, Signal, Verdict, opposite
from observatory_universe.trading.execution import PaperTradingEngine, TradeExecutionService
from observatory_universe.trading.routing import BinanceSmartRouter, CrossStrategyCoordinator
from observatory_universe.users import User

_ORDER_CREDITS: Final = Decimal("0.02")
_CASH_SHARE: Final = {"free": 0.02, "pro": 0.03, "whale": 0.06}


class UnifiedStrategyService(Service):
    """Runs strategies for users: sizes, asks risk, routes, places and books."""

    id = "unified_strategy_service"

    def __init__(
        self,
        world: World,
        coordinator: CrossStrategyCoordinator,
        sizing: PositionSizingEngine,
        risk: PortfolioRiskService,
        router: BinanceSmartRouter,
        live: TradeExecutionService,
        paper: PaperTradingEngine,
        performance: RealPerformanceTracker,
        profits: ProfitSharingService,
        ledger: CreditLedger,
    ) -> None:
        super().__init__(world)
        self._coordinator = coordinator
        self._sizing = sizing
        self._risk = risk
        self._router = router
        self._live = live
        self._paper = paper
        self._performance = performance
        self._profits = profits
        self._ledger = ledger

    @obs.service("unified_strategy_service", "running")
    async def running(self) -> int:
        """How many strategies users have switched on, counted once per user."""
        await self.work(1.5)
        return sum(len(user.strategies) for user in self.world.users.everybody())

    @obs.service("unified_strategy_service", "open")
    async def open(self, user: User, signal: Signal, verdict: Verdict | None) -> Order | None:
        """Follows a signal for one user. None when the order was not placed or not filled."""
        with obs.facts.strategy_run(strategy_id=signal.strategy_id, signal_id=signal.id) as run:
            run.publisher = "cryptouniverse"
            order = self._intend(user, signal, verdict)
            run.order_id = order.id
            reason = await self._prepare(user, order)
            if reason is not None:
                run.status, run.outcome, run.outcome_reason = "skipped", "success", reason
                return None
            span = await self._place(user, order, None)
            run.status = "completed"
            if order.status != "filled":
                run.status, run.outcome, run.outcome_reason = "failed", "failure", order.status
                return None
            await self._book_opening(user, order, span)
        return order

    @obs.service("unified_strategy_service", "close")
    async def close(self, user: User, position: Position) -> Decimal | None:
        """Closes a position. Returns the profit in USD after fees, or None when the venue refused."""
        with obs.facts.strategy_run(strategy_id=position.strategy_id, signal_id=position.signal_id) as run:
            run.publisher = "cryptouniverse"
            order = self._exit(user, position)
            run.order_id = order.id
            await self._place(user, order, position.opened_by)
            if order.status != "filled":
                run.status, run.outcome, run.outcome_reason = "failed", "failure", order.status
                return None
            run.status = "completed"
            return await self._book_closing(user, position, order)

    def _intend(self, user: User, signal: Signal, verdict: Verdict | None) -> Order:
        order_id = self.world.ids.next("order")
        wanted_usd = _CASH_SHARE[user.plan] * float(user.cash_usd) * (0.5 + signal.confidence)
        return Order(
            id=order_id,
            client_id=f"cu-{order_id}",
            user_id=user.id,
            symbol=signal.symbol,
            side=signal.side,
            mode=user.mode,
            strategy_id=signal.strategy_id,
            signal_id=signal.id,
            decision_id=verdict.decision_id if verdict else None,
            intended_quantity=round(wanted_usd / signal.decision_price, 6),
            decision_price=signal.decision_price,
        )

    def _exit(self, user: User, position: Position) -> Order:
        order_id = self.world.ids.next("order")
        side: Side = opposite(position.side)
        quote = self.world.market.quote(position.venue, position.symbol)
        return Order(
            id=order_id,
            client_id=f"cu-{order_id}",
            user_id=user.id,
            symbol=position.symbol,
            side=side,
            mode=user.mode,
            strategy_id=position.strategy_id,
            signal_id=position.signal_id,
            decision_id=position.decision_id,
            intended_quantity=position.quantity,
            decision_price=quote.mid,
            quantity=position.quantity,
            venue=position.venue,
        )

    async def _prepare(self, user: User, order: Order) -> str | None:
        """Sizes and routes the order. Returns why it must not go out, or None."""
        if order.mode == "live" and self._live.is_halted:
            return "trading_halted"
        if not await self._coordinator.coordinate(user, order.symbol, order.side):
            return "already_positioned"
        order.quantity = await self._sizing.size(user, order)
        if order.quantity <= 0:
            return "too_small"
        broken = await self._risk.approve(user, order)
        if broken is not None:
            return f"limit_{broken}"
        order.venue = await self._router.route(order)
        return None

    async def _place(self, user: User, order: Order, caused_by: SpanContext | None) -> SpanContext | None:
        if user.mode == "live":
            return await self._live.place(order, caused_by)
        return await self._paper.fill(order, caused_by)

    async def _book_opening(self, user: User, order: Order, span: SpanContext | None) -> None:
        user.positions[order.symbol] = Position(
            symbol=order.symbol,
            side=order.side,
            quantity=order.filled_quantity,
            entry_price=order.average_price,
            fee_usd=order.fee_usd,
            opened_at_s=self.clock.now_s(),
            strategy_id=order.strategy_id,
            signal_id=order.signal_id,
            decision_id=order.decision_id,
            venue=order.venue,
            opened_by=span,
        )
        await self._charge(user, order)

    async def _book_closing(self, user: User, position: Position, order: Order) -> Decimal:
        profit_usd = position.profit_usd(order.average_price, order.fee_usd)
        user.cash_usd += profit_usd
        await self._charge(user, order)
        await self._performance.record(position.strategy_id, profit_usd)
        if profit_usd > 0:
            await self._profits.share(user, position, profit_usd, order.id)
        user.lost_usd = max(Decimal(0), user.lost_usd - profit_usd)
        return profit_usd

    async def _charge(self, user: User, order: Order) -> None:
        if await self._ledger.book(user.id, "usage", -_ORDER_CREDITS, f"{order.id}-usage"):
            await self._ledger.book(PLATFORM, "usage", _ORDER_CREDITS, f"{order.id}-revenue")


class StrategyMonitoringService(Service):
    """Watches open positions and closes those that have run their time."""

    id = "strategy_monitoring_service"

    def __init__(self, world: World, strategies: UnifiedStrategyService, hold_s: float) -> None:
        super().__init__(world)
        self._strategies = strategies
        self._hold_s = hold_s

    @obs.service("strategy_monitoring_service", "watch")
    async def watch(self) -> list[tuple[User, Position]]:
        """The positions that are to be closed now. They leave the portfolio here, so nobody closes them twice."""
        await self.work(3)
        due_before_s = self.clock.now_s() - self._hold_s
        due = []
        for user in self.world.users.everybody():
            for symbol, position in tuple(user.positions.items()):
                if position.opened_at_s <= due_before_s:
                    due.append((user, user.positions.pop(symbol)))
        return due

    @obs.service("strategy_monitoring_service", "close")
    async def close(self, user: User, position: Position) -> None:
        """Closes one position; when the venue refuses, it is due again after half its time."""
        profit_usd = await self._strategies.close(user, position)
        if profit_usd is None:
            later_s = self.clock.now_s() - self._hold_s / 2
            user.positions[position.symbol] = replace(position, opened_at_s=later_s)
