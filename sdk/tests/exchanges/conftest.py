"""A venue of a test's own on the loopback address, which answers what the test wants, and the binding switched on."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from observatory_sdk.exchanges import ccxt as binding
from observatory_sdk.exchanges.streams import REGISTRY
from observatory_sdk.facts.feeds import CLAIMED

_MARKET = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "orderTypes": ["LIMIT", "MARKET"],
    "isSpotTradingAllowed": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00000001", "maxQty": "9000000", "stepSize": "0.00000001"},
    ],
    "permissions": ["SPOT"],
}


@dataclass
class BareVenue:
    """Answers like Binance's spot market. `body`, `status` and `headers` are of every answer but the markets'.

    `hold`: while clear, it gives no answer. `cut`: it hangs up instead. `statuses`: given first, one to a request.
    """

    url: str = ""
    status: int = 200
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: Event = field(default_factory=Event)
    cut: bool = False
    statuses: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def options(self, **further: Any) -> dict[str, Any]:
        """ccxt's options for it."""
        spot = dict.fromkeys(("public", "private"), f"{self.url}/api/v3")
        return {
            "urls": {"api": spot},
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
            "apiKey": "k",
            "secret": "s",
            "timeout": 1_500,
            "enableRateLimit": False,
            **further,
        }


@pytest.fixture
def bare_venue() -> Iterator[BareVenue]:
    found = BareVenue()
    found.hold.set()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            markets = "exchangeInfo" in self.path
            if not markets:
                found.requests.append(f"{self.command} {self.path}")
                found.hold.wait(10)
                if found.cut:
                    self.close_connection = True
                    self.connection.close()
                    return
            text = json.dumps({"symbols": [_MARKET]}) if markets else found.body
            status = 200 if markets else found.statuses.pop(0) if found.statuses else found.status
            self.send_response(status)
            for name, value in () if markets else found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - names of the base class

        def log_message(self, format: str, *args: object) -> None:
            return None

    class Http(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return None  # a client that gives up is part of the tests

    http = Http(("127.0.0.1", 0), Door)
    found.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    found.hold.set()
    http.shutdown()
    http.server_close()
    thread.join(60)


@pytest.fixture
def ccxt() -> Any:
    """ccxt as it is installed, with its asynchronous classes in place."""
    importlib.import_module("ccxt.async_support")
    return importlib.import_module("ccxt")


@pytest.fixture
def bound(ccxt: Any) -> Iterator[Callable[[], None]]:
    """The binding, switched on; what switches it off again."""
    undo = binding.switch_on()
    assert undo is not None
    yield undo
    undo()


@pytest.fixture
def no_series() -> Iterator[None]:
    """No series of a test before."""
    REGISTRY.clear()
    CLAIMED.clear()
    yield
    REGISTRY.clear()
    CLAIMED.clear()
