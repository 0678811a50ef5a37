"""One venue's core: orders, limits, the tape, and what goes wrong with them."""

import asyncio
from collections.abc import Sequence

import pytest

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import SYMBOLS
from observatory_universe.outside.market import USUAL_QUANTITY, Market
from observatory_universe.outside.refusal import NoAnswer, Refusal
from observatory_universe.outside.tape import PublicTrade
from observatory_universe.outside.venue import News, Venue

START_NS = 1_760_000_040_000_000_000


class HeldClock(Clock):
    """Stands still until somebody waits, and then it is later at once."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self.passed_s * 1e9))
        self.passed_s = 0.0

    async def sleep(self, seconds: float) -> None:
        self.passed_s += seconds
        await asyncio.sleep(0)


class Place:
    """One Binance in a quiet market."""

    def __init__(self, impulse_gap_s: float = 1e9) -> None:
        self.clock = HeldClock()
        self.faults = Faults(self.clock.now_ns)
        chance = Chance(7)
        self.market = Market(self.clock, chance, self.faults, impulse_gap_s)
        self.venue = Venue("binance", self.market, self.clock, chance, self.faults, Ids(self.clock))
        # A market begins when it is first looked at.
        self.market.next_impulse_in_s()

    def listen(self, seconds: float, step_s: float = 0.25) -> list[News]:
        heard = []
        for _ in range(round(seconds / step_s)):
            self.clock.passed_s += step_s
            heard.append(self.venue.news())
        return heard


@pytest.fixture
def place() -> Place:
    return Place()


def trades_of(heard: Sequence[News], symbol: str) -> list[PublicTrade]:
    return [trade for news in heard for trade in news.trades if trade.symbol == symbol]


def missing(trades: Sequence[PublicTrade]) -> int:
    return trades[-1].sequence - trades[0].sequence + 1 - len(trades)


def test_a_small_market_order_fills_at_the_touch(place: Place) -> None:
    quote = place.venue.quote("BTC/USDT")
    placed = place.venue.place("BTC/USDT", "buy", 0.001, "client-1")
    assert placed.status == "filled"
    assert [fill.price for fill in placed.fills] == [pytest.approx(quote.ask)]
    assert float(placed.fee_usd) == pytest.approx(0.001 * quote.ask * place.venue.fee_ratio, abs=1e-6)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_large_market_order_walks_the_book_to_worse_and_worse_prices(place: Place, side: str) -> None:
    quote = place.venue.quote("ETH/USDT")
    placed = place.venue.place("ETH/USDT", "buy" if side == "buy" else "sell", 8.0, "client-1")
    prices = [fill.price for fill in placed.fills]
    assert 2 <= len(prices) <= 4
    assert prices == sorted(prices, reverse=side == "sell")
    assert placed.filled_quantity == 8.0
    assert placed.average_price > quote.ask if side == "buy" else placed.average_price < quote.bid


def test_in_a_thin_book_orders_fill_at_worse_prices_while_the_touch_stays(place: Place) -> None:
    before = place.venue.quote("BTC/USDT")
    place.faults.begin("slippage_regime", "binance", 100.0)
    assert place.venue.quote("BTC/USDT").ask == before.ask
    placed = place.venue.place("BTC/USDT", "buy", 0.05, "client-1")
    assert 60 < (placed.average_price / before.mid - 1) * 10_000 < 140


def test_a_limit_order_rests_is_filled_by_parts_and_is_cancelled(place: Place) -> None:
    quote = place.venue.quote("BTC/USDT")
    placed = place.venue.place("BTC/USDT", "buy", 0.5, "client-1", round(quote.bid * 0.99, 2))
    assert placed.status == "open"
    # Lifted to the touch it waits for its turn.
    placed.limit_price = quote.ask * 1.00001
    placed.limit_price = place.venue.quote("BTC/USDT").bid
    place.clock.passed_s += 2.0
    placed.limit_price = place.venue.quote("BTC/USDT").bid
    assert place.venue.order(client_id="client-1").status == "partially_filled"
    cancelled = place.venue.cancel(id=placed.id)
    assert cancelled.status == "cancelled"
    assert 0 < cancelled.filled_quantity < 0.5
    place.clock.passed_s += 600.0
    assert place.venue.order(client_id="client-1").filled_quantity == cancelled.filled_quantity


def test_a_limit_order_that_crosses_takes_what_is_no_worse(place: Place) -> None:
    quote = place.venue.quote("BTC/USDT")
    placed = place.venue.place("BTC/USDT", "sell", 0.01, "client-1", round(quote.bid * 0.999, 2))
    assert placed.status == "filled"
    assert all(fill.price >= placed.limit_price for fill in placed.fills if placed.limit_price)


def test_a_filled_order_stays_filled_when_it_is_cancelled(place: Place) -> None:
    place.venue.place("BTC/USDT", "buy", 0.001, "client-1")
    assert place.venue.cancel(client_id="client-1").status == "filled"


def test_a_client_id_is_good_for_one_order(place: Place) -> None:
    place.venue.place("BTC/USDT", "buy", 0.001, "client-1")
    with pytest.raises(Refusal, match="duplicate_client_id"):
        place.venue.place("BTC/USDT", "buy", 0.001, "client-1")


@pytest.mark.parametrize(
    ("symbol", "quantity", "kind"), [("BTC/USDT", 1e-6, "invalid_order"), ("A/B", 1, "bad_symbol")]
)
def test_what_cannot_be_traded_is_refused(place: Place, symbol: str, quantity: float, kind: str) -> None:
    with pytest.raises(Refusal, match=kind):
        place.venue.place(symbol, "buy", quantity, "client-1")


def test_hardly_any_order_is_rejected_and_a_fault_rejects_a_share(place: Place) -> None:
    def rejected(name: str) -> int:
        count = 0
        for number in range(400):
            try:
                place.venue.place("SOL/USDT", "buy", 0.1, f"{name}-{number}")
            except Refusal:
                count += 1
        return count

    assert rejected("calm") < 6
    place.faults.begin("exchange_rejects", "binance", 0.5)
    assert 140 < rejected("faulty") < 260


def test_an_order_without_an_answer_was_taken(place: Place) -> None:
    place.faults.begin("order_unknown_state", "binance", 1.0)
    with pytest.raises(NoAnswer):
        place.venue.place("BTC/USDT", "buy", 0.001, "client-1")
    assert place.venue.order(client_id="client-1").status == "filled"


async def test_too_many_calls_are_refused_then_banned_and_then_taken_again(place: Place) -> None:
    kinds = []
    for _ in range(60):
        try:
            await place.venue.admit(400)
        except Refusal as refusal:
            kinds.append((refusal.kind, refusal.retry_after_s))
    assert {kind for kind, _ in kinds} == {"rate_limited", "banned"}
    assert all(0 < after_s <= 60 for kind, after_s in kinds if kind == "rate_limited")
    assert kinds[-1][0] == "banned"
    place.clock.passed_s += 180.0
    usage = await place.venue.admit(400)
    assert (usage.used, usage.limit) == (400, 6_000)


async def test_a_ban_says_how_long_and_ends_with_its_fault(place: Place) -> None:
    fault = place.faults.begin("exchange_rate_limit_ban", "binance", 42.0)
    with pytest.raises(Refusal, match="banned") as refused:
        await place.venue.admit()
    assert refused.value.retry_after_s == 42.0
    place.faults.end(fault.id)
    await place.venue.admit()


async def test_a_slow_venue_takes_a_multiple_of_its_time(place: Place) -> None:
    async def mean_s() -> float:
        before_s = place.clock.passed_s
        for _ in range(50):
            await place.venue.admit()
        return (place.clock.passed_s - before_s) / 50

    usual_s = await mean_s()
    place.faults.begin("exchange_slow", "binance", 10.0)
    assert 0.03 < usual_s < 0.08
    assert await mean_s() == pytest.approx(10 * usual_s, rel=0.4)


def test_the_tape_counts_by_one_and_brings_the_usual_quantities(place: Place) -> None:
    place.clock.passed_s += 60.0
    heard = place.listen(60.0)
    for symbol in SYMBOLS:
        trades = trades_of(heard, symbol)
        assert 5 * 60 < len(trades) < 10 * 60
        assert missing(trades) == 0
        assert [trade.event_time_ns for trade in trades] == sorted(trade.event_time_ns for trade in trades)
        mean = sum(trade.quantity for trade in trades) / len(trades)
        assert mean == pytest.approx(USUAL_QUANTITY[symbol], rel=0.05)
    quotes = sum(len(news.quotes) for news in heard)
    assert quotes == pytest.approx(2 * 60 * len(SYMBOLS), rel=0.1)


def test_after_a_long_pause_the_tape_goes_on_with_its_newest_trades(place: Place) -> None:
    before = trades_of(place.listen(5.0), "BTC/USDT")
    place.clock.passed_s += 3_600.0
    after = list(trades_of([place.venue.news()], "BTC/USDT"))
    assert 1 <= len(after) <= 50
    assert after[0].sequence == before[-1].sequence + 1
    assert place.clock.now_ns() - after[0].event_time_ns < 2_000_000_000


def test_a_frozen_stream_says_nothing_and_misses_nothing(place: Place) -> None:
    before = trades_of(place.listen(5.0), "BTC/USDT")
    fault = place.faults.begin("feed_frozen", "binance")
    assert not any(news.trades or news.quotes for news in place.listen(5.0))
    place.faults.end(fault.id)
    assert missing(before + trades_of(place.listen(5.0), "BTC/USDT")) == 0


def test_a_stream_with_gaps_leaves_out_its_share(place: Place) -> None:
    place.faults.begin("feed_gap", "binance", 0.3)
    trades = trades_of(place.listen(60.0), "BTC/USDT")
    assert missing(trades) / (missing(trades) + len(trades)) == pytest.approx(0.3, abs=0.1)


def test_a_skewed_stream_is_ahead_of_the_clock(place: Place) -> None:
    place.faults.begin("feed_clock_skew", "binance", 5.0)
    news = place.listen(1.0)[-1]
    assert all(trade.event_time_ns > place.clock.now_ns() + 4_000_000_000 for trade in news.trades)
    assert news.skew_ns == 5_000_000_000


def test_bad_ticks_are_ten_times_too_high_or_too_low(place: Place) -> None:
    place.faults.begin("feed_bad_tick", "binance", 0.2)
    trades = trades_of(place.listen(60.0), "BTC/USDT")
    far = [trade.price / 64_200 for trade in trades if not 0.5 < trade.price / 64_200 < 2]
    assert len(far) / len(trades) == pytest.approx(0.2, abs=0.08)
    assert {round(ratio, 1) for ratio in far} <= {0.1, 9.9, 10.0, 10.1}


def test_another_venue_is_not_struck(place: Place) -> None:
    place.faults.begin("feed_frozen", "kraken")
    assert any(news.trades for news in place.listen(2.0))
