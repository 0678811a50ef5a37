"""Merges the venues' feeds into one market view, and notices moves that stand out."""

import statistics
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import observatory_sdk as obs
from observatory_universe.doors.exchange import Quote
from observatory_universe.doors.feed import Trade
from observatory_universe.errors import Trouble
from observatory_universe.health.events import EventDrivenServicesManager
from observatory_universe.market import SYMBOLS, MarketEvent
from observatory_universe.service import Service, World

CHANNEL: Final = "trades"
_LOOK_BACK_NS: Final = 1_200_000_000
_STANDS_OUT_BPS: Final = 5.0
_QUIET_AFTER_S: Final = 6.0
# No market of ours moves by 5 % between two trades: such a price is a fault of the feed.
_BAD_TICK_RATIO: Final = 0.05
# Quantities above this multiple of the usual one belong to a move and do not change what is usual.
_UNUSUAL: Final = 1.5
_LEARNING_RATE: Final = 0.02


class NoMarketError(Trouble):
    """No venue has quoted the symbol yet."""


@dataclass(slots=True)
class _View:
    """What is known of one symbol: each venue's newest quote, and its trades of the last second."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    recent: defaultdict[str, deque[Trade]] = field(default_factory=lambda: defaultdict(deque))
    usual: dict[str, float] = field(default_factory=dict)
    quiet_until_s: float = 0.0

    def mid(self) -> float:
        # The median: one venue that errs does not move it.
        return statistics.median(quote.mid for quote in self.quotes.values())


class MarketDataCoordinator(Service):
    """Holds the merged view and publishes a market event when a symbol moves by 5 bps within about a second."""

    id = "market_data_coordinator"

    def __init__(self, world: World, bus: EventDrivenServicesManager) -> None:
        super().__init__(world)
        self._bus = bus
        self._views = {symbol: _View() for symbol in SYMBOLS}

    @obs.service("market_data_coordinator", "merge")
    async def merge(self, venue: str, quotes: Sequence[Quote], trades: Sequence[Trade]) -> None:
        """Takes in what one venue's stream brought, and publishes the events that it makes visible."""
        await self.work(0.5)
        for quote in quotes:
            self._views[quote.symbol].quotes[venue] = quote
        for trade in trades:
            event = self._take_in(venue, trade)
            if event is not None:
                await self._bus.publish(event)

    @obs.service("market_data_coordinator", "view")
    async def view(self, symbol: str) -> float:
        """The merged mid price of the symbol, in USD.

        Raises:
            NoMarketError: no venue has quoted the symbol yet.
        """
        await self.work(0.4)
        return self._quoted(symbol).mid()

    @obs.service("market_data_coordinator", "quotes")
    async def quotes(self, symbol: str) -> list[Quote]:
        """The newest quote of each venue.

        Raises:
            NoMarketError: no venue has quoted the symbol yet.
        """
        await self.work(0.4)
        return list(self._quoted(symbol).quotes.values())

    def _quoted(self, symbol: str) -> _View:
        view = self._views[symbol]
        if not view.quotes:
            raise NoMarketError(f"no venue has quoted {symbol} yet")
        return view

    def _take_in(self, venue: str, trade: Trade) -> MarketEvent | None:
        view = self._views[trade.symbol]
        if view.quotes and abs(trade.price / view.mid() - 1) > _BAD_TICK_RATIO:
            self._tell_bad_tick(venue, trade, view.mid())
            return None
        # A venue against its own past: venues always differ a little, and their mean would show a jump by parts.
        recent = view.recent[venue]
        recent.append(trade)
        while recent[0].event_time_ns < trade.event_time_ns - _LOOK_BACK_NS:
            recent.popleft()
        volume_ratio = self._weigh(view, venue)
        move_bps = (trade.price / recent[0].price - 1) * 10_000
        if abs(move_bps) < _STANDS_OUT_BPS or self.clock.now_s() < view.quiet_until_s or not view.quotes:
            return None
        view.quiet_until_s = self.clock.now_s() + _QUIET_AFTER_S
        return MarketEvent(
            id=self.world.ids.next("event"),
            symbol=trade.symbol,
            move_bps=move_bps,
            volume_ratio=volume_ratio,
            mid=view.mid(),
            time_unix_nano=trade.event_time_ns,
        )

    def _weigh(self, view: _View, venue: str) -> float:
        """The venue's quantities since its last jump, as a multiple of its usual one."""
        recent = view.recent[venue]
        usual = view.usual.setdefault(venue, recent[-1].quantity)
        if recent[-1].quantity < _UNUSUAL * usual:
            usual = view.usual[venue] = usual + _LEARNING_RATE * (recent[-1].quantity - usual)
        # Trades from before the jump are in the look-back too, and would water it down.
        heavy = [trade.quantity for trade in recent if trade.quantity >= _UNUSUAL * usual]
        return statistics.fmean(heavy or [recent[-1].quantity]) / usual

    def _tell_bad_tick(self, venue: str, trade: Trade, reference: float) -> None:
        obs.facts.bad_tick(
            exchange_id=venue,
            channel=CHANNEL,
            symbol=trade.symbol,
            price=trade.price,
            reason="far_from_other_venues",
            reference_price=reference,
            tick_unix_nano=trade.event_time_ns,
        )
