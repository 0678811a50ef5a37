"""The streaming connections to the exchanges."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS, VENUES, Frame
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.service import Service, World

_CHANNEL: Final = "trades"


class WebsocketMarketData(Service):
    """Reads each venue's stream, reports how it flows, and hands the frames on."""

    id = "websocket_market_data"

    def __init__(self, world: World, coordinator: MarketDataCoordinator) -> None:
        super().__init__(world)
        self._coordinator = coordinator
        self._read_at_s: dict[str, float] = {}
        self._feeds = {
            (venue, symbol): obs.facts.feed(exchange_id=venue, channel=_CHANNEL, symbol=symbol, service=self.id)
            for venue in VENUES
            for symbol in SYMBOLS
        }
        for feed in self._feeds.values():
            # A count that is 0 is said to be 0: silence would leave it unknown.
            feed.sequence_gap(0)
            feed.candles_missing(0)

    @obs.service("websocket_market_data", "receive")
    async def receive(self, venue: str) -> None:
        """Takes what came from this venue since the last time."""
        now_s = self.clock.now_s()
        elapsed_s = now_s - self._read_at_s.get(venue, now_s - 0.4)
        self._read_at_s[venue] = now_s
        frames = self.world.market.frames(venue, elapsed_s)
        for frame in frames:
            self._report(venue, frame)
        await self._coordinator.merge(frames)

    def _report(self, venue: str, frame: Frame) -> None:
        feed = self._feeds[venue, frame.quote.symbol]
        feed.connection(up=True)
        for _ in range(frame.messages - 1):
            feed.message()
        event_ns = frame.quote.event_time_ns
        feed.message(event_unix_nano=event_ns, received_unix_nano=event_ns + round(frame.lag_s * 1e9))
