"""The outside world's prices: what a client may rely on."""

import math
import statistics
from collections.abc import Iterator
from itertools import pairwise

import pytest

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import SYMBOLS, VENUES, goes_on_ratio_of
from observatory_universe.outside.market import Market
from observatory_universe.outside.tape import PublicTrade
from observatory_universe.outside.venue import Venue
from observatory_universe.signals.generation import _confidence

START_NS = 1_760_000_000_000_000_000
NEVER_S = 1e9
IMPULSE_S = 12.0


class Time(Clock):
    """A clock that the test sets."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self.passed_s * 1e9))
        self.passed_s = 0.0


class Place:
    """One market with its venues."""

    def __init__(self, seed: int = 7, impulse_gap_s: float = 6.0) -> None:
        self.clock = Time()
        self.faults = Faults(self.clock.now_ns)
        chance, ids = Chance(seed), Ids(self.clock)
        self.market = Market(self.clock, chance, self.faults, impulse_gap_s)
        self.venues = {
            name: Venue(name, self.market, self.clock, chance, self.faults, ids) for name in ("binance", "kraken")
        }
        # A market begins when it is first looked at.
        self.market.next_impulse_in_s()

    def pass_s(self, seconds: float) -> None:
        self.clock.passed_s += seconds

    def mids(self, symbol: str, step_s: float, steps: int) -> Iterator[float]:
        for _ in range(steps):
            self.pass_s(step_s)
            yield self.market.mid("binance", symbol)


def returns(prices: list[float]) -> list[float]:
    return [math.log(after / before) for before, after in pairwise(prices)]


def impulses(trades: list[PublicTrade]) -> list[tuple[float, bool]]:
    """What a client of one venue's stream sees of each jump: its volume, and whether it went on for ten seconds."""
    usual = statistics.median_low(trade.quantity for trade in trades)
    found: list[tuple[float, bool]] = []
    last_ns = 0
    for position, trade in enumerate(trades):
        if position == 0 or trade.event_time_ns - last_ns < IMPULSE_S * 1e9 or trade.quantity < 1.8 * usual:
            continue
        last_ns = trade.event_time_ns
        before = trades[position - 1].price
        following = trades[position : position + 400]
        jump = [other for other in following[:6] if other.event_time_ns < last_ns + 800_000_000]
        later = [other.price for other in following if other.event_time_ns <= last_ns + 10_000_000_000]
        middle = statistics.fmean(other.price for other in jump)
        volume = statistics.fmean(other.quantity for other in jump) / usual
        found.append((volume, (later[-1] > middle) == (middle > before)))
    return found


def test_a_heavy_impulse_mostly_goes_on_and_the_trades_say_how_heavy_it_is() -> None:
    place = Place(impulse_gap_s=12.0)
    trades: list[PublicTrade] = []
    for _ in range(4_000):
        place.pass_s(0.5)
        trades += place.venues["binance"].news().trades
    seen = [hit for symbol in SYMBOLS for hit in impulses([trade for trade in trades if trade.symbol == symbol])]
    assert len(seen) > 300
    expected = statistics.fmean(goes_on_ratio_of(volume) for volume, _ in seen)
    assert statistics.fmean(goes_on for _, goes_on in seen) == pytest.approx(expected, abs=0.08)
    heavy = [goes_on for volume, goes_on in seen if goes_on_ratio_of(volume) > 0.8]
    light = [goes_on for volume, goes_on in seen if goes_on_ratio_of(volume) < 0.7]
    assert statistics.fmean(heavy) > statistics.fmean(light) + 0.08


def test_all_symbols_take_their_first_impulse_within_seconds() -> None:
    place = Place()
    assert place.market.next_impulse_in_s() == pytest.approx(1.0)
    place.pass_s(7.0)
    now_ns = place.clock.now_ns()
    assert all(place.market.volume_ratio(symbol, now_ns) > 1.0 for symbol in SYMBOLS)
    assert place.market.next_impulse_in_s() == 0.0


def test_the_market_says_how_long_it_will_be_quiet() -> None:
    place = Place(impulse_gap_s=600.0)
    while (quiet_s := place.market.next_impulse_in_s()) < 1.0 or place.clock.passed_s < 30.0:
        place.pass_s(5.0)
    place.pass_s(quiet_s - 0.5)
    now_ns = place.clock.now_ns()
    assert max(place.market.volume_ratio(symbol, now_ns) for symbol in SYMBOLS) < 1.05
    place.pass_s(0.6)
    now_ns = place.clock.now_ns()
    assert max(place.market.volume_ratio(symbol, now_ns) for symbol in SYMBOLS) > 1.8


@pytest.mark.parametrize("step_s", [0.5, 60.0])
def test_the_length_of_a_step_does_not_change_how_far_prices_wander(step_s: float) -> None:
    place = Place(impulse_gap_s=NEVER_S)
    place.pass_s(100.0)
    prices = list(place.mids("SOL/USDT", step_s, round(18_000 / step_s)))
    minutes = prices[:: round(60 / step_s)]
    # Within what regimes make of it: the symbol's own 0.8 bps and the anchor's 0.45 bps per root second.
    assert 4.5e-4 < statistics.pstdev(returns(minutes)) < 14e-4


def test_a_week_read_every_two_minutes_stays_reasonable_and_leaves_no_minute_out() -> None:
    place = Place(impulse_gap_s=3_600.0)
    prices = list(place.mids("BTC/USDT", 120.0, 7 * 720))
    assert 0.7 < min(prices) / SYMBOLS["BTC/USDT"][0] <= max(prices) / SYMBOLS["BTC/USDT"][0] < 1.4
    candles = place.venues["binance"].candles("BTC/USDT", 60)
    assert len({candle.start_ns for candle in candles}) == 60
    assert candles[-1].start_ns - candles[0].start_ns == 59 * 60_000_000_000


def test_symbols_move_together_and_venues_hardly_differ() -> None:
    place = Place(impulse_gap_s=NEVER_S)
    bitcoin, ether = [], []
    for _ in range(600):
        place.pass_s(60.0)
        bitcoin.append(place.market.mid("binance", "BTC/USDT"))
        ether.append(place.market.mid("kraken", "ETH/USDT"))
        spread = [place.market.mid(venue, "BTC/USDT") for venue in VENUES]
        assert max(spread) / min(spread) - 1 < 6e-4
    assert statistics.correlation(returns(bitcoin), returns(ether)) > 0.25


def test_the_market_is_calm_first_and_then_knows_other_regimes() -> None:
    place = Place(impulse_gap_s=NEVER_S)
    regimes = []
    for _ in range(3 * 1_440):
        regimes.append(place.market.regime)
        place.pass_s(60.0)
    assert set(regimes[:14]) == {"calm"}
    assert set(regimes) == {"calm", "trending", "volatile"}


def test_in_a_quiet_market_there_are_fewer_trades_and_hardly_an_impulse() -> None:
    usual, quiet = Place(impulse_gap_s=10.0), Place(impulse_gap_s=10.0)
    quiet.faults.begin("quiet_market", grade=0.1)
    numbers = []
    heavy = []
    for place in (usual, quiet):
        trades: list[PublicTrade] = []
        for _ in range(600):
            place.pass_s(0.5)
            trades += place.venues["kraken"].news().trades
        numbers.append(len(trades))
        heavy.append(sum(trade.quantity > 3 * 0.0047 for trade in trades if trade.symbol == "BTC/USDT"))
    assert numbers[1] < 0.2 * numbers[0]
    assert heavy[1] < 0.2 * heavy[0]


def test_candles_hold_what_was_quoted_and_the_past_ends_where_the_present_begins() -> None:
    place = Place()
    venue = place.venues["binance"]
    start = place.market.mid("binance", "ETH/USDT")
    past = venue.candles("ETH/USDT", 500)
    assert len(past) == 500
    assert past[-1].close == pytest.approx(start, rel=2e-4)
    quoted = list(place.mids("ETH/USDT", 3.0, 100))
    candles = venue.candles("ETH/USDT", 600)
    for before, after in pairwise(candles):
        assert after.start_ns - before.start_ns == 60_000_000_000
        assert after.open == pytest.approx(before.close, rel=1e-5)
        assert after.low <= min(after.open, after.close) <= max(after.open, after.close) <= after.high
        assert after.volume > 0
    assert max(candle.high for candle in candles[-7:]) >= max(quoted) * (1 - 2e-4)


def test_the_same_seed_gives_the_same_prices_and_another_one_others() -> None:
    def lived(seed: int) -> list[float]:
        return list(Place(seed).mids("XRP/USDT", 0.7, 200))

    assert lived(7) == lived(7)
    assert lived(7) != lived(8)


def test_the_signal_engine_has_its_own_opinion_of_what_volume_says() -> None:
    opinions = [_confidence(volume) for volume in (0.5, 2.0, 3.0, 4.0, 5.0, 6.5, 50.0)]
    assert opinions[0] == opinions[1] == 0.5
    assert opinions[1:] == sorted(opinions[1:])
    assert opinions[-1] <= 0.95
    # What it knows of the market is right in its direction and wrong in its size, as opinions are.
    assert _confidence(6.5) < goes_on_ratio_of(6.5) - 0.05
