"""Binance for the real clients."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from observatory_universe.doors.exchange import Quote
from observatory_universe.doors.feed import Trade
from observatory_universe.market import SYMBOLS
from observatory_universe.sockets.venues.client import Ask, StreamReader, Unified, VenueClient

_SYMBOLS: Final = {symbol.replace("/", ""): symbol for symbol in SYMBOLS}
_WEIGHT_PER_MINUTE: Final = 6_000.0
_MS: Final = 1_000_000
_UNUSED: Final = (
    *("sapi", "sapiV2", "sapiV3", "sapiV4", "papi", "papiV2", "eapiPublic", "eapiPrivate"),
    *("dapiPublic", "dapiPrivate", "dapiPrivateV2", "dapiData", "fapiPublic", "fapiPublicV2", "fapiPublicV3"),
    *("fapiPrivate", "fapiPrivateV2", "fapiPrivateV3", "fapiData"),
)


class BinanceReader(StreamReader):
    """Trades and best prices of all symbols as one combined stream."""

    async def open(self, url: str) -> str:
        return url.replace("http://", "ws://", 1) + "/stream"

    def hello(self) -> Sequence[str]:
        streams = [f"{id_.lower()}@{kind}" for id_ in _SYMBOLS for kind in ("trade", "bookTicker")]
        return [json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1})]

    def read(self, text: str | bytes, received_ns: int) -> Sequence[Trade | Quote]:
        data = json.loads(text).get("data")
        if data is None:
            return ()
        symbol = _SYMBOLS[data["s"]]
        if data.get("e") == "trade":
            price, quantity = float(data["p"]), float(data["q"])
            return (Trade(symbol, price, quantity, data["t"], data["T"] * _MS, received_ns),)
        # This stream does not say when.
        return (Quote(symbol, "binance", float(data["b"]), float(data["a"]), received_ns),)


class BinanceClient(VenueClient):
    """ccxt's `binance`, spot only."""

    name = "binance"
    ccxt_id = "binance"

    def config(self, url: str) -> dict[str, Any]:
        spot = {"public": f"{url}/api/v3", "private": f"{url}/api/v3", "v1": f"{url}/api/v1"}
        # What is not used must not lead out of here either.
        unused = dict.fromkeys(_UNUSED, f"{url}/unused")
        return {
            "urls": {"api": unused | spot},
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
            "apiKey": "demo-key",
            "secret": "demo-secret",
        }

    def limits(self, headers: Mapping[str, str]) -> tuple[float | None, float | None]:
        used = headers.get("X-MBX-USED-WEIGHT-1M")
        return (None if used is None else float(used), _WEIGHT_PER_MINUTE)

    def reader(self) -> StreamReader:
        return BinanceReader()

    async def completed(self, ask: Ask, order: Unified, symbol: str) -> Unified:
        if order["filled"] and not order["trades"]:
            order["trades"] = await ask("fetch_order_trades", order["id"], symbol)
        return order
