"""Coinbase's dialect: the Exchange REST interface and its public feed.

Of the two interfaces that Coinbase has, this is the one whose orders are sized in the base asset and can be asked for
and cancelled by the client's own id, so that a lost answer can be cleared up. Its answers carry no budget: it says only
when the budget is spent. A new order is answered as `pending`; asking for it tells the rest.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
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
    retry_after,
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

_SIGNED: Final = ("CB-ACCESS-KEY", "CB-ACCESS-SIGN", "CB-ACCESS-TIMESTAMP", "CB-ACCESS-PASSPHRASE")
# Refusal to (status, message).
_ERRORS: Final[Mapping[str, tuple[int, str]]] = {
    "rate_limited": (429, "Public rate limit exceeded"),
    "bad_symbol": (404, "Product not found"),
    "invalid_order": (400, "size is too small"),
    "insufficient_funds": (400, "Insufficient funds"),
    "duplicate_client_id": (400, "duplicate client_oid"),
    "order_not_found": (404, "order not found"),
}
_DONE: Final[Mapping[str, str]] = {"filled": "filled", "cancelled": "canceled", "rejected": "rejected"}
_CHANNELS: Final = ("matches", "ticker")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_CANDLES: Final = 300
_BOOK_DEPTH: Final = 50
# The whole book changes more often than it trades, and `sequence` counts its changes; `trade_id` counts trades.
_CHANGES_PER_TRADE: Final = 4

_Work = Callable[[web.Request], Any]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Coinbase(Dialect):
    """Coinbase Exchange on the wire."""

    def __init__(self, venue: Venue) -> None:
        super().__init__(venue)
        self._last: dict[str, PublicTrade] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        open_, signed = self._open, self._signed
        return [
            web.get("/time", open_(self._time)),
            web.get("/currencies", open_(self._currencies)),
            web.get("/products", open_(lambda _: [_product(name) for name in (*SYMBOLS, *self.venue.others)])),
            web.get("/products/{product}/ticker", open_(self._ticker)),
            web.get("/products/{product}/book", open_(self._book)),
            web.get("/products/{product}/candles", open_(self._candles)),
            web.post("/orders", self._place),
            web.get("/orders/client:{client_oid}", signed(lambda request: _told(self._named(request)))),
            web.get("/orders/{order_id}", signed(lambda request: _told(self._named(request)))),
            web.get("/fills", signed(self._fills)),
            web.delete("/orders/client:{client_oid}", signed(self._cancel)),
            web.delete("/orders/{order_id}", signed(self._cancel)),
            web.get("/", self.streams.serve),
        ]

    def headers(self, usage: Usage) -> Mapping[str, str]:
        return {}

    def refused(self, refusal: Refusal) -> web.Response:
        if refusal.kind == "banned":
            return shut_out(refusal)
        status, message = _ERRORS[refusal.kind]
        headers = retry_after(refusal.retry_after_s) if status == 429 else None
        return as_json({"message": message}, status=status, headers=headers)

    def welcome(self) -> Iterable[str]:
        return ()

    def heard(self, text: str, topics: set[str]) -> Iterable[str]:
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if not isinstance(said, dict) or said.get("type") not in ("subscribe", "unsubscribe"):
            return [_complaint("Failed to subscribe", "a message is of type subscribe or unsubscribe")]
        wanted = list(_wanted(said))
        unknown = [channel for channel, _ in wanted if channel not in _CHANNELS]
        if unknown:
            return [_complaint("Failed to subscribe", f"{unknown[0]} is not a valid channel")]
        named = {f"{channel}:{product}" for channel, products in wanted for product in products}
        if said["type"] == "unsubscribe":
            topics -= named
            return [_subscriptions(topics)]
        topics |= named
        return [_subscriptions(topics), *self._last_matches(named)]

    def told(self, news: News) -> Iterable[tuple[str, str]]:
        for trade in news.trades:
            self._last[dashed(trade.symbol)] = trade
            yield f"matches:{dashed(trade.symbol)}", _match("match", trade)
        for quote in news.quotes:
            product = dashed(quote.symbol)
            last = self._last.get(product)
            ticker: dict[str, Any] = {
                "type": "ticker",
                "sequence": _sequence(last),
                "product_id": product,
                "price": price_text(quote.symbol, last.price if last else quote.mid),
                "best_bid": price_text(quote.symbol, quote.bid),
                "best_bid_size": "1",
                "best_ask": price_text(quote.symbol, quote.ask),
                "best_ask_size": "1",
                "time": stamp(quote.event_time_ns),
            }
            if last:
                ticker |= {"side": last.side, "trade_id": last.sequence, "last_size": amount_text(last.quantity)}
            yield f"ticker:{product}", wire_text(ticker)

    def _last_matches(self, named: set[str]) -> Iterable[str]:
        """The last trade of each product whose matches are wanted: it is older than the subscription."""
        for topic in sorted(named):
            channel, _, product = topic.partition(":")
            if channel == "matches" and product in self._last:
                yield _match("last_match", self._last[product])

    def _open(self, work: _Work) -> _Handler:
        """A route for everybody."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.answer(request, 1, lambda: work(request))

        return handle

    def _signed(self, work: _Work) -> _Handler:
        """A route for those who sign. Keys are not known here, so that there is a signature is all that is asked."""
        handle = self._open(work)

        async def checked(request: web.Request) -> web.StreamResponse:
            return _unsigned(request) or await handle(request)

        return checked

    def _time(self, _: web.Request) -> dict[str, Any]:
        now_ns = self.venue.now_ns()
        return {"iso": stamp(now_ns), "epoch": now_ns // 1_000_000 / 1000}

    def _currencies(self, _: web.Request) -> list[dict[str, Any]]:
        return [
            {
                "id": asset,
                "name": asset,
                "min_size": QUANTITY_STEP,
                "max_precision": QUANTITY_STEP,
                "status": "online",
                "message": "",
                "details": {"type": "crypto"},
                "supported_networks": [],
            }
            for asset in assets((*SYMBOLS, *self.venue.others))
        ]

    def _ticker(self, request: web.Request) -> dict[str, Any]:
        symbol = _symbol(request)
        quote = self.venue.quote(symbol)
        last = self._last.get(dashed(symbol))
        return {
            "trade_id": last.sequence if last else 0,
            "price": price_text(symbol, last.price if last else quote.mid),
            "size": amount_text(last.quantity if last else 0.0),
            "time": stamp(quote.event_time_ns),
            "bid": price_text(symbol, quote.bid),
            "ask": price_text(symbol, quote.ask),
        }

    def _book(self, request: web.Request) -> dict[str, Any]:
        symbol = _symbol(request)
        book = self.venue.book(symbol, 1 if request.query.get("level", "1") == "1" else _BOOK_DEPTH)

        def told(levels: tuple[tuple[float, float], ...]) -> list[list[str | int]]:
            return [[price_text(symbol, price), amount_text(quantity), 1] for price, quantity in levels]

        return {
            "bids": told(book.bids),
            "asks": told(book.asks),
            "sequence": _sequence(self._last.get(dashed(symbol))),
            "auction_mode": False,
            "auction": None,
            "time": stamp(book.event_time_ns),
        }

    def _candles(self, request: web.Request) -> list[list[int | float]]:
        """The newest first, as [start in s, low, high, open, close, volume]."""
        symbol = _symbol(request)
        if request.query.get("granularity") != "60":
            raise Refusal("bad_symbol")
        start_s, end_s = (_seconds(request.query.get(name)) for name in ("start", "end"))
        now_s = self.venue.now_ns() // 1_000_000_000
        limit = _MOST_CANDLES if start_s is None else min(_MOST_CANDLES, max(1, (now_s - start_s) // 60 + 1))
        return [
            [start, candle.low, candle.high, candle.open, candle.close, candle.volume]
            for candle in reversed(self.venue.candles(symbol, limit))
            if (start_s or 0) <= (start := candle.start_ns // 1_000_000_000) <= (end_s or now_s)
        ]

    async def _place(self, request: web.Request) -> web.StreamResponse:
        if refused := _unsigned(request):
            return refused
        asked = await request.json()
        if not _UUID.fullmatch(asked["client_oid"]):
            return as_json({"message": "client_oid is not a UUID"}, status=400)

        def work() -> dict[str, Any]:
            price = float(asked["price"]) if asked.get("type", "limit") == "limit" else None
            symbol = slashed(asked["product_id"])
            placed = self.venue.place(symbol, asked["side"], float(asked["size"]), asked["client_oid"], price)
            return _pending(placed)

        return await self.answer(request, 1, work)

    def _named(self, request: web.Request) -> Placed:
        """The order that a path names."""
        if (client_id := request.match_info.get("client_oid")) is not None:
            return self.venue.order(client_id=client_id)
        return self.venue.order(id=request.match_info["order_id"])

    def _fills(self, request: web.Request) -> list[dict[str, Any]]:
        placed = self.venue.order(id=request.query.get("order_id", ""))
        return [_filled(placed, fill) for fill in placed.fills]

    def _cancel(self, request: web.Request) -> str:
        placed = self._named(request)
        if not placed.is_working:
            # In fact it says "Order already done"; to a client that is the same: it cannot be cancelled any more.
            raise Refusal("order_not_found")
        return self.venue.cancel(id=placed.id).id


@lru_cache(maxsize=8)
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def stamp(time_ns: int) -> str:
    """A time in UTC, to the microsecond."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{_to_the_second(seconds)}.{rest_ns // 1000:06d}Z"


def _seconds(time: str | None) -> int | None:
    """A time of a query, as text or as seconds, in seconds since 1970."""
    if time is None:
        return None
    return int(time) if time.isdigit() else int(datetime.fromisoformat(time).timestamp())


def _unsigned(request: web.Request) -> web.Response | None:
    missing = [name for name in _SIGNED if not request.headers.get(name)]
    return as_json({"message": f"{missing[0]} header is required"}, status=401) if missing else None


def _symbol(request: web.Request) -> str:
    return slashed(request.match_info["product"])


def _product(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("/")
    return {
        "id": dashed(symbol),
        "base_currency": base,
        "quote_currency": quote,
        "quote_increment": price_step(symbol),
        "base_increment": QUANTITY_STEP,
        "display_name": dashed(symbol),
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.02000000",
        "auction_mode": False,
    }


def _pending(placed: Placed) -> dict[str, Any]:
    """An order as it is answered at once: its fills are not told yet."""
    order: dict[str, Any] = {
        "id": placed.id,
        "client_oid": placed.client_id,
        "product_id": dashed(placed.symbol),
        "side": placed.side,
        "type": placed.kind,
        "size": amount_text(placed.quantity),
        "time_in_force": "GTC",
        "post_only": False,
        "created_at": stamp(placed.created_ns),
        "fill_fees": "0",
        "filled_size": "0",
        "executed_value": "0",
        "market_type": "spot",
        "status": "pending",
        "settled": False,
    }
    if placed.limit_price is not None:
        order["price"] = price_text(placed.symbol, placed.limit_price)
    return order


def _told(placed: Placed) -> dict[str, Any]:
    order = _pending(placed) | {
        "fill_fees": f"{placed.fee_usd:f}",
        "filled_size": amount_text(placed.filled_quantity),
        "executed_value": amount_text(placed.value_usd),
        "status": "open",
    }
    if (reason := _DONE.get(placed.status)) is not None:
        done = {"status": "done", "done_reason": reason, "done_at": stamp(placed.updated_ns), "settled": True}
        order |= done
    return order


def _filled(placed: Placed, fill: Fill) -> dict[str, Any]:
    return {
        "trade_id": fill.id,
        "order_id": placed.id,
        "product_id": dashed(placed.symbol),
        "side": placed.side,
        "liquidity": "T",
        "price": price_text(placed.symbol, fill.price),
        "size": amount_text(fill.quantity),
        "fee": f"{fill.fee_usd:f}",
        "created_at": stamp(fill.venue_time_ns or placed.updated_ns),
        "settled": True,
    }


def _sequence(last: PublicTrade | None) -> int:
    return _CHANGES_PER_TRADE * last.sequence if last else 0


def _match(type_: str, trade: PublicTrade) -> str:
    return wire_text(
        {
            "type": type_,
            "trade_id": trade.sequence,
            "sequence": _sequence(trade),
            "product_id": dashed(trade.symbol),
            "side": trade.side,
            "price": price_text(trade.symbol, trade.price),
            "size": amount_text(trade.quantity),
            "time": stamp(trade.event_time_ns),
        }
    )


def _wanted(said: dict[str, Any]) -> Iterable[tuple[str, list[str]]]:
    """Channels and their products: a channel is a name, or an object with products of its own."""
    common = said.get("product_ids", [])
    for channel in said.get("channels", []):
        if isinstance(channel, dict):
            yield str(channel.get("name")), channel.get("product_ids", common)
        else:
            yield str(channel), common


def _subscriptions(topics: set[str]) -> str:
    products: dict[str, list[str]] = {}
    for topic in sorted(topics):
        channel, _, product = topic.partition(":")
        products.setdefault(channel, []).append(product)
    channels = [{"name": name, "product_ids": ids, "account_ids": None} for name, ids in products.items()]
    return wire_text({"type": "subscriptions", "channels": channels})


def _complaint(message: str, reason: str) -> str:
    return wire_text({"type": "error", "message": message, "reason": reason})
