"""Coinbase for the real clients."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from observatory_universe.doors.exchange import Quote
from observatory_universe.doors.feed import Trade
from observatory_universe.market import SYMBOLS
from observatory_universe.sockets.venues.client import Ask, StreamReader, Unified, VenueClient
from observatory_universe.trade import Order

_NATIVE: Final = {symbol.replace("/", "-"): symbol for symbol in SYMBOLS}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class CoinbaseReader(StreamReader):
    """Coinbase's public feed. Trades count by `trade_id`: `sequence` counts all changes of the book, told or not."""

    async def open(self, url: str) -> str:
        return url.replace("http", "ws", 1)

    def hello(self) -> Sequence[str]:
        return [json.dumps({"type": "subscribe", "product_ids": list(_NATIVE), "channels": ["matches", "ticker"]})]

    def read(self, text: str | bytes, received_ns: int) -> Sequence[Trade | Quote]:
        message = json.loads(text)
        if message["type"] == "match":
            trade = Trade(
                symbol=_NATIVE[message["product_id"]],
                price=float(message["price"]),
                quantity=float(message["size"]),
                sequence=message["trade_id"],
                event_time_ns=_time_ns(message["time"]),
                received_ns=received_ns,
            )
            return (trade,)
        if message["type"] == "ticker":
            quote = Quote(
                symbol=_NATIVE[message["product_id"]],
                venue="coinbase",
                bid=float(message["best_bid"]),
                ask=float(message["best_ask"]),
                event_time_ns=_time_ns(message["time"]),
            )
            return (quote,)
        # Among them `last_match`: a trade from before the subscription.
        return ()


class CoinbaseClient(VenueClient):
    """ccxt's `coinbaseexchange`.

    `coinbase` (Advanced Trade) buys at the market for a sum only, not for a quantity, and finds no order by the
    client's own id; both are needed here.
    """

    name = "coinbase"
    ccxt_id = "coinbaseexchange"

    def config(self, url: str) -> dict[str, Any]:
        return {
            "urls": {"api": {"public": url, "private": url}},
            # Currencies would be a second call in each load of the markets.
            "has": {"fetchCurrencies": False},
            "apiKey": "demo-key",
            # ccxt takes it apart as base64 before it signs.
            "secret": base64.b64encode(b"demo-secret").decode(),
            "password": "demo-passphrase",
        }

    def limits(self, headers: Mapping[str, str]) -> tuple[float | None, float | None]:
        return None, None

    def banned(self, status: int | None, error: str) -> bool:
        return "error code: 1015" in error

    def reader(self) -> StreamReader:
        return CoinbaseReader()

    async def create(self, ask: Ask, order: Order, limit_price: float | None) -> Unified:
        return await super().create(ask, replace(order, client_id=_uuid(order.client_id)), limit_price)

    async def find(self, ask: Ask, symbol: str, client_id: str, venue_id: str | None) -> Unified:
        return await super().find(ask, symbol, _uuid(client_id), venue_id)

    async def cancel(self, ask: Ask, symbol: str, client_id: str, venue_id: str | None) -> None:
        await super().cancel(ask, symbol, _uuid(client_id), venue_id)

    async def completed(self, ask: Ask, order: Unified, symbol: str) -> Unified:
        """A new order is answered as pending, and an order never carries its trades."""
        if order["info"].get("status") == "pending":
            order = await ask("fetch_order", order["id"], symbol)
        if order.get("filled"):
            order["trades"] = await ask("fetch_order_trades", order["id"], symbol)
        if done_at := order["info"].get("done_at"):
            order["lastUpdateTimestamp"] = _time_ns(done_at) // 1_000_000
        return order


def _uuid(client_id: str) -> str:
    """The client's id as Coinbase takes it: one that is no UUID is told by the same one each time."""
    try:
        return str(UUID(client_id))
    except ValueError:
        return str(uuid5(NAMESPACE_OID, client_id))


def _time_ns(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND * 1000
