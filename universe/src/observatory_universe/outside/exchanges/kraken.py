"""Kraken's spot dialect: REST under /0, the stream's second version under /v2."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
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

# Kraken's own names of assets where they differ.
_ALTERNATIVES: Final = {"BTC": "XBT", "DOGE": "XDG"}
_LONG: Final = {"XBT": "XXBT", "XDG": "XXDG", "ETH": "XETH", "XRP": "XXRP", "LTC": "XLTC", "XLM": "XXLM", "ETC": "XETC"}
_ERRORS: Final[Mapping[RefusalKind, str]] = {
    "rate_limited": "EAPI:Rate limit exceeded",
    "bad_symbol": "EQuery:Unknown asset pair",
    "invalid_order": "EOrder:Order minimum not met",
    "insufficient_funds": "EOrder:Insufficient funds",
    "duplicate_client_id": "EOrder:Invalid order:Duplicate cl_ord_id",
    "order_not_found": "EOrder:Unknown order",
}
_STATUSES: Final = {"open": "open", "partially_filled": "open", "filled": "closed", "cancelled": "canceled"}
_NS: Final = 1_000_000_000


def _short(asset: str) -> str:
    return _ALTERNATIVES.get(asset, asset)


def _pair(symbol: str) -> str:
    base, quote = symbol.split("/")
    return _short(base) + quote


_PAIRS: Final = {symbol: _pair(symbol) for symbol in SYMBOLS}
_SYMBOLS: Final = {pair: symbol for symbol, pair in _PAIRS.items()}


class Kraken(Dialect):
    """One Kraken."""

    def __init__(self, venue: Venue) -> None:
        super().__init__(venue)
        # A fill's id on the wire to the order and the fill.
        self._trades: dict[str, tuple[Placed, Fill]] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/0/public/Time", self._time),
            web.get("/0/public/SystemStatus", self._status),
            web.get("/0/public/AssetPairs", self._asset_pairs),
            web.get("/0/public/Ticker", self._ticker),
            web.get("/0/public/Depth", self._depth),
            web.get("/0/public/OHLC", self._ohlc),
            web.post("/0/private/AddOrder", self._private(self._added)),
            web.post("/0/private/QueryOrders", self._private(self._queried)),
            web.post("/0/private/QueryTrades", self._private(self._queried_trades)),
            web.post("/0/private/OpenOrders", self._private(lambda asked: {"open": self._listed(asked, working=True)})),
            web.post("/0/private/ClosedOrders", self._private(self._closed)),
            web.post("/0/private/CancelOrder", self._private(self._cancelled)),
            web.get("/v2", self.streams.serve),
        ]

    def headers(self, usage: Usage) -> Mapping[str, str]:
        return {}  # Kraken does not say.

    def wrap(self, body: Any) -> Any:
        return {"error": [], "result": body}

    def refused(self, refusal: Refusal) -> web.Response:
        if refusal.kind == "banned":
            # The network in front of Kraken says this, not Kraken.
            after_s = str(math.ceil(refusal.retry_after_s))
            return web.Response(status=429, text="error code: 1015", headers={"Retry-After": after_s})
        return as_json({"error": [_ERRORS[refusal.kind]]})

    async def _time(self, request: web.Request) -> web.Response:
        return await self.answer(request, 1, lambda: {"unixtime": self.venue.now_ns() // _NS})

    async def _status(self, request: web.Request) -> web.Response:
        return await self.answer(
            request, 1, lambda: {"status": "online", "timestamp": _iso(self.venue.now_ns(), "seconds")}
        )

    async def _asset_pairs(self, request: web.Request) -> web.Response:
        symbols = (*SYMBOLS, *self.venue.others)
        return await self.answer(request, 1, lambda: {_pair(symbol): _listing(symbol) for symbol in symbols})

    async def _ticker(self, request: web.Request) -> web.Response:
        return await self.answer(request, 1, lambda: self._day(_symbol(request.query)))

    async def _depth(self, request: web.Request) -> web.Response:
        count = min(500, int(request.query.get("count", "100")))
        return await self.answer(request, 1, lambda: self._book(_symbol(request.query), count))

    async def _ohlc(self, request: web.Request) -> web.Response:
        since_s = int(request.query.get("since", "0"))
        return await self.answer(request, 1, lambda: self._candles(_symbol(request.query), since_s))

    def _private(self, work: Callable[[Mapping[str, str]], Any]) -> Callable[[web.Request], Any]:
        async def call(request: web.Request) -> web.Response:
            if not ("API-Key" in request.headers and "API-Sign" in request.headers):
                return as_json({"error": ["EAPI:Invalid key"]})
            asked = {key: str(value) for key, value in (await request.post()).items()}
            return await self.answer(request, 1, lambda: work(asked))

        return call

    def _day(self, symbol: str) -> dict[str, Any]:
        day, quote = self.venue.day(symbol), self.venue.quote(symbol)
        last, volume = price_text(symbol, day.last), quantity_text(day.volume)
        return {
            _PAIRS[symbol]: {
                "a": [price_text(symbol, quote.ask), "1", "1.000"],
                "b": [price_text(symbol, quote.bid), "1", "1.000"],
                "c": [last, "0.10000000"],
                "v": [volume, volume],
                "p": [last, last],
                "t": [1, 1],
                "l": [price_text(symbol, day.low)] * 2,
                "h": [price_text(symbol, day.high)] * 2,
                "o": price_text(symbol, day.open),
            }
        }

    def _book(self, symbol: str, depth: int) -> dict[str, Any]:
        book = self.venue.book(symbol, depth)
        now_s = book.event_time_ns // _NS
        sides = {"bids": book.bids, "asks": book.asks}
        return {
            _PAIRS[symbol]: {
                side: [[price_text(symbol, price), quantity_text(size), now_s] for price, size in levels]
                for side, levels in sides.items()
            }
        }

    def _candles(self, symbol: str, since_s: int) -> dict[str, Any]:
        minutes = min(720, minutes_since(since_s * _NS, self.venue.now_ns()))
        found = [candle for candle in self.venue.candles(symbol, minutes) if candle.start_ns > since_s * _NS]
        last = found[-2].start_ns // _NS if len(found) > 1 else since_s
        return {_PAIRS[symbol]: [_candle(symbol, candle) for candle in found], "last": last}

    def _added(self, asked: Mapping[str, str]) -> dict[str, Any]:
        price = float(asked["price"]) if asked["ordertype"] == "limit" else None
        side: Side = "buy" if asked["type"] == "buy" else "sell"
        client_id = asked.get("cl_ord_id") or f"api-{self.venue.now_ns()}"
        placed = self.venue.place(_symbol(asked), side, float(asked["volume"]), client_id, price)
        return {"descr": {"order": _sentence(placed)}, "txid": [_wire_id("O", placed.id)]}

    def _queried(self, asked: Mapping[str, str]) -> dict[str, Any]:
        return {txid: self._order(self.venue.order(id=_core_id(txid))) for txid in asked["txid"].split(",")}

    def _queried_trades(self, asked: Mapping[str, str]) -> dict[str, Any]:
        found = {txid: self._trades[txid] for txid in asked["txid"].split(",") if txid in self._trades}
        return {txid: _trade(placed, fill) for txid, (placed, fill) in found.items()}

    def _closed(self, asked: Mapping[str, str]) -> dict[str, Any]:
        found = self._listed(asked, working=False)
        return {"closed": found, "count": len(found)}

    def _listed(self, asked: Mapping[str, str], working: bool) -> dict[str, Any]:
        """The order of this client id, if it is at work or not; Kraken's lists without one are not needed."""
        try:
            placed = self.venue.order(client_id=asked.get("cl_ord_id", "-"))
        except Refusal:
            return {}
        return {_wire_id("O", placed.id): self._order(placed)} if placed.is_working == working else {}

    def _cancelled(self, asked: Mapping[str, str]) -> dict[str, Any]:
        client_id = asked.get("cl_ord_id")
        id_ = _core_id(asked["txid"]) if "txid" in asked else None
        if not self.venue.order(client_id=client_id, id=id_).is_working:
            raise Refusal("order_not_found")
        self.venue.cancel(client_id=client_id, id=id_)
        return {"count": 1}

    def _order(self, placed: Placed) -> dict[str, Any]:
        trades = {_wire_id("T", fill.id): (placed, fill) for fill in placed.fills}
        self._trades.update(trades)
        while len(self._trades) > 10_000:
            del self._trades[next(iter(self._trades))]
        limit = price_text(placed.symbol, placed.limit_price or 0.0)
        return {
            "refid": None,
            "userref": None,
            "cl_ord_id": placed.client_id,
            "status": _STATUSES[placed.status],
            "reason": "User requested" if placed.is_cancelled else None,
            "opentm": placed.created_ns / _NS,
            "closetm": 0 if placed.is_working else placed.updated_ns / _NS,
            "descr": {
                "pair": _PAIRS[placed.symbol],
                "type": placed.side,
                "ordertype": placed.kind,
                "price": limit,
                "price2": "0",
                "leverage": "none",
                "order": _sentence(placed),
                "close": "",
            },
            "vol": quantity_text(placed.quantity),
            "vol_exec": quantity_text(placed.filled_quantity),
            "cost": f"{placed.value_usd:.5f}",
            "fee": str(placed.fee_usd),
            "price": f"{placed.average_price:.8f}",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": "fciq",
            "trades": list(trades),
        }

    def welcome(self) -> Iterable[str]:
        data = [{"api_version": "v2", "system": "online", "version": "2.0.10"}]
        return [json.dumps({"channel": "status", "type": "update", "data": data})]

    def pulse(self) -> tuple[float, str] | None:
        return (1.0, '{"channel":"heartbeat"}')

    def heard(self, text: str, topics: set[str]) -> Iterable[str]:
        asked = json.loads(text)
        if asked.get("method") == "ping":
            return [json.dumps({"method": "pong", "req_id": asked.get("req_id")})]
        params = asked.get("params", {})
        symbols = params.get("symbol", [])
        wanted = {f"{params.get('channel')}:{symbol}" for symbol in symbols}
        if asked.get("method") == "subscribe":
            topics.update(wanted)
        elif asked.get("method") == "unsubscribe":
            topics.difference_update(wanted)
        return [_subscribed(asked, symbol) for symbol in symbols]

    def told(self, news: News) -> Iterable[tuple[str, str]]:
        for trade in news.trades:
            yield f"trade:{trade.symbol}", _trade_message(trade)
        for quote in news.quotes:
            yield f"ticker:{quote.symbol}", _ticker_message(quote)


def _symbol(asked: Mapping[str, str]) -> str:
    symbol = _SYMBOLS.get(asked.get("pair", ""))
    if symbol is None:
        raise Refusal("bad_symbol")
    return symbol


def _wire_id(letter: str, digits: str) -> str:
    return f"{letter}{digits[:5]}-{digits[5:10]}-{digits[10:]}"


def _core_id(txid: str) -> str:
    return txid[1:].replace("-", "")


def _iso(time_ns: int, precision: str) -> str:
    return datetime.fromtimestamp(time_ns / _NS, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _listing(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("/")
    short = _short(base)
    return {
        "altname": short + quote,
        "wsname": f"{short}/{quote}",
        "aclass_base": "currency",
        "base": _LONG.get(short, short),
        "aclass_quote": "currency",
        "quote": quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": SYMBOLS[symbol][1] if symbol in SYMBOLS else 5,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.02]],
        "fees_maker": [[0, 0.02]],
        "fee_volume_currency": "ZUSD",
        "ordermin": "0.00000001",
        "costmin": "1",
        "tick_size": "0.01",
        "status": "online",
    }


def _candle(symbol: str, candle: Candle) -> list[Any]:
    prices = [price_text(symbol, price) for price in (candle.open, candle.high, candle.low, candle.close)]
    return [candle.start_ns // _NS, *prices, prices[-1], quantity_text(candle.volume), 1]


def _sentence(placed: Placed) -> str:
    how = "market" if placed.limit_price is None else f"limit {price_text(placed.symbol, placed.limit_price)}"
    return f"{placed.side} {quantity_text(placed.quantity)} {_PAIRS[placed.symbol]} @ {how}"


def _trade(placed: Placed, fill: Fill) -> dict[str, Any]:
    return {
        "ordertxid": _wire_id("O", placed.id),
        "postxid": _wire_id("P", placed.id),
        "pair": _PAIRS[placed.symbol],
        "time": placed.updated_ns / _NS,
        "type": placed.side,
        "ordertype": placed.kind,
        "price": price_text(placed.symbol, fill.price),
        "cost": f"{fill.price * fill.quantity:.5f}",
        "fee": str(fill.fee_usd),
        "vol": quantity_text(fill.quantity),
        "margin": "0.00000",
        "misc": "",
    }


def _subscribed(asked: Mapping[str, Any], symbol: str) -> str:
    result = {"channel": asked["params"]["channel"], "snapshot": False, "symbol": symbol}
    return json.dumps({"method": asked["method"], "result": result, "success": True, "req_id": asked.get("req_id")})


def _trade_message(trade: PublicTrade) -> str:
    # Written out: this is the message that comes most often.
    return (
        f'{{"channel":"trade","type":"update","data":[{{"symbol":"{trade.symbol}","side":"{trade.side}",'
        f'"price":{price_text(trade.symbol, trade.price)},"qty":{trade.quantity:.8f},"ord_type":"market",'
        f'"trade_id":{trade.sequence},"timestamp":"{_iso(trade.event_time_ns, "microseconds")}"}}]}}'
    )


def _ticker_message(quote: Quote) -> str:
    return (
        f'{{"channel":"ticker","type":"update","data":[{{"symbol":"{quote.symbol}",'
        f'"bid":{price_text(quote.symbol, quote.bid)},"bid_qty":1.0,'
        f'"ask":{price_text(quote.symbol, quote.ask)},"ask_qty":1.0,'
        f'"timestamp":"{_iso(quote.event_time_ns, "microseconds")}"}}]}}'
    )
