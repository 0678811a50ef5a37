"""Kraken for the real clients."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from observatory_universe.doors.exchange import OrderNotFoundError, Quote
from observatory_universe.doors.feed import Trade
from observatory_universe.market import SYMBOLS
from observatory_universe.sockets.venues.client import Ask, StreamReader, Unified, VenueClient

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class KrakenReader(StreamReader):
    """Trades and best prices of all symbols, second version of the stream."""

    async def open(self, url: str) -> str:
        return url.replace("http://", "ws://", 1) + "/v2"

    def hello(self) -> Sequence[str]:
        return [_subscription("trade", snapshot=False), _subscription("ticker", snapshot=False, event_trigger="bbo")]

    def read(self, text: str | bytes, received_ns: int) -> Sequence[Trade | Quote]:
        message = json.loads(text)
        channel = message.get("channel")
        if channel == "trade":
            return [_trade(row, received_ns) for row in message["data"]]
        if channel == "ticker":
            return [_quote(row) for row in message["data"]]
        return ()


class KrakenClient(VenueClient):
    """ccxt's `kraken`."""

    name = "kraken"
    ccxt_id = "kraken"

    def config(self, url: str) -> dict[str, Any]:
        return {
            "urls": {"api": {"public": url, "private": url}},
            # Currencies would be a second call in each load of the markets.
            "has": {"fetchCurrencies": False},
            "apiKey": "demo-key",
            "secret": "ZGVtby1zZWNyZXQ=",
        }

    def limits(self, headers: Mapping[str, str]) -> tuple[float | None, float | None]:
        return (None, None)

    def reader(self) -> StreamReader:
        return KrakenReader()

    def banned(self, status: int | None, error: str) -> bool:
        return status == 429

    async def status(self, ask: Ask) -> None:
        await ask("fetch_status")

    async def find(self, ask: Ask, symbol: str, client_id: str, venue_id: str | None) -> Unified:
        if venue_id is not None:
            return await self.completed(ask, {"id": venue_id}, symbol)
        # Orders are asked for by the venue's id; by the client's one they are only listed.
        for listing in ("fetch_open_orders", "fetch_closed_orders"):
            found = await ask(listing, symbol, params={"clientOrderId": client_id})
            if found:
                return await self._with_trades(ask, found[0], symbol)
        raise OrderNotFoundError("order_not_found")

    async def completed(self, ask: Ask, order: Unified, symbol: str) -> Unified:
        # The answer to a new order is its id and nothing else.
        found: Unified = await ask("fetch_order", order["id"], symbol)
        return await self._with_trades(ask, found, symbol)

    async def _with_trades(self, ask: Ask, order: Unified, symbol: str) -> Unified:
        if order["trades"]:
            ids = [trade["id"] for trade in order["trades"]]
            order["trades"] = await ask("fetch_order_trades", order["id"], symbol, params={"trades": ids})
        return order


def _subscription(channel: str, **further: object) -> str:
    params = {"channel": channel, "symbol": list(SYMBOLS), **further}
    return json.dumps({"method": "subscribe", "params": params})


def _trade(row: Mapping[str, Any], received_ns: int) -> Trade:
    at_ns = _ns(row["timestamp"])
    return Trade(row["symbol"], float(row["price"]), float(row["qty"]), row["trade_id"], at_ns, received_ns)


def _quote(row: Mapping[str, Any]) -> Quote:
    return Quote(row["symbol"], "kraken", float(row["bid"]), float(row["ask"]), _ns(row["timestamp"]))


def _ns(timestamp: str) -> int:
    """Nanoseconds since 1970 of a text with microseconds, without a float on the way."""
    since = datetime.fromisoformat(timestamp) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
