"""KuCoin's dialect: classic spot REST with high-frequency orders, and the public stream behind `bullet-public`.

Answers are 200 with a code in the body, `200000` when it went well; only limits and keys use the HTTP status.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from observatory_universe.market import SYMBOLS
from observatory_universe.outside.exchanges.common import Dialect, as_json, price_text
from observatory_universe.outside.exchanges.dashed import (
    QUANTITY_STEP,
    amount_text,
    assets,
    dashed,
    price_step,
    shut_out,
    slashed,
    wire_text,
)
from observatory_universe.outside.limits import Usage
from observatory_universe.outside.orders import Placed
from observatory_universe.outside.refusal import Refusal
from observatory_universe.outside.tape import PublicTrade
from observatory_universe.outside.venue import News, Venue
from observatory_universe.trade import Fill

PING_INTERVAL_MS: Final = 18_000
PING_TIMEOUT_MS: Final = 10_000
_FEE: Final = f"{Venue.fee_ratio:g}"
_MINUTE_NS: Final = 60_000_000_000
_MOST_CANDLES: Final = 1500
_MOST_TOKENS: Final = 100
_SIGNED: Final = ("KC-API-KEY", "KC-API-SIGN", "KC-API-TIMESTAMP", "KC-API-PASSPHRASE")
# Refusal to (code, message).
_ERRORS: Final[Mapping[str, tuple[str, str]]] = {
    "bad_symbol": ("400100", "Unsupported trading pair."),
    "invalid_order": ("400100", "Order size below the minimum requirement."),
    "insufficient_funds": ("200004", "Balance insufficient!"),
    "duplicate_client_id": ("126044", "clientOid duplicate"),
    "order_not_found": ("100001", "order not exist."),
}
_CHANNELS: Final = ("/market/match", "/spotMarket/level1")

_Work = Callable[[web.Request], Any]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Kucoin(Dialect):
    """KuCoin on the wire."""

    def __init__(self, venue: Venue) -> None:
        super().__init__(venue)
        self._tokens: deque[str] = deque(maxlen=_MOST_TOKENS)
        self._issued = 0

    def routes(self) -> Sequence[web.RouteDef]:
        open_, signed = self._open, self._signed
        return [
            web.get("/api/v1/timestamp", open_(3, lambda _: self.venue.now_ns() // 1_000_000)),
            web.get("/api/v1/status", open_(3, lambda _: {"status": "open", "msg": ""})),
            web.get("/api/v3/currencies", open_(3, lambda _: self._currencies())),
            web.get("/api/v2/symbols", open_(4, lambda _: [self._listed(symbol) for symbol in self._all()])),
            web.get("/api/v1/contracts/active", open_(6, lambda _: [])),
            web.get("/api/v1/market/allTickers", open_(15, lambda _: self._tickers())),
            web.get("/api/v1/market/stats", open_(15, self._stats)),
            web.get("/api/v1/market/orderbook/{level:level2_20|level2_100}", open_(4, self._book)),
            web.get("/api/v1/market/candles", open_(3, self._candles)),
            web.post("/api/v1/bullet-public", open_(10, self._bullet)),
            web.get("/api/v3/market/orderbook/level2", signed(3, self._book)),
            web.get("/api/ua/v1/account/mode", signed(60, lambda _: {"selfAccountMode": "CLASSIC"})),
            web.get("/api/v1/hf/accounts/opened", signed(2, lambda _: True)),
            web.get("/api/v3/margin/symbols", signed(3, lambda _: {"timestamp": self._now_ms(), "items": []})),
            web.get("/api/v1/isolated/symbols", signed(3, lambda _: [])),
            web.post("/api/v1/hf/orders", self._place),
            web.get("/api/v1/hf/orders/client-order/{client_oid}", signed(2, self._order)),
            web.get("/api/v1/hf/orders/{order_id}", signed(2, self._order)),
            web.get("/api/v1/hf/fills", signed(2, self._fills)),
            web.delete("/api/v1/hf/orders/client-order/{client_oid}", signed(1, self._cancel)),
            web.delete("/api/v1/hf/orders/{order_id}", signed(1, self._cancel)),
            web.get("/endpoint", self._stream),
        ]

    def headers(self, usage: Usage) -> Mapping[str, str]:
        """The gateway's budget: what the window holds, what is left of it, and its end in milliseconds from now."""
        return {
            "gw-ratelimit-limit": str(usage.limit),
            "gw-ratelimit-remaining": str(max(0, usage.limit - usage.used)),
            "gw-ratelimit-reset": str((_MINUTE_NS - self.venue.now_ns() % _MINUTE_NS) // 1_000_000),
        }

    def refused(self, refusal: Refusal) -> web.Response:
        if refusal.kind == "banned":
            return shut_out(refusal)
        if refusal.kind == "rate_limited":
            reset = {"gw-ratelimit-remaining": "0", "gw-ratelimit-reset": str(round(refusal.retry_after_s * 1000))}
            return _failed("429000", "Too many requests in a short period of time, please retry later", 429, reset)
        return _failed(*_ERRORS[refusal.kind])

    def wrap(self, body: Any) -> Any:
        return {"code": "200000", "data": body}

    def welcome(self) -> Iterable[str]:
        return [wire_text({"id": f"{self.venue.now_ns() // 1_000_000}", "type": "welcome"})]

    def heard(self, text: str, topics: set[str]) -> Iterable[str]:
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            return [_complaint("", 400, "Bad message")]
        id_, kind = str(said.get("id", "")), said.get("type")
        if kind == "ping":
            return [wire_text({"id": id_, "type": "pong", "timestamp": self.venue.now_ns() // 1000})]
        if kind not in ("subscribe", "unsubscribe"):
            return [_complaint(id_, 415, "type is not supported")]
        channel, _, natives = str(said.get("topic", "")).partition(":")
        if channel not in _CHANNELS or not natives:
            return [_complaint(id_, 404, f"topic {said.get('topic')} is not found")]
        named = {f"{channel}:{native}" for native in natives.split(",")}
        if kind == "subscribe":
            topics |= named
        else:
            topics -= named
        return [wire_text({"id": id_, "type": "ack"})] if said.get("response") else []

    def told(self, news: News) -> Iterable[tuple[str, str]]:
        for trade in news.trades:
            topic = f"/market/match:{dashed(trade.symbol)}"
            yield topic, _message(topic, "trade.l3match", _match(trade))
        for quote in news.quotes:
            topic = f"/spotMarket/level1:{dashed(quote.symbol)}"
            best = {
                "asks": [price_text(quote.symbol, quote.ask), "1"],
                "bids": [price_text(quote.symbol, quote.bid), "1"],
                "timestamp": quote.event_time_ns // 1_000_000,
            }
            yield topic, _message(topic, "level1", best)

    def _open(self, weight: int, work: _Work) -> _Handler:
        """A route for everybody."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.answer(request, weight, lambda: work(request))

        return handle

    def _signed(self, weight: int, work: _Work) -> _Handler:
        """A route for those who sign. Keys are not known here, so that there is a signature is all that is asked."""
        handle = self._open(weight, work)

        async def checked(request: web.Request) -> web.StreamResponse:
            return _unsigned(request) or await handle(request)

        return checked

    def _now_ms(self) -> int:
        return self.venue.now_ns() // 1_000_000

    def _all(self) -> tuple[str, ...]:
        return (*SYMBOLS, *self.venue.others)

    def _currencies(self) -> list[dict[str, Any]]:
        common = {"confirms": None, "contractAddress": None, "isMarginEnabled": False, "isDebitEnabled": False}
        return [
            {"currency": asset, "name": asset, "fullName": asset, "precision": 8, **common, "chains": []}
            for asset in assets(self._all())
        ]

    def _listed(self, symbol: str) -> dict[str, Any]:
        base, quote = symbol.split("/")
        return {
            "symbol": dashed(symbol),
            "name": dashed(symbol),
            "baseCurrency": base,
            "quoteCurrency": quote,
            "feeCurrency": quote,
            "market": "USDS",
            "baseMinSize": QUANTITY_STEP,
            "quoteMinSize": "0.1",
            "baseMaxSize": "10000000000",
            "quoteMaxSize": "99999999",
            "baseIncrement": QUANTITY_STEP,
            "quoteIncrement": "0.000001",
            "priceIncrement": price_step(symbol),
            "priceLimitRate": "0.1",
            "minFunds": "0.1",
            "isMarginEnabled": False,
            "enableTrading": True,
            "feeCategory": 1,
            "makerFeeCoefficient": "1.00",
            "takerFeeCoefficient": "1.00",
            "st": False,
        }

    def _tickers(self) -> dict[str, Any]:
        rows = [{**self._ticker(symbol), "symbolName": dashed(symbol)} for symbol in SYMBOLS]
        return {"time": self._now_ms(), "ticker": rows}

    def _stats(self, request: web.Request) -> dict[str, Any]:
        return self._ticker(_symbol(request))

    def _ticker(self, symbol: str) -> dict[str, Any]:
        quote = self.venue.quote(symbol)
        return {
            "time": quote.event_time_ns // 1_000_000,
            "symbol": dashed(symbol),
            "buy": price_text(symbol, quote.bid),
            "sell": price_text(symbol, quote.ask),
            "last": price_text(symbol, quote.mid),
            "takerFeeRate": _FEE,
            "makerFeeRate": _FEE,
            "takerCoefficient": "1",
            "makerCoefficient": "1",
        }

    def _book(self, request: web.Request) -> dict[str, Any]:
        symbol = _symbol(request)
        book = self.venue.book(symbol, 20 if request.match_info.get("level") == "level2_20" else 100)

        def told(levels: tuple[tuple[float, float], ...]) -> list[list[str]]:
            return [[price_text(symbol, price), amount_text(quantity)] for price, quantity in levels]

        time_ms = book.event_time_ns // 1_000_000
        return {"time": time_ms, "sequence": str(time_ms), "bids": told(book.bids), "asks": told(book.asks)}

    def _candles(self, request: web.Request) -> list[list[str]]:
        """The newest first, as [start in s, open, close, high, low, volume, turnover]."""
        symbol = _symbol(request)
        if request.query.get("type") != "1min":
            raise Refusal("bad_symbol")
        now_s = self.venue.now_ns() // 1_000_000_000
        start_s, end_s = int(request.query.get("startAt", 0)), int(request.query.get("endAt", now_s))
        limit = min(_MOST_CANDLES, max(1, (now_s - start_s) // 60 + 1))
        return [
            [
                str(candle.start_ns // 1_000_000_000),
                *(price_text(symbol, price) for price in (candle.open, candle.close, candle.high, candle.low)),
                amount_text(candle.volume),
                amount_text(candle.volume * candle.close),
            ]
            for candle in reversed(self.venue.candles(symbol, limit))
            if start_s <= candle.start_ns // 1_000_000_000 <= end_s
        ]

    async def _place(self, request: web.Request) -> web.StreamResponse:
        if refused := _unsigned(request):
            return refused
        asked = await request.json()

        def work() -> dict[str, Any]:
            price = float(asked["price"]) if asked["type"] == "limit" else None
            placed = self.venue.place(
                slashed(asked["symbol"]), asked["side"], float(asked["size"]), asked["clientOid"], price
            )
            return {"orderId": placed.id, "clientOid": placed.client_id}

        return await self.answer(request, 1, work)

    def _order(self, request: web.Request) -> dict[str, Any]:
        return _told(self.venue.order(**_named(request)))

    def _fills(self, request: web.Request) -> dict[str, Any]:
        placed = self.venue.order(id=request.query.get("orderId", ""))
        return {"items": [_filled(placed, fill) for fill in placed.fills], "lastId": len(placed.fills)}

    def _cancel(self, request: web.Request) -> dict[str, Any]:
        """An order that is done is not told from one that never was."""
        placed = self.venue.order(**_named(request))
        if not placed.is_working:
            raise Refusal("order_not_found")
        self.venue.cancel(id=placed.id)
        return {"clientOid": placed.client_id} if "client_oid" in request.match_info else {"orderId": placed.id}

    def _bullet(self, request: web.Request) -> dict[str, Any]:
        """A token for one stream connection, and where to connect."""
        self._issued += 1
        token = f"demo-{self._now_ms()}-{self._issued}"
        self._tokens.append(token)
        server = {
            "endpoint": f"ws://{request.host}/endpoint",
            "encrypt": False,
            "protocol": "websocket",
            "pingInterval": PING_INTERVAL_MS,
            "pingTimeout": PING_TIMEOUT_MS,
        }
        return {"token": token, "instanceServers": [server]}

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("token") in self._tokens:
            return await self.streams.serve(request)
        refused = web.WebSocketResponse()
        await refused.prepare(request)
        await refused.send_str(_complaint(request.query.get("connectId", ""), 401, "token is invalid"))
        await refused.close()
        return refused


def _failed(code: str, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return as_json({"code": code, "msg": message}, status=status, headers=headers)


def _unsigned(request: web.Request) -> web.Response | None:
    missing = [name for name in _SIGNED if not request.headers.get(name)]
    if not missing:
        return None
    return _failed("400001", f"Please check the header of your request for {', '.join(missing)}", 401)


def _symbol(request: web.Request) -> str:
    return slashed(request.query.get("symbol", ""))


def _named(request: web.Request) -> dict[str, str]:
    """The order that a path names, as an argument of the venue."""
    if (client_id := request.match_info.get("client_oid")) is not None:
        return {"client_id": client_id}
    return {"id": request.match_info["order_id"]}


def _told(placed: Placed) -> dict[str, Any]:
    """An order in the form of `hf/orders`."""
    price = placed.limit_price
    active = placed.is_working
    return {
        "id": placed.id,
        "clientOid": placed.client_id,
        "symbol": dashed(placed.symbol),
        "opType": "DEAL",
        "type": placed.kind,
        "side": placed.side,
        "price": "0" if price is None else price_text(placed.symbol, price),
        "size": amount_text(placed.quantity),
        "funds": "0" if price is None else amount_text(price * placed.quantity),
        "dealSize": amount_text(placed.filled_quantity),
        "dealFunds": amount_text(placed.value_usd),
        "remainSize": amount_text(placed.remaining) if active else "0",
        "cancelledSize": "0" if active else amount_text(placed.remaining),
        "fee": f"{placed.fee_usd:f}",
        "feeCurrency": "USDT",
        "timeInForce": "GTC",
        "tradeType": "TRADE",
        "channel": "API",
        "postOnly": False,
        "active": active,
        "inOrderBook": active,
        "cancelExist": placed.status == "cancelled",
        "createdAt": placed.created_ns // 1_000_000,
        "lastUpdatedAt": placed.updated_ns // 1_000_000,
    }


def _filled(placed: Placed, fill: Fill) -> dict[str, Any]:
    return {
        "tradeId": fill.id,
        "orderId": placed.id,
        "symbol": dashed(placed.symbol),
        "side": placed.side,
        "type": placed.kind,
        "tradeType": "TRADE",
        "liquidity": "taker",
        "forceTaker": False,
        "price": price_text(placed.symbol, fill.price),
        "size": amount_text(fill.quantity),
        "funds": amount_text(fill.price * fill.quantity),
        "fee": f"{fill.fee_usd:f}",
        "feeRate": _FEE,
        "feeCurrency": "USDT",
        "createdAt": (fill.venue_time_ns or placed.updated_ns) // 1_000_000,
    }


def _match(trade: PublicTrade) -> dict[str, Any]:
    return {
        "sequence": str(trade.sequence),
        "type": "match",
        "symbol": dashed(trade.symbol),
        "side": trade.side,
        "price": price_text(trade.symbol, trade.price),
        "size": amount_text(trade.quantity),
        "tradeId": str(trade.sequence),
        "time": str(trade.event_time_ns),
    }


def _message(topic: str, subject: str, data: dict[str, Any]) -> str:
    return wire_text({"type": "message", "topic": topic, "subject": subject, "data": data})


def _complaint(id_: str, code: int, reason: str) -> str:
    return wire_text({"id": id_, "type": "error", "code": code, "data": reason})
