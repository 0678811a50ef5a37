"""The streaming connections to the exchanges."""

from collections import Counter

import observatory_sdk as obs
from observatory_universe.doors.feed import Gap, Reading
from observatory_universe.market import SYMBOLS, VENUES
from observatory_universe.market_data.coordinator import CHANNEL, MarketDataCoordinator
from observatory_universe.service import Service, World


class WebsocketMarketData(Service):
    """Reads each venue's stream, reports how it flows, and hands on what it brought."""

    id = "websocket_market_data"

    def __init__(self, world: World, coordinator: MarketDataCoordinator) -> None:
        super().__init__(world)
        self._coordinator = coordinator
        self._feeds = {
            (venue, symbol): obs.facts.feed(exchange_id=venue, channel=CHANNEL, symbol=symbol, service=self.id)
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
        reading = self.doors.feeds[venue].take()
        self._report(venue, reading)
        await self._coordinator.merge(venue, reading.quotes, reading.trades)

    def _report(self, venue: str, reading: Reading) -> None:
        for symbol in SYMBOLS:
            feed = self._feeds[venue, symbol]
            feed.connection(up=reading.connected)
            for _ in range(reading.reconnects):
                feed.reconnected()
        for trade in reading.trades:
            self._feeds[venue, trade.symbol].message(
                event_unix_nano=trade.event_time_ns, received_unix_nano=trade.received_ns, price=trade.price
            )
        for symbol, count in Counter(quote.symbol for quote in reading.quotes).items():
            for _ in range(count):
                self._feeds[venue, symbol].message()
        for gap in reading.gaps:
            self._tell_gap(venue, gap)

    def _tell_gap(self, venue: str, gap: Gap) -> None:
        self._feeds[venue, gap.symbol].sequence_gap(gap.last_missing - gap.first_missing + 1)
        obs.facts.feed_gap(
            exchange_id=venue,
            channel=CHANNEL,
            symbol=gap.symbol,
            start_unix_nano=gap.from_ns,
            end_unix_nano=gap.to_ns,
        )
