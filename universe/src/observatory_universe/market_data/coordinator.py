"""Merges the venues' feeds into one market view, and notices moves that stand out."""

import statistics
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import observatory_sdk as obs
from observatory_universe.health.events import EventDrivenServicesManager
from observatory_universe.market import SYMBOLS, Frame, MarketEvent, Quote
from observatory_universe.service import Service, World

_LOOK_BACK_S: Final = 1.2
_STANDS_OUT_BPS: Final = 4.0
_QUIET_AFTER_S: Final = 6.0
# A jump older than this is not what the present move is about.
_JUMP_AGE_NS: Final = 2_000_000_000


@dataclass(slots=True)
class _View:
    """What is known of one symbol: the newest quote of each venue, and each venue's mids of the last second."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    mids: defaultdict[str, deque[tuple[float, float]]] = field(default_factory=lambda: defaultdict(deque))
    quiet_until_s: float = 0.0


class MarketDataCoordinator(Service):
    """Holds the merged view and publishes a market event when a symbol moves by 4 bps within about a second."""

    id = "market_data_coordinator"

    def __init__(self, world: World, bus: EventDrivenServicesManager) -> None:
        super().__init__(world)
        self._bus = bus
        self._views = {symbol: _View() for symbol in SYMBOLS}

    @obs.service("market_data_coordinator", "merge")
    async def merge(self, frames: Sequence[Frame]) -> None:
        """Takes in what one venue's stream brought, and publishes the events that it makes visible."""
        await self.work(0.5)
        for frame in frames:
            event = self._take_in(frame)
            if event is not None:
                await self._bus.publish(event)

    @obs.service("market_data_coordinator", "view")
    async def view(self, symbol: str) -> float:
        """The merged mid price of the symbol, in USD."""
        await self.work(0.4)
        return self.mid(symbol)

    def mid(self, symbol: str) -> float:
        """The merged mid as it stands, for callers that have the view at hand already."""
        quotes = self._views[symbol].quotes.values()
        return statistics.fmean(quote.mid for quote in quotes)

    def _take_in(self, frame: Frame) -> MarketEvent | None:
        view, now_s, venue = self._views[frame.quote.symbol], self.clock.now_s(), frame.quote.venue
        view.quotes[venue] = frame.quote
        # A venue against its own past: venues always differ a little, and their mean would show a jump by parts.
        mids = view.mids[venue]
        mids.append((now_s, frame.quote.mid))
        while mids[0][0] < now_s - _LOOK_BACK_S:
            mids.popleft()
        move_bps = (frame.quote.mid / mids[0][1] - 1) * 10_000
        if abs(move_bps) < _STANDS_OUT_BPS or now_s < view.quiet_until_s:
            return None
        view.quiet_until_s = now_s + _QUIET_AFTER_S
        return self._event(frame, move_bps)

    def _event(self, frame: Frame, move_bps: float) -> MarketEvent:
        is_fresh = self.clock.now_ns() - frame.jumped_at_ns < _JUMP_AGE_NS
        return MarketEvent(
            id=self.world.ids.next("event"),
            symbol=frame.quote.symbol,
            move_bps=move_bps,
            volume_ratio=frame.volume_ratio,
            mid=frame.quote.mid,
            time_unix_nano=frame.jumped_at_ns if is_fresh else frame.quote.event_time_ns,
        )
