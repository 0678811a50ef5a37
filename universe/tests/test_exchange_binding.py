"""The SDK's binding of ccxt and of WebSocket clients, against the venues' servers: clients as they are installed."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import observatory_sdk as obs
from observatory_sdk.exchanges import aiohttp as aiohttp_binding
from observatory_sdk.exchanges import ccxt as ccxt_binding
from observatory_sdk.exchanges import messages
from observatory_sdk.exchanges import websockets as websockets_binding
from observatory_sdk.exchanges.streams import REGISTRY
from observatory_sdk.facts.feeds import CLAIMED
from observatory_sdk.facts.readings import BOARD
from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import VENUES
from observatory_universe.outside.exchanges import ExchangeServer, exchange_server
from observatory_universe.outside.market import Market
from observatory_universe.outside.venue import Venue
from observatory_universe.sockets.exchange import CcxtExchange
from observatory_universe.sockets.venues import CLIENTS
from observatory_universe.trade import Order

FEEDS = {"binance", "kraken", "kucoin", "coinbase"}


@dataclass
class Told:
    """What the process reported."""

    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter
    reader: InMemoryMetricReader
    points: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def named(self, name: str) -> list[Mapping[str, Any]]:
        return [span.attributes or {} for span in self.of(name)]

    def of(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.name == name]

    def states(self) -> list[tuple[Any, Any, Any]]:
        found = [log.log_record for log in self.logs.get_finished_logs()]
        each = [record.attributes or {} for record in found if record.event_name == "order.state.changed"]
        return [(one.get("order.state.from"), one["order.state.to"], one["order.state.source"]) for one in each]

    def metric(self, name: str, channel: str, symbol: str = "BTC/USDT") -> Any:
        """The newest value of a series; of a histogram the number of its values."""
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        labels = point.attributes or {}
                        key = (
                            metric.name,
                            str(labels.get("market_data.channel")),
                            str(labels.get("market_data.symbol")),
                        )
                        self.points[key] = point.count if hasattr(point, "bucket_counts") else point.value
        return self.points.get((name, channel, symbol))


@pytest.fixture
def told() -> Iterator[Told]:
    BOARD.clear()
    REGISTRY.clear()
    CLAIMED.clear()
    found = Told(InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader())
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider([found.reader]))
    providers.tracer.add_span_processor(SimpleSpanProcessor(found.spans))
    providers.logger.add_log_record_processor(SimpleLogRecordProcessor(found.logs))
    telemetry = obs.configure(service_name="test", providers=providers, set_globals=False)
    importlib.import_module("ccxt.pro")
    undo = [ccxt_binding.switch_on(), websockets_binding.switch_on(), aiohttp_binding.switch_on()]
    yield found
    for each in undo:
        assert each is not None
        each()
    REGISTRY.clear()
    BOARD.clear()
    telemetry.shutdown()


@asynccontextmanager
async def venue(name: str) -> AsyncIterator[tuple[ExchangeServer, Faults, Venue]]:
    clock, chance = Clock(), Chance(7)
    faults = Faults(clock.now_ns)
    found = Venue(name, Market(clock, chance, faults, 1e9), clock, chance, faults, Ids(clock))
    async with exchange_server(found) as server:
        host = server.url.removeprefix("http://")
        messages.know(host, "coinbaseexchange" if name == "coinbase" else name)
        try:
            yield server, faults, found
        finally:
            messages.forget(host)


@asynccontextmanager
async def client(name: str, server: ExchangeServer, package: str = "ccxt.async_support") -> AsyncIterator[Any]:
    """ccxt as its documentation says, with the addresses of the server."""
    kind = getattr(importlib.import_module(package), CLIENTS[name].ccxt_id)
    made = kind({"enableRateLimit": False, "timeout": 60_000, **CLIENTS[name].config(server.url)})
    try:
        yield made
    finally:
        await made.close()


async def until(check: Callable[[], bool], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.05)


async def placed(exchange: Any, *arguments: Any, **params: Any) -> Any:
    """A venue rejects one order of five hundred for no reason that anybody sees."""
    ccxt = importlib.import_module("ccxt")
    for _ in range(3):
        try:
            return await exchange.create_order(*arguments, params={"clientOrderId": str(uuid4()), **params})
        except ccxt.InvalidOrder:
            continue
    raise AssertionError("three orders were rejected one after the other")


@pytest.mark.parametrize("name", sorted(VENUES))
async def test_a_call_is_one_span_with_its_unified_name(told: Told, name: str) -> None:
    async with venue(name) as (server, _, _), client(name, server) as exchange:
        await exchange.load_markets()
        ticker = await exchange.fetch_ticker("BTC/USDT")
    assert ticker["bid"] > 0
    (call,) = told.named("exchange fetch_ticker")
    assert call["exchange.id"] == name
    assert call["exchange.operation"] == "fetch_ticker"
    assert call["http.request.method"] == "GET"
    assert call["http.response.status_code"] == 200
    assert call["server.address"] == "127.0.0.1"
    assert {span.name for span in told.spans.get_finished_spans()} == {"exchange load_markets", "exchange fetch_ticker"}


@pytest.mark.parametrize(("name", "limit"), [("binance", 6_000), ("kucoin", 8_000)])
async def test_the_limit_is_what_the_venue_says_itself(told: Told, name: str, limit: int) -> None:
    async with venue(name) as (server, _, found), client(name, server) as exchange:
        await exchange.load_markets()
        await exchange.fetch_ticker("BTC/USDT")
        used = found.usage().used
    (call,) = told.named("exchange fetch_ticker")
    assert call["exchange.rate_limit.used"] == used
    assert call["exchange.rate_limit.limit"] == limit
    assert call["exchange.rate_limit.headroom_ratio"] == pytest.approx(1 - used / limit)
    assert "exchange.rate_limit.retry_after_s" not in call


async def test_a_ban_says_how_long(told: Told) -> None:
    ccxt = importlib.import_module("ccxt")
    async with venue("binance") as (server, faults, found), client("binance", server) as exchange:
        await exchange.load_markets()
        faults.begin("exchange_rate_limit_ban", found.name, None)
        with pytest.raises(ccxt.DDoSProtection):
            await exchange.fetch_ticker("BTC/USDT")
    (call,) = told.named("exchange fetch_ticker")
    assert call["http.response.status_code"] == 418
    assert call["error.type"] == "DDoSProtection"
    assert call["observatory.outcome.reason"] == "ddos_protection"
    assert call["exchange.rate_limit.retry_after_s"] > 0


@pytest.mark.parametrize("name", sorted(VENUES))
async def test_an_order_is_told_of_once_with_its_states(told: Told, name: str) -> None:
    async with venue(name) as (server, _, _), client(name, server) as exchange:
        order = await placed(exchange, "BTC/USDT", "limit", "buy", 0.01, 1_000.0)
        await exchange.fetch_order(order["id"], "BTC/USDT")
        await exchange.cancel_order(order["id"], "BTC/USDT")
        await exchange.fetch_order(order["id"], "BTC/USDT")
    fact = told.named("order.execute")[-1]
    assert fact["exchange.id"] == name
    assert (fact["order.symbol"], fact["order.side"], fact["order.type"]) == ("BTC/USDT", "buy", "limit")
    assert (fact["order.quantity"], fact["order.status"], fact["order.mode"]) == (0.01, "open", "live")
    assert fact["order.client_id"]
    states = [(after, source) for before, after, source in told.states() if after != "rejected"]
    assert states[0] in [("open", "ack"), ("acknowledged", "ack")]
    assert states[-1][0] == "cancelled"
    assert len(states) == 2


async def test_fills_and_fees_are_exact(told: Told) -> None:
    async with venue("binance") as (server, _, _), client("binance", server) as exchange:
        order = await placed(exchange, "ETH/USDT", "market", "buy", 8.0)
    span = told.of("order.execute")[-1]
    fact = span.attributes or {}
    fills = [event.attributes or {} for event in span.events if event.name == "order.fill"]
    assert fact["order.status"] == "filled"
    assert fact["order.filled_quantity"] == order["filled"] == 8.0
    assert fact["order.average_price"] == pytest.approx(order["average"])
    assert len(fills) == len(order["trades"]) > 1
    assert str(fact["order.fee_usd"]) == str(
        sum(int(float(fill["order.fill.fee_usd"]) * 1e6 + 0.5) for fill in fills) / 1e6
    )
    assert ("submitted", "filled", "ack") in told.states()


async def test_an_order_that_is_not_answered_is_unknown_and_keeps_its_id(told: Told) -> None:
    ccxt = importlib.import_module("ccxt")
    async with venue("binance") as (server, faults, found), client("binance", server) as exchange:
        await exchange.load_markets()
        faults.begin("order_unknown_state", found.name, None)
        with suppress(ccxt.NetworkError):
            for _ in range(40):
                await exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 1_000.0)
    span = told.of("order.execute")[-1]
    fact = span.attributes or {}
    assert fact["order.status"] == "unknown"
    # ccxt made this id itself and could give it to nobody: it was read from the request.
    assert str(fact["order.client_id"]).startswith("x-")
    assert told.states()[-1] == ("submitted", "unknown", "ack")
    record = told.logs.get_finished_logs()[-1].log_record.attributes or {}
    assert record["order.state.value_at_risk_usd"] == "500.00"


async def test_a_rejected_order_says_why_and_a_denied_one_never_left(told: Told) -> None:
    ccxt = importlib.import_module("ccxt")
    async with venue("binance") as (server, _, _), client("binance", server) as exchange:
        id_ = str(uuid4())
        await placed(exchange, "BTC/USDT", "limit", "buy", 0.01, 1_000.0, clientOrderId=id_)
        with pytest.raises(ccxt.InvalidOrder):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 1_000.0, {"clientOrderId": id_})
        before = len(told.named("exchange create_order"))
        with pytest.raises(ccxt.BadSymbol):
            await exchange.create_order("NO/SUCH", "market", "buy", 1.0)
    rejected, denied = told.named("order.execute")[-2:]
    assert (rejected["order.status"], rejected["order.reject_reason"]) == ("rejected", "invalid_order")
    assert (denied["order.status"], denied["order.reject_reason"]) == ("denied", "bad_symbol")
    assert len(told.named("exchange create_order")) == before


async def test_an_order_that_the_host_tells_of_is_told_of_once(told: Told) -> None:
    async with venue("binance") as (server, _, _), client("binance", server) as exchange:
        with obs.facts.order(exchange_id="binance", symbol="BTC/USDT", side="buy", type="limit", mode="live") as order:
            await placed(exchange, "BTC/USDT", "limit", "buy", 0.01, 1_000.0)
            order.status = "open"
    assert len(told.named("order.execute")) == 1
    assert told.states()[-1] == ("submitted", "open", "ack")


@pytest.mark.parametrize("name", sorted(VENUES))
async def test_what_the_universe_tells_by_hand_is_not_told_again(told: Told, name: str) -> None:
    async with venue(name) as (server, _, _):
        exchange = CcxtExchange(name, server.url, Clock())
        await exchange.open()
        before = len(told.spans.get_finished_spans())
        with obs.facts.order(exchange_id=name, symbol="BTC/USDT", side="buy", type="limit", mode="live"):
            order = Order(
                id="order-1",
                client_id=str(uuid4()),
                user_id="user-1",
                symbol="BTC/USDT",
                side="buy",
                mode="live",
                strategy_id="strategy-1",
                signal_id="signal-1",
                decision_id=None,
                intended_quantity=0.01,
                decision_price=64_000.0,
                quantity=0.01,
            )
            await exchange.create_order(order, 1_000.0)
            await exchange.cancel_order("BTC/USDT", order.client_id)
        await exchange.close()
    spans = told.spans.get_finished_spans()[before:]
    assert [span.name for span in spans].count("order.execute") == 1
    assert told.states() == []
    # What it tells by hand says no headroom.
    calls = [span.attributes or {} for span in spans if span.name.startswith("exchange ")]
    assert len(calls) >= 3
    assert not any("exchange.rate_limit.headroom_ratio" in call for call in calls)


@pytest.mark.parametrize("name", sorted(FEEDS))
async def test_a_stream_of_websockets_is_a_feed(told: Told, name: str) -> None:
    async with venue(name) as (server, _, _):
        reader = CLIENTS[name].reader()
        heard: list[str | bytes] = []
        async with connect(await reader.open(server.url), compression=None) as socket:
            for text in reader.hello():
                await socket.send(text)
            async with asyncio.timeout(60):
                while (told.metric("market_data.messages", "trades") or 0) < 3:
                    heard.append(await socket.recv())
            trades = sum(
                1
                for text in heard
                for each in reader.read(text, 1)
                if each.symbol == "BTC/USDT" and hasattr(each, "price")
            )
            assert told.metric("market_data.messages", "trades") == trades
            assert told.metric("market_data.connection.up", "trades") == 1
            assert told.metric("market_data.lag", "trades") == trades
            assert told.metric("market_data.last_update.time", "trades") > 1_600_000_000
            assert told.metric("market_data.sequence_gaps", "trades") in (None, 0)
            await server.streams.drop()
            with suppress(ConnectionClosed):
                while True:
                    await socket.recv()
            assert told.metric("market_data.connection.up", "trades") == 0
        reader = CLIENTS[name].reader()
        async with connect(await reader.open(server.url), compression=None) as socket:
            assert told.metric("market_data.connection.up", "trades") == 1
            assert told.metric("market_data.reconnects", "trades") == 1


async def test_a_missing_trade_is_a_gap(told: Told) -> None:
    async with venue("binance") as (server, faults, found):
        reader = CLIENTS["binance"].reader()
        async with connect(await reader.open(server.url), compression=None) as socket:
            for text in reader.hello():
                await socket.send(text)
            async with asyncio.timeout(60):
                while (told.metric("market_data.messages", "trades") or 0) < 2:
                    await socket.recv()
                begun = faults.begin("feed_gap", found.name, None)
                await asyncio.sleep(1.5)
                faults.end(begun.id)
                while not told.metric("market_data.sequence_gaps", "trades"):
                    await socket.recv()
    assert told.metric("market_data.sequence_gaps", "trades") > 0


async def test_a_stream_of_aiohttp_is_a_feed_and_the_hosts_own_end_is_none(told: Told) -> None:
    async with venue("kraken") as (server, _, _), ClientSession() as session:
        reader = CLIENTS["kraken"].reader()
        async with session.ws_connect(await reader.open(server.url)) as socket:
            for text in reader.hello():
                await socket.send_str(text)
            async with asyncio.timeout(60):
                while (told.metric("market_data.messages", "trades") or 0) < 2:
                    await socket.receive()
            assert told.metric("market_data.connection.up", "trades") == 1
        told.points.clear()
        assert told.metric("market_data.connection.up", "trades") is None
        async with session.ws_connect(await reader.open(server.url)) as socket:
            for text in reader.hello():
                await socket.send_str(text)
            async with asyncio.timeout(60):
                while (told.metric("market_data.messages", "trades") or 0) < 1:
                    await socket.receive()
                await server.streams.drop()
                async for _ in socket:
                    pass
        assert told.metric("market_data.connection.up", "trades") == 0
        assert told.metric("market_data.reconnects", "trades") is None


async def test_a_stream_of_ccxt_pro_is_a_feed_once(told: Told) -> None:
    async with venue("binance") as (server, _, _), client("binance", server, "ccxt.pro") as exchange:
        # ccxt puts the number of the connection behind the address.
        address = server.url.replace("http", "ws") + "/stream?connection="
        exchange.urls["api"]["ws"] = dict.fromkeys(exchange.urls["api"]["ws"], address)
        async with asyncio.timeout(60):
            trades = await exchange.watch_trades("BTC/USDT")
            count = len(trades)
            while count < 3:
                count += len(await exchange.watch_trades("BTC/USDT"))
        assert trades[0]["price"] > 0
        messages_told = told.metric("market_data.messages", "trades")
        # Each message is one trade; counted by aiohttp's binding too, it would be two.
        assert count <= messages_told < 2 * count
        assert told.metric("market_data.connection.up", "trades") == 1


async def test_a_feed_that_the_host_tells_of_is_told_of_once(told: Told) -> None:
    feed = obs.facts.feed(exchange_id="binance", channel="mine", symbol="BTC/USDT")
    async with venue("binance") as (server, _, _):
        reader = CLIENTS["binance"].reader()
        async with connect(await reader.open(server.url), compression=None) as socket:
            for text in reader.hello():
                await socket.send(text)
            async with asyncio.timeout(60):
                while (told.metric("market_data.messages", "trades", "ETH/USDT") or 0) < 2:
                    await socket.recv()
                    feed.message()
    assert told.metric("market_data.messages", "trades") is None
    assert told.metric("market_data.messages", "mine") > 0
