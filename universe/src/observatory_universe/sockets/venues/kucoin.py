"""KuCoin for the real clients."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp

from observatory_universe.doors.exchange import Quote
from observatory_universe.doors.feed import Trade
from observatory_universe.market import SYMBOLS
from observatory_universe.sockets.venues.client import Ask, StreamReader, Unified, VenueClient

# All of them, used or not, so that none leads out of here.
_HOSTS: Final = (
    *("public", "private", "futuresPublic", "futuresPrivate", "webExchange"),
    *("uta", "utaV2", "utaPrivate", "earn", "broker"),
)
_NATIVE: Final = {symbol.replace("/", "-"): symbol for symbol in SYMBOLS}
_TOKEN_TIMEOUT_S: Final = 5.0


class KucoinReader(StreamReader):
    """KuCoin's stream: a token first, then topics of several symbols."""

    def __init__(self) -> None:
        self._said = 0

    async def open(self, url: str) -> str:
        timeout = aiohttp.ClientTimeout(total=_TOKEN_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.post(f"{url}/api/v1/bullet-public") as answer,
        ):
            given = (await answer.json())["data"]
        server = given["instanceServers"][0]
        return f"{server['endpoint']}?token={given['token']}&connectId={self._next()}"

    def hello(self) -> Sequence[str]:
        return [self._subscription("/market/match"), self._subscription("/spotMarket/level1")]

    def read(self, text: str | bytes, received_ns: int) -> Sequence[Trade | Quote]:
        message = json.loads(text)
        if message["type"] != "message":
            return ()
        data = message["data"]
        if message["subject"] == "trade.l3match":
            trade = Trade(
                symbol=_NATIVE[data["symbol"]],
                price=float(data["price"]),
                quantity=float(data["size"]),
                sequence=int(data["sequence"]),
                event_time_ns=int(data["time"]),
                received_ns=received_ns,
            )
            return (trade,)
        quote = Quote(
            symbol=_NATIVE[message["topic"].partition(":")[2]],
            venue="kucoin",
            bid=float(data["bids"][0]),
            ask=float(data["asks"][0]),
            event_time_ns=data["timestamp"] * 1_000_000,
        )
        return (quote,)

    def ping(self) -> str | None:
        return json.dumps({"id": self._next(), "type": "ping"})

    def _subscription(self, channel: str) -> str:
        topic = f"{channel}:{','.join(_NATIVE)}"
        return json.dumps(
            {"id": self._next(), "type": "subscribe", "topic": topic, "privateChannel": False, "response": True}
        )

    def _next(self) -> str:
        self._said += 1
        return str(self._said)


class KucoinClient(VenueClient):
    """ccxt's `kucoin`: spot orders of a classic account; that it is a high-frequency one ccxt finds out by itself."""

    name = "kucoin"
    ccxt_id = "kucoin"

    def config(self, url: str) -> dict[str, Any]:
        return {
            "urls": {"api": dict.fromkeys(_HOSTS, url)},
            # Else the first order asks for the account's mode, and a lost answer to that would look like a lost order.
            "options": {"uta": False, "fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}},
            # Currencies would be one more call in each load of the markets.
            "has": {"fetchCurrencies": False},
            "apiKey": "demo-key",
            "secret": "demo-secret",
            "password": "demo-passphrase",
        }

    def limits(self, headers: Mapping[str, str]) -> tuple[float | None, float | None]:
        limit, left = headers.get("gw-ratelimit-limit"), headers.get("gw-ratelimit-remaining")
        if limit is None or left is None:
            return None, None
        return float(limit) - float(left), float(limit)

    def retry_after_s(self, headers: Mapping[str, str]) -> float | None:
        """Of its own limit it says it in milliseconds; the edge before it says it in seconds."""
        reset_ms = headers.get("gw-ratelimit-reset")
        said = super().retry_after_s(headers)
        return float(reset_ms) / 1000 if said is None and reset_ms is not None else said

    def banned(self, status: int | None, error: str) -> bool:
        return "error code: 1015" in error

    def reader(self) -> StreamReader:
        return KucoinReader()

    async def completed(self, ask: Ask, order: Unified, symbol: str) -> Unified:
        """The answer to a new order is its id alone, and an order never carries its trades."""
        if order.get("status") is None:
            order = await ask("fetch_order", order["id"], symbol)
        if order.get("filled"):
            order["trades"] = await ask("fetch_order_trades", order["id"], symbol)
        order["lastUpdateTimestamp"] = order["info"].get("lastUpdatedAt")
        return order
