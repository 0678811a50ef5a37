"""Strategies at work: from an intent to a booked position, and out again."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.credits.profit import PLATFORM, ProfitSharingService
from observatory_universe.errors import Trouble
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.market_data.history import RealPerformanceTracker
from observatory_universe.portfolio import Portfolio
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.risk.sizing import PositionSizingEngine
from observatory_universe.service import Service, World
from observatory_universe.trade import Order, Place, Position, Side, Signal, Verdict, opposite
from observatory_universe.trading.execution import PaperTradingEngine, TradeExecutionService
from observatory_universe.trading.routing import BinanceSmartRouter, CrossStrategyCoordinator
from observatory_universe.users import User

_ORDER_CREDITS: Final = Decimal("0.02")
# The venues' word for an order below their least size.
_TOO_SMALL: Final = "invalid_order"
# The held position is not the one that an order was for.
_DIFFERS: Final = "position_differs"
_CASH_SHARE: Final = {"free": 0.02, "pro": 0.03, "whale": 0.06}


@dataclass(slots=True)
class _Pending:
    """An order and what it is for: it opens a position, or closes this one."""

    user: User
    order: Order
    place: Place | None
    closes: Position | None

    @property
    def key(self) -> tuple[str, str]:
        return self.user.id, self.order.symbol

    @property
    def is_written_off(self) -> bool:
        """Whether it closes what is too small to be sold: a limit order's first crumb, say."""
        return self.closes is not None and not self.order.fills and self.order.reject_reason == _TOO_SMALL


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
        market: MarketDataCoordinator,
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
        self._market = market
        self._held: dict[tuple[str, str], tuple[float, User]] = {}
        self._losses: dict[str, tuple[Decimal, Decimal]] = {}
        # Of nobody knows what state, or filled and not booked yet.
        self._pending: dict[str, _Pending] = {}
        # By user and symbol, as the positions: no two orders of one may be under way.
        self._at_work: set[tuple[str, str]] = set()

    @obs.service("unified_strategy_service", "running")
    async def running(self) -> int:
        """How many strategies users have switched on, counted once per user."""
        await self.work(1)
        return await self.doors.tables.activations()

    @obs.service("unified_strategy_service", "loss_ratio")
    async def loss_ratio(self) -> float:
        """What users have lost and not made good, as a share of the cash of all who traded."""
        await self.work(0.5)
        cash_usd = sum(cash for _, cash in self._losses.values())
        return float(sum(lost for lost, _ in self._losses.values()) / cash_usd) if cash_usd else 0.0

    @obs.service("unified_strategy_service", "open")
    async def open(self, user: User, signal: Signal, verdict: Verdict | None) -> Order | None:
        """Follows a signal for one user. None when the order was not placed or not filled.

        Raises:
            Trouble: a service or a venue failed on the way.
        """
        with (
            obs.facts.strategy_run(strategy_id=signal.strategy_id, signal_id=signal.id) as run,
            self._alone(user, signal.symbol) as is_alone,
        ):
            run.publisher = "cryptouniverse"
            if self.struck("strategy_failing", signal.strategy_id):
                run.status, run.outcome, run.outcome_reason = "failed", "failure", "strategy_error"
                return None
            if not is_alone:
                run.status, run.outcome, run.outcome_reason = "skipped", "success", "order_under_way"
                return None
            order = await self._intend(user, signal, verdict)
            run.order_id = order.id
            reason = await self._prepare(user, order)
            if reason is not None:
                run.status, run.outcome, run.outcome_reason = "skipped", "success", reason
                return None
            place = await self._place(user, order, None)
            booked = await self._end(run, _Pending(user, order, place, None))
            return order if booked is not None else None

    @obs.service("unified_strategy_service", "close")
    async def close(self, user: User, symbol: str) -> Decimal | None:
        """Closes a position. Returns the profit in USD after fees, or None when it is still open.

        Raises:
            Trouble: a service or a venue failed on the way; the position is open, or `reconcile` books its closing.
        """
        with self._alone(user, symbol) as is_alone:
            if not is_alone:
                return None
            position = (await self.world.portfolios.read(user)).positions.get(symbol)
            if position is None:
                self._held.pop((user.id, symbol), None)
                return None
            return await self._close(user, position)

    @obs.service("unified_strategy_service", "trades_for")
    async def trades_for(self, user: User) -> bool:
        """Whether the user holds a position, or an order of theirs is under way or in doubt."""
        await self.work(0.5)
        return any(user_id == user.id for user_id, _ in self._taken() | self._held.keys())

    @obs.service("unified_strategy_service", "reconcile")
    async def reconcile(self) -> int:
        """Books the orders of which nobody knew and now somebody does. Returns how many."""
        known = await self._live.reconcile()
        for pending in [found for found in self._pending.values() if found.order.status != "unknown"]:
            # Another round may have taken it in the meantime.
            if self._pending.pop(pending.order.id, None) is not None:
                with self._alone(pending.user, pending.order.symbol):
                    await self._book(pending)
        return len(known)

    def holds(self) -> bool:
        """True while there is a position to be closed in time."""
        return bool(self._held)

    def doubts(self) -> bool:
        """True while there is an order of which nobody knows what became, or which nobody could book."""
        return bool(self._pending) or self._live.doubts()

    def due(self, before_s: float) -> list[tuple[User, str]]:
        """The positions that were opened before. They are taken off the list, so that nobody closes them twice.

        Those of which an order is under way or in doubt wait until it is known what became of it.
        """
        taken = self._taken()
        due = [(key, user) for key, (opened_at_s, user) in self._held.items() if opened_at_s <= before_s]
        found = [(key, user) for key, user in due if key not in taken]
        for key, _ in found:
            del self._held[key]
        return [(user, symbol) for (_, symbol), user in found]

    def hold(self, user: User, symbol: str, since_s: float) -> None:
        """Puts a position on the list of those that are to be closed in time."""
        self._held[user.id, symbol] = (since_s, user)

    def _taken(self) -> set[tuple[str, str]]:
        """Of which user and symbol an order is under way or in doubt."""
        return self._at_work | {pending.key for pending in self._pending.values()}

    @contextmanager
    def _alone(self, user: User, symbol: str) -> Iterator[bool]:
        """Whether no other order of the user in the symbol is under way or in doubt. None begins in the block then."""
        key = (user.id, symbol)
        if key in self._taken():
            yield False
            return
        self._at_work.add(key)
        try:
            yield True
        finally:
            self._at_work.discard(key)

    async def _close(self, user: User, position: Position) -> Decimal | None:
        with obs.facts.strategy_run(strategy_id=position.strategy_id, signal_id=position.signal_id) as run:
            run.publisher = "cryptouniverse"
            order = await self._exit(user, position)
            run.order_id = order.id
            place = await self._place(user, order, position.opened_by)
            return await self._end(run, _Pending(user, order, place, position))

    async def _end(self, run: obs.facts.strategy_run, pending: _Pending) -> Decimal | None:
        """Books what was filled. Returns the profit, 0 for an opening order; None when nothing was booked."""
        order = pending.order
        if order.status == "unknown":
            self._pending[order.id] = pending
        if not order.fills and not pending.is_written_off:
            run.status, run.outcome, run.outcome_reason = "failed", "failure", order.status
            return None
        profit_usd = await self._book(pending)
        if profit_usd is None:
            run.status, run.outcome, run.outcome_reason = "failed", "partial", _DIFFERS
            return None
        run.status = "completed"
        if pending.is_written_off:
            run.outcome, run.outcome_reason = "partial", "written_off"
        return profit_usd

    async def _intend(self, user: User, signal: Signal, verdict: Verdict | None) -> Order:
        order_id = self.world.ids.next("order")
        cash_usd = float((await self.world.portfolios.read(user)).cash_usd)
        wanted_usd = _CASH_SHARE[user.plan] * cash_usd * (0.5 + signal.confidence)
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

    async def _exit(self, user: User, position: Position) -> Order:
        order_id = self.world.ids.next("order")
        side: Side = opposite(position.side)
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
            decision_price=await self._market.view(position.symbol),
            quantity=position.quantity,
            venue=position.venue,
            closes=True,
        )

    async def _prepare(self, user: User, order: Order) -> str | None:
        """Sizes and routes the order. Returns why it must not go out, or None."""
        if order.mode == "live" and self._live.is_halted:
            await self._live.deny(order, "trading_halted")
            return "trading_halted"
        if not await self._coordinator.coordinate(user, order.symbol, order.side):
            return "already_positioned"
        order.quantity = await self._sizing.size(user, order)
        if order.quantity <= 0:
            return "too_small"
        broken = await self._risk.approve(user, order)
        if broken is not None:
            await self._live.deny(order, f"limit_{broken}")
            return f"limit_{broken}"
        order.venue = await self._router.route(order)
        return None

    async def _place(self, user: User, order: Order, caused_by: Place | None) -> Place | None:
        if user.mode == "live":
            return await self._live.place(order, caused_by)
        return await self._paper.fill(order, caused_by)

    async def _book(self, pending: _Pending) -> Decimal | None:
        """Books the order, if anything came of it. Returns as `_end`.

        Raises:
            Trouble: the portfolio could not be written, and `reconcile` will try again; or what follows from it failed.
        """
        if not pending.order.fills and not pending.is_written_off:
            return None
        try:
            profit_usd = await self._change(pending)
        except Trouble:
            self._pending[pending.order.id] = pending
            raise
        if profit_usd is not None:
            await self._settle(pending, profit_usd)
        return profit_usd

    async def _change(self, pending: _Pending) -> Decimal | None:
        """Changes the portfolio, unless what it holds of the symbol is not what the order was for."""
        async with self._changing(pending.user) as portfolio:
            if portfolio.positions.get(pending.order.symbol) != pending.closes:
                obs.outcome("partial", reason=_DIFFERS)
                return None
            if pending.closes is None:
                return self._let_in(portfolio, pending)
            return self._let_out(portfolio, pending, pending.closes)

    def _let_in(self, portfolio: Portfolio, pending: _Pending) -> Decimal:
        order = pending.order
        portfolio.positions[order.symbol] = Position(
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
            opened_by=pending.place,
        )
        # Before it is written: a position that is only half written has to be closed, too.
        self.hold(pending.user, order.symbol, self.clock.now_s())
        return Decimal(0)

    def _let_out(self, portfolio: Portfolio, pending: _Pending, position: Position) -> Decimal:
        order = pending.order
        # What is written off is closed at no quantity: the fee of its opening is all that is left of it.
        profit_usd = position.profit_usd(order.average_price, order.fee_usd) if order.fills else -position.fee_usd
        del portfolio.positions[position.symbol]
        portfolio.cash_usd += profit_usd
        portfolio.lost_usd = max(Decimal(0), portfolio.lost_usd - profit_usd)
        self._losses[pending.user.id] = (portfolio.lost_usd, portfolio.cash_usd)
        return profit_usd

    async def _settle(self, pending: _Pending, profit_usd: Decimal) -> None:
        """What follows from a changed portfolio."""
        user, order, position = pending.user, pending.order, pending.closes
        if order.fills:
            await self._charge(user, order)
        if position is None:
            return
        self._held.pop(pending.key, None)
        await self._performance.record(position.strategy_id, profit_usd)
        if profit_usd > 0:
            await self._profits.share(user, position, profit_usd, order.id)

    @asynccontextmanager
    async def _changing(self, user: User) -> AsyncIterator[Portfolio]:
        """The user's portfolio, written back at the end of the block. The order's trace tells of it."""
        async with obs.service(self.id, "update_portfolio"), self.world.portfolios.changing(user) as portfolio:
            yield portfolio

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
    async def watch(self) -> list[tuple[User, str]]:
        """Whose position in which symbol is to be closed now."""
        await self.work(2)
        return self._strategies.due(self.clock.now_s() - self._hold_s)

    @obs.service("strategy_monitoring_service", "close")
    async def close(self, user: User, symbol: str) -> None:
        """Closes one position; when that fails, it is due again after half its time."""
        # First: whatever goes wrong, nobody forgets the position.
        self._strategies.hold(user, symbol, self.clock.now_s() - self._hold_s / 2)
        await self._strategies.close(user, symbol)
