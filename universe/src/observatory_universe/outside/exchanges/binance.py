"""Binance's spot dialect: REST under /api/v3, streams under /ws and /stream."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from observatory_universe.doors.exchange import Candle, Quote
from observatory_universe.market import SYMBOLS
from observatory_universe.outside.exchanges.common import Dialect, as_json, minutes_since, price_text, quantity_text
from observatory_universe.outside.limits import Usage
from observatory_universe.outside.orders import Placed
from observatory_universe.outside.refusal import Refusal, RefusalKind
from observatory_universe.outside.tape import PublicTrade
from observatory_universe.outside.venue import News, Venue
from observatory_universe.trade import Fill, Side

_IDS: Final[Mapping[str, str]] = {symbol: symbol.replace("/", "") for symbol in SYMBOLS}
_SYMBOLS: Final[Mapping[str, str]] = {id_: symbol for symbol, id_ in _IDS.items()}
_ERRORS: Final[Mapping[RefusalKind, tuple[int, int, str]]] = {
    "bad_symbol": (400, -1121, "Invalid symbol."),
    "invalid_order": (400, -1013, "Filter failure: LOT_SIZE"),
    "insufficient_funds": (400, -2010, "Account has insufficient balance for requested action."),
    "duplicate_client_id": (400, -2010, "Duplicate order sent."),
    "order_not_found": (400, -2013, "Order does not exist."),
}
_STATUSES: Final = {
    "open": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "cancelled": "CANCELED",
}
_MS: Final = 1_000_000


class Binance(Dialect):
    """One Binance."""

    def __init__(self, venue: Venue) -> None:
        super().__init__(venue)
        self._updates = 0

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/api/v3/ping", self._ping),
            web.get("/api/v3/time", self._time),
            web.get("/api/v3/exchangeInfo", self._exchange_info),
            web.get("/api/v3/ticker/24hr", self._ticker),
            web.get("/api/v3/ticker/bookTicker", self._book_ticker),
            web.get("/api/v3/depth", self._depth),
            web.get("/api/v3/klines", self._klines),
            web.post("/api/v3/order", self._create),
            web.get("/api/v3/order", self._fetch),
            web.delete("/api/v3/order", self._cancel),
            web.get("/api/v3/myTrades", self._my_trades),
            web.get("/ws", self._stream),
            web.get("/stream", self._stream),
        ]

    def headers(self, usage: Usage) -> Mapping[str, str]:
        return {"X-MBX-USED-WEIGHT": str(usage.used), "X-MBX-USED-WEIGHT-1M": str(usage.used)}

    def refused(self, refusal: Refusal) -> web.Response:
        after_s = str(math.ceil(refusal.retry_after_s))
        if refusal.kind == "banned":
            until_ms = self.venue.now_ns() // _MS + round(refusal.retry_after_s * 1000)
            text = f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams."
            return _error(418, -1003, text, {"Retry-After": after_s})
        if refusal.kind == "rate_limited":
            limit = self.venue.usage().limit
            text = f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
            return _error(429, -1003, text, {"Retry-After": after_s})
        return _error(*_ERRORS[refusal.kind])

    async def _ping(self, request: web.Request) -> web.Response:
        return await self.answer(request, 1, dict)

    async def _time(self, request: web.Request) -> web.Response:
        return await self.answer(request, 1, lambda: {"serverTime": self.venue.now_ns() // _MS})

    async def _exchange_info(self, request: web.Request) -> web.Response:
        return await self.answer(request, 20, self._listed)

    async def _ticker(self, request: web.Request) -> web.Response:
        return await self.answer(request, 2, lambda: self._day(_symbol(request.query)))

    async def _book_ticker(self, request: web.Request) -> web.Response:
        return await self.answer(request, 2, lambda: _best(self.venue.quote(_symbol(request.query))))

    async def _depth(self, request: web.Request) -> web.Response:
        depth = min(5_000, int(request.query.get("limit", "100")))
        return await self.answer(request, 5, lambda: self._book(_symbol(request.query), depth))

    async def _klines(self, request: web.Request) -> web.Response:
        limit = min(1_000, int(request.query.get("limit", "500")))
        start_ns = int(request.query.get("startTime", "0")) * _MS
        return await self.answer(request, 2, lambda: self._candles(_symbol(request.query), limit, start_ns))

    async def _create(self, request: web.Request) -> web.Response:
        asked = await _form(request)
        return await self._signed(request, asked, 1, lambda: self._place(asked))

    async def _fetch(self, request: web.Request) -> web.Response:
        return await self._signed(request, request.query, 4, lambda: _order(self._found(request.query)))

    async def _cancel(self, request: web.Request) -> web.Response:
        asked = {**request.query, **await _form(request)}
        return await self._signed(request, asked, 1, lambda: self._cancelled(asked))

    async def _my_trades(self, request: web.Request) -> web.Response:
        return await self._signed(request, request.query, 5, lambda: self._trades(request.query["orderId"]))

    async def _signed(
        self, request: web.Request, asked: Mapping[str, str], weight: int, work: Callable[[], Any]
    ) -> web.Response:
        if "X-MBX-APIKEY" not in request.headers:
            return _error(401, -2014, "API-key format invalid.")
        if "signature" not in asked:
            return _error(400, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        return await self.answer(request, weight, work)

    def _listed(self) -> dict[str, Any]:
        limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}]
        return {
            "timezone": "UTC",
            "serverTime": self.venue.now_ns() // _MS,
            "rateLimits": [{**limits[0], "limit": self.venue.usage().limit}],
            "exchangeFilters": [],
            "symbols": [_market(symbol) for symbol in (*SYMBOLS, *self.venue.others)],
        }

    def _day(self, symbol: str) -> dict[str, Any]:
        day, quote = self.venue.day(symbol), self.venue.quote(symbol)
        now_ms = self.venue.now_ns() // _MS
        return {
            "symbol": _IDS[symbol],
            "priceChange": price_text(symbol, day.last - day.open),
            "priceChangePercent": f"{(day.last / day.open - 1) * 100:.3f}",
            "weightedAvgPrice": price_text(symbol, (day.open + day.last) / 2),
            "prevClosePrice": price_text(symbol, day.open),
            "lastPrice": price_text(symbol, day.last),
            "openPrice": price_text(symbol, day.open),
            "highPrice": price_text(symbol, day.high),
            "lowPrice": price_text(symbol, day.low),
            "bidPrice": price_text(symbol, quote.bid),
            "askPrice": price_text(symbol, quote.ask),
            "volume": quantity_text(day.volume),
            "quoteVolume": quantity_text(day.volume * day.last),
            "openTime": now_ms - 86_400_000,
            "closeTime": now_ms,
        }

    def _book(self, symbol: str, depth: int) -> dict[str, Any]:
        book = self.venue.book(symbol, depth)
        self._updates += 1
        return {
            "lastUpdateId": self._updates,
            "bids": [[price_text(symbol, price), quantity_text(size)] for price, size in book.bids],
            "asks": [[price_text(symbol, price), quantity_text(size)] for price, size in book.asks],
        }

    def _candles(self, symbol: str, limit: int, start_ns: int) -> list[list[Any]]:
        """The newest ones, or with a beginning the first ones after it."""
        minutes = min(1_000, minutes_since(start_ns, self.venue.now_ns())) if start_ns else limit
        return [_kline(candle) for candle in self.venue.candles(symbol, minutes)[:limit]]

    def _place(self, asked: Mapping[str, str]) -> dict[str, Any]:
        price = float(asked["price"]) if asked["type"] == "LIMIT" else None
        client_id = asked.get("newClientOrderId") or f"web_{self.venue.now_ns()}"
        side: Side = "buy" if asked["side"] == "BUY" else "sell"
        placed = self.venue.place(_symbol(asked), side, float(asked["quantity"]), client_id, price)
        return _order(placed) | {
            "transactTime": placed.updated_ns // _MS,
            "fills": [_fill(fill) for fill in placed.fills],
        }

    def _found(self, asked: Mapping[str, str]) -> Placed:
        return self.venue.order(client_id=asked.get("origClientOrderId"), id=asked.get("orderId"))

    def _cancelled(self, asked: Mapping[str, str]) -> dict[str, Any]:
        if not self._found(asked).is_working:
            # Binance does not tell a finished order from an unknown one here.
            raise Refusal("order_not_found")
        return _order(self.venue.cancel(client_id=asked.get("origClientOrderId"), id=asked.get("orderId")))

    def _trades(self, order_id: str) -> list[dict[str, Any]]:
        placed = self.venue.order(id=order_id)
        return [_trade(placed, fill) for fill in placed.fills]

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        streams = request.query.get("streams", "")
        return await self.streams.serve(request, streams.split("/") if streams else ())

    def heard(self, text: str, topics: set[str]) -> Iterable[str]:
        asked = json.loads(text)
        streams = asked.get("params", [])
        if asked.get("method") == "SUBSCRIBE":
            topics.update(streams)
        elif asked.get("method") == "UNSUBSCRIBE":
            topics.difference_update(streams)
        return [json.dumps({"result": None, "id": asked.get("id")})]

    def told(self, news: News) -> Iterable[tuple[str, str]]:
        for trade in news.trades:
            stream = f"{_IDS[trade.symbol].lower()}@trade"
            yield stream, _trade_message(stream, trade)
        for quote in news.quotes:
            self._updates += 1
            stream = f"{_IDS[quote.symbol].lower()}@bookTicker"
            yield stream, json.dumps({"stream": stream, "data": {"u": self._updates} | _best_short(quote)})


def _trade_message(stream: str, trade: PublicTrade) -> str:
    # Written out: this is the message that comes most often.
    ms = trade.event_time_ns // _MS
    maker = "true" if trade.side == "sell" else "false"
    return (
        f'{{"stream":"{stream}","data":{{"e":"trade","E":{ms},"s":"{_IDS[trade.symbol]}","t":{trade.sequence},'
        f'"p":"{price_text(trade.symbol, trade.price)}","q":"{trade.quantity:.8f}","T":{ms},"m":{maker},"M":true}}}}'
    )


def _error(status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return as_json({"code": code, "msg": text}, status=status, headers=headers)


async def _form(request: web.Request) -> dict[str, str]:
    return {key: str(value) for key, value in (await request.post()).items()}


def _symbol(asked: Mapping[str, str]) -> str:
    symbol = _SYMBOLS.get(asked.get("symbol", ""))
    if symbol is None:
        raise Refusal("bad_symbol")
    return symbol


def _market(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("/")
    tick = f"{10 ** -SYMBOLS[symbol][1]:.8f}" if symbol in SYMBOLS else "0.00010000"
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": "0.00000001", "maxQty": "9000000.00000000", "stepSize": "0.00000001"},
            {"filterType": "NOTIONAL", "minNotional": "1.00000000", "applyMinToMarket": True},
        ],
        "permissions": ["SPOT"],
    }


def _best(quote: Quote) -> dict[str, Any]:
    bid, ask = price_text(quote.symbol, quote.bid), price_text(quote.symbol, quote.ask)
    return {"symbol": _IDS[quote.symbol], "bidPrice": bid, "bidQty": "1.0", "askPrice": ask, "askQty": "1.0"}


def _best_short(quote: Quote) -> dict[str, Any]:
    bid, ask = price_text(quote.symbol, quote.bid), price_text(quote.symbol, quote.ask)
    return {"s": _IDS[quote.symbol], "b": bid, "B": "1.0", "a": ask, "A": "1.0"}


def _kline(candle: Candle) -> list[Any]:
    start_ms = candle.start_ns // _MS
    prices = [repr(price) for price in (candle.open, candle.high, candle.low, candle.close)]
    value = quantity_text(candle.volume * candle.close)
    return [start_ms, *prices, quantity_text(candle.volume), start_ms + 59_999, value, 0, "0", "0", "0"]


def _order(placed: Placed) -> dict[str, Any]:
    return {
        "symbol": _IDS[placed.symbol],
        "orderId": int(placed.id),
        "orderListId": -1,
        "clientOrderId": placed.client_id,
        "price": price_text(placed.symbol, placed.limit_price or 0.0),
        "origQty": quantity_text(placed.quantity),
        "executedQty": quantity_text(placed.filled_quantity),
        "cummulativeQuoteQty": quantity_text(placed.value_usd),
        "status": _STATUSES[placed.status],
        "timeInForce": "GTC",
        "type": placed.kind.upper(),
        "side": placed.side.upper(),
        "time": placed.created_ns // _MS,
        "updateTime": placed.updated_ns // _MS,
        "isWorking": True,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "price": repr(fill.price),
        "qty": quantity_text(fill.quantity),
        "commission": str(fill.fee_usd),
        "commissionAsset": "USDT",
        "tradeId": int(fill.id),
    }


def _trade(placed: Placed, fill: Fill) -> dict[str, Any]:
    filled = _fill(fill)
    return {
        "symbol": _IDS[placed.symbol],
        "id": filled.pop("tradeId"),
        "orderId": int(placed.id),
        "orderListId": -1,
        **filled,
        "quoteQty": quantity_text(fill.price * fill.quantity),
        "time": placed.updated_ns // _MS,
        "isBuyer": placed.side == "buy",
        "isMaker": placed.kind == "limit",
        "isBestMatch": True,
    }
