"""The doors to the venues: through ccxt and WebSockets against real servers, and without sockets. Both do the same."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Literal

import aiohttp
import pytest
import pytest_asyncio
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.direct.exchange import DirectExchange
from observatory_universe.direct.feed import DirectFeed
from observatory_universe.doors.exchange import (
    Exchange,
    ExchangeError,
    OrderNotFoundError,
    OrderRejectedError,
    RateLimitedError,
    UnknownOrderStateError,
    VenueUnavailableError,
)
from observatory_universe.doors.feed import Feed, Gap, Reading, Trade
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import SYMBOLS, VENUES
from observatory_universe.outside.exchanges import ExchangeServer, exchange_server
from observatory_universe.outside.market import Market
from observatory_universe.outside.venue import Venue
from observatory_universe.sockets.exchange import CcxtExchange
from observatory_universe.sockets.feed import StreamFeed
from observatory_universe.trade import Order, Side

Kind = Literal["sockets", "direct"]
START_NS = 1_760_000_000_000_000_000
FACTOR = 20
MINUTE_NS = 60_000_000_000
PLACES = [(venue, kind) for venue in VENUES for kind in ("sockets", "direct")]
# Coinbase's client id has to be a UUID; the others take it too.
NUMBERS = count(1)

pytestmark = pytest.mark.asyncio(loop_scope="module")


class FastClock(Clock):
    """Runs twenty times as fast as the machine's."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self.now_s() * 1e9))

    def now_s(self) -> float:
        return super().now_s() * FACTOR

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / FACTOR)


class HeldClock(Clock):
    """Stands still until somebody waits, and then it is later at once."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self._passed_s * 1e9))
        self._passed_s = 0.0

    def now_s(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        self._passed_s += seconds
        await asyncio.sleep(0)


@dataclass
class Place:
    """One venue and both doors to it."""

    kind: Kind
    clock: Clock
    faults: Faults
    venue: Venue
    exchange: Exchange
    feed: Feed
    server: ExchangeServer | None

    @contextmanager
    def fault(self, kind: str, grade: float | None = None) -> Iterator[None]:
        begun = self.faults.begin(kind, self.venue.name, grade)
        try:
            yield
        finally:
            self.faults.end(begun.id)

    async def listen(self, seconds: float) -> Reading:
        """What the stream brought in these seconds; what came before is left out."""
        self.feed.take()
        readings = []
        for _ in range(round(seconds / 0.5)):
            await self.clock.sleep(0.5)
            readings.append(self.feed.take())
        return Reading(
            connected=readings[-1].connected,
            trades=tuple(trade for reading in readings for trade in reading.trades),
            quotes=tuple(quote for reading in readings for quote in reading.quotes),
            gaps=tuple(gap for reading in readings for gap in reading.gaps),
            reconnects=sum(reading.reconnects for reading in readings),
        )

    async def until_connected(self) -> None:
        while not (reading := self.feed.take()).connected or not (reading.trades or self.kind == "direct"):
            await self.clock.sleep(0.2)


@asynccontextmanager
async def opened(name: str, kind: Kind) -> AsyncIterator[Place]:
    clock, chance = FastClock() if kind == "sockets" else HeldClock(), Chance(7)
    faults = Faults(clock.now_ns)
    venue = Venue(name, Market(clock, chance, faults, 1e9), clock, chance, faults, Ids(clock))
    async with AsyncExitStack() as stack:
        server = None
        exchange: Exchange = DirectExchange(venue, clock)
        feed: Feed = DirectFeed(venue, clock)
        if kind == "sockets":
            server = await stack.enter_async_context(exchange_server(venue))
            exchange, feed = CcxtExchange(name, server.url, clock), StreamFeed(name, server.url, clock)
            stack.push_async_callback(exchange.close)
        streaming = asyncio.create_task(feed.stream())
        stack.callback(streaming.cancel)
        yield Place(kind, clock, faults, venue, exchange, feed, server)
        streaming.cancel()
        await asyncio.wait([streaming])


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLACES, ids=lambda place: "-".join(place))
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with opened(*request.param) as found:
        yield found


def ordered(
    symbol: str = "BTC/USDT", quantity: float = 0.01, side: Side = "buy", client_id: str | None = None
) -> Order:
    number = next(NUMBERS)
    return Order(
        id=f"order-{number}",
        client_id=client_id or f"00000000-0000-4000-8000-{number:012d}",
        user_id="user-1",
        symbol=symbol,
        side=side,
        mode="live",
        strategy_id="strategy-momentum",
        signal_id="signal-1",
        decision_id=None,
        intended_quantity=quantity,
        decision_price=64_000.0,
        quantity=quantity,
    )


async def kept_trying(place: Place, order: Order, limit_price: float | None = None) -> object:
    """A venue rejects one order of five hundred for no reason that anybody sees."""
    for _ in range(3):
        try:
            return await place.exchange.create_order(order, limit_price)
        except OrderRejectedError:
            continue
    raise AssertionError("three orders were rejected one after the other")


async def test_a_venue_lists_what_is_traded_and_more(place: Place) -> None:
    await place.exchange.status()
    listing = await place.exchange.load_markets()
    assert set(listing.symbols) == set(SYMBOLS)
    assert listing.others == len(place.venue.others)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "ADA/USDT"])
async def test_prices_are_the_venues(place: Place, symbol: str) -> None:
    quote = await place.exchange.ticker(symbol)
    assert (quote.symbol, quote.venue) == (symbol, place.venue.name)
    assert quote.mid == pytest.approx(place.venue.quote(symbol).mid, rel=5e-3)
    assert quote.bid < quote.ask
    assert abs(place.clock.now_ns() - quote.event_time_ns) < 5_000_000_000
    book = await place.exchange.book(symbol)
    assert len(book.bids) == len(book.asks) == 20
    assert [price for price, _ in book.bids] == sorted((price for price, _ in book.bids), reverse=True)
    assert [price for price, _ in book.asks] == sorted(price for price, _ in book.asks)
    assert book.bids[0][0] < book.asks[0][0]
    assert all(quantity > 0 for _, quantity in (*book.bids, *book.asks))


async def test_candles_are_minutes_up_to_this_one(place: Place) -> None:
    candles = await place.exchange.candles("ETH/USDT", 30)
    known = {candle.start_ns: candle for candle in place.venue.candles("ETH/USDT", 32)}
    assert len(candles) == 30
    assert place.clock.now_ns() - candles[-1].start_ns < 2 * MINUTE_NS
    starts = [candle.start_ns for candle in candles]
    assert starts == list(range(starts[0], starts[0] + 30 * MINUTE_NS, MINUTE_NS))
    assert all(candle == known[candle.start_ns] for candle in candles[:-2])


@pytest.mark.parametrize(("side", "quantity"), [("buy", 8.0), ("sell", 0.5)])
async def test_a_market_order_is_filled_and_its_fills_add_up(place: Place, side: Side, quantity: float) -> None:
    order = ordered("ETH/USDT", quantity, side)
    before = place.venue.quote("ETH/USDT").mid
    await kept_trying(place, order)
    ticket = await place.exchange.fetch_order("ETH/USDT", order.client_id)
    assert (ticket.client_id, ticket.status) == (order.client_id, "filled")
    assert sum(fill.quantity for fill in ticket.fills) == pytest.approx(quantity, abs=1e-7)
    assert len({fill.id for fill in ticket.fills}) == len(ticket.fills) >= (2 if quantity > 1 else 1)
    for fill in ticket.fills:
        assert fill.price == pytest.approx(before, rel=3e-3)
        assert float(fill.fee_usd) == pytest.approx(fill.price * fill.quantity * place.venue.fee_ratio, abs=2e-6)
        assert fill.venue_time_ns == pytest.approx(place.clock.now_ns(), abs=30_000_000_000)


async def test_the_answer_to_a_new_order_has_its_fills(place: Place) -> None:
    order = ordered()
    ticket = await kept_trying(place, order)
    assert ticket == await place.exchange.fetch_order("BTC/USDT", order.client_id)


async def test_a_limit_order_rests_and_is_cancelled(place: Place) -> None:
    order = ordered(quantity=0.02)
    await kept_trying(place, order, limit_price=round(place.venue.quote("BTC/USDT").bid * 0.98, 2))
    assert (await place.exchange.fetch_order("BTC/USDT", order.client_id)).status == "open"
    ticket = await place.exchange.cancel_order("BTC/USDT", order.client_id)
    assert (ticket.status, ticket.fills) == ("cancelled", ())


async def test_a_limit_order_that_crosses_is_filled_no_worse(place: Place) -> None:
    order = ordered(quantity=0.002)
    limit = round(place.venue.quote("BTC/USDT").ask * 1.002, 2)
    await kept_trying(place, order, limit_price=limit)
    ticket = await place.exchange.cancel_order("BTC/USDT", order.client_id)
    assert ticket.status == "filled"
    assert all(fill.price <= limit for fill in ticket.fills)


async def test_what_the_venue_does_not_know_is_not_found(place: Place) -> None:
    unknown = ordered().client_id
    with pytest.raises(OrderNotFoundError):
        await place.exchange.fetch_order("BTC/USDT", unknown)
    with pytest.raises(OrderNotFoundError):
        await place.exchange.cancel_order("BTC/USDT", unknown)
    with pytest.raises(ExchangeError, match="bad_symbol"):
        await place.exchange.ticker("FOO/USDT")


async def test_rejections_say_why(place: Place) -> None:
    order = ordered()
    await kept_trying(place, order)
    with pytest.raises(OrderRejectedError, match="duplicate_client_id"):
        await place.exchange.create_order(ordered(client_id=order.client_id))
    with pytest.raises(OrderRejectedError, match="invalid_order"):
        await place.exchange.create_order(ordered(quantity=1e-6))
    reasons = set()
    with place.fault("exchange_rejects", 1.0):
        for _ in range(12):
            with pytest.raises(OrderRejectedError) as rejected:
                await place.exchange.create_order(ordered())
            reasons.add(str(rejected.value))
    assert reasons == {"insufficient_funds"}


async def test_an_order_without_an_answer_is_found_later(place: Place) -> None:
    reasons = set()
    with place.fault("order_unknown_state", 1.0):
        for _ in range(10):
            order = ordered()
            try:
                await place.exchange.create_order(order)
            except UnknownOrderStateError as unknown:
                reasons.add(str(unknown))
                ticket = await place.exchange.fetch_order("BTC/USDT", order.client_id)
                assert ticket.status == "filled"
                assert sum(fill.quantity for fill in ticket.fills) == pytest.approx(0.01, abs=1e-7)
            except OrderRejectedError:
                continue
    assert reasons == {"no_answer", "timeout"}


async def test_a_ban_says_how_long(place: Place) -> None:
    await place.exchange.status()
    with place.fault("exchange_rate_limit_ban", 60.0):
        for call in (place.exchange.ticker("BTC/USDT"), place.exchange.create_order(ordered())):
            with pytest.raises(RateLimitedError) as refused:
                await call
            assert refused.value.banned
            assert refused.value.retry_after_s == pytest.approx(60.0, abs=1.0)
    await place.exchange.ticker("BTC/USDT")


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("kind", ["sockets", "direct"])
async def test_too_many_calls_are_refused_and_not_at_once_banned(name: str, kind: Kind) -> None:
    async with opened(name, kind) as place:
        await place.exchange.status()
        # Shortly before the minute ends it would begin anew at once.
        into_s = place.clock.now_ns() % MINUTE_NS / 1e9
        await place.clock.sleep(0.0 if into_s < 30.0 else 60.5 - into_s)
        usage = place.venue.usage()
        await place.venue.admit(usage.limit - usage.used)
        with pytest.raises(RateLimitedError) as refused:
            await place.exchange.ticker("BTC/USDT")
        assert not refused.value.banned
        assert 0 < refused.value.retry_after_s <= 60


async def test_a_slow_venue_is_slow(place: Place) -> None:
    await place.exchange.status()
    with place.fault("exchange_slow", 30.0):
        before_s = place.clock.now_s()
        await place.exchange.ticker("BTC/USDT")
        assert place.clock.now_s() - before_s > 0.4


async def test_a_stream_brings_trades_and_quotes_of_all_symbols_without_gaps(place: Place) -> None:
    await place.until_connected()
    await place.listen(1.0)
    heard = await place.listen(6.0)
    assert heard.connected
    assert heard.gaps == ()
    assert {trade.symbol for trade in heard.trades} == {quote.symbol for quote in heard.quotes} == set(SYMBOLS)
    for symbol in SYMBOLS:
        trades = [trade for trade in heard.trades if trade.symbol == symbol]
        sequences = [trade.sequence for trade in trades]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        assert all(trade.price == pytest.approx(SYMBOLS[symbol][0], rel=0.01) for trade in trades)
    lags_s = sorted((trade.received_ns - trade.event_time_ns) / 1e9 for trade in heard.trades)
    assert -0.001 < lags_s[0] < 1.0


async def test_what_a_stream_leaves_out_is_a_gap(place: Place) -> None:
    await place.until_connected()
    with place.fault("feed_gap", 0.4):
        heard = await place.listen(5.0)
    assert heard.gaps
    missing = sum(gap.last_missing - gap.first_missing + 1 for gap in heard.gaps)
    assert missing / (missing + len(heard.trades)) == pytest.approx(0.4, abs=0.14)
    assert all(fits(gap, heard.trades) for gap in heard.gaps)


def fits(gap: Gap, trades: tuple[Trade, ...]) -> bool:
    near = {trade.sequence for trade in trades if trade.symbol == gap.symbol}
    return gap.from_ns <= gap.to_ns and not near & set(range(gap.first_missing, gap.last_missing + 1))


async def test_a_frozen_stream_stays_connected_and_brings_nothing(place: Place) -> None:
    await place.until_connected()
    # What an earlier fault left out shows with the next trade.
    await place.listen(1.5)
    with place.fault("feed_frozen"):
        await place.listen(1.0)
        heard = await place.listen(2.0)
        assert heard.connected
        assert (heard.trades, heard.quotes) == ((), ())
    heard = await place.listen(2.0)
    assert heard.trades
    assert heard.gaps == ()


async def test_a_skewed_stream_comes_from_the_future(place: Place) -> None:
    await place.until_connected()
    with place.fault("feed_clock_skew", 30.0):
        await place.listen(1.0)
        heard = await place.listen(1.5)
        assert max(trade.received_ns - trade.event_time_ns for trade in heard.trades) < -20_000_000_000


async def test_bad_ticks_are_far_from_the_market(place: Place) -> None:
    await place.until_connected()
    with place.fault("feed_bad_tick", 0.3):
        heard = await place.listen(5.0)
    far = [trade for trade in heard.trades if abs(trade.price / SYMBOLS[trade.symbol][0] - 1) > 0.5]
    assert len(far) / len(heard.trades) == pytest.approx(0.3, abs=0.14)


@pytest.mark.parametrize("name", VENUES)
async def test_a_broken_stream_is_made_anew_and_says_what_it_missed(name: str) -> None:
    async with opened(name, "sockets") as place:
        await place.until_connected()
        assert place.server is not None
        await place.server.streams.drop()
        reading = None
        trades, gaps, reconnects = 0, 0, 0
        while not (reconnects and trades and gaps):
            await place.clock.sleep(0.5)
            reading = place.feed.take()
            reconnects += reading.reconnects
            gaps += len(reading.gaps)
            trades += len(reading.trades)
        assert reading is not None
        assert reading.connected
        assert reconnects == 1


async def test_a_venue_that_is_away_is_unavailable_and_its_stream_not_connected() -> None:
    async with opened("kraken", "sockets") as place:
        assert place.server is not None
        url = place.server.url
    clock = FastClock()
    exchange, feed = CcxtExchange("kraken", url, clock), StreamFeed("kraken", url, clock)
    streaming = asyncio.create_task(feed.stream())
    with pytest.raises(VenueUnavailableError, match="unavailable"):
        await exchange.create_order(ordered())
    assert not feed.take().connected
    streaming.cancel()
    await asyncio.wait([streaming])
    await exchange.close()


@pytest.mark.parametrize("path", ["/api/v3/order", "/api/v3/myTrades"])
async def test_who_does_not_sign_is_refused(path: str) -> None:
    async with opened("binance", "sockets") as place, aiohttp.ClientSession() as session:
        assert place.server is not None
        async with session.get(place.server.url + path) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, -2014)
        async with session.get(place.server.url + path, headers={"X-MBX-APIKEY": "demo-key"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1102)


async def test_kraken_refuses_who_does_not_sign_in_its_own_way() -> None:
    async with opened("kraken", "sockets") as place, aiohttp.ClientSession() as session:
        assert place.server is not None
        async with session.post(place.server.url + "/0/private/AddOrder") as answer:
            assert (answer.status, await answer.json()) == (200, {"error": ["EAPI:Invalid key"]})


@contextmanager
def recorded() -> Iterator[InMemorySpanExporter]:
    spans = InMemorySpanExporter()
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider())
    providers.tracer.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = obs.configure(
        service_name="test", services=["trade_execution_service"], providers=providers, set_globals=False
    )
    try:
        yield spans
    finally:
        telemetry.shutdown()


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


@pytest.mark.parametrize("kind", ["sockets", "direct"])
async def test_each_call_is_one_fact_with_the_venues_own_numbers(kind: Kind) -> None:
    with recorded() as spans:
        async with opened("binance", kind) as place:
            await place.exchange.load_markets()
            await place.exchange.ticker("BTC/USDT")
            order = ordered()
            await kept_trying(place, order)
            with place.fault("exchange_rate_limit_ban", 60.0), pytest.raises(RateLimitedError):
                await place.exchange.candles("BTC/USDT")
    calls = [told(span) for span in spans.get_finished_spans()]
    assert [call["exchange.operation"] for call in calls] == [
        "load_markets",
        "fetch_ticker",
        "create_order",
        "fetch_ohlcv",
    ]
    good, bad = calls[:3], calls[3]
    for call in good:
        assert call["exchange.id"] == "binance"
        assert call["http.response.status_code"] == 200
        assert call["server.address"] == "api.binance.com"
        assert call["exchange.rate_limit.limit"] == 6_000
    assert good[2]["http.request.method"] == "POST"
    used = [call["exchange.rate_limit.used"] for call in good]
    assert used == [20, 22, 23]
    assert bad["http.response.status_code"] == 418
    assert bad["exchange.rate_limit.retry_after_s"] == pytest.approx(60, abs=1)
    assert (bad["observatory.outcome"], bad["observatory.outcome.reason"]) == ("failure", "banned")
