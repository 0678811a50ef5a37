"""Connections to venues' streams and what flows through them: told as the metrics of feeds, one set for each series.

A series is one channel and symbol of one venue. It outlives its connection: a venue that breaks off leaves it behind as
down, and the next connection to the same address takes it over. What the host itself closes is told of no more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import RLock
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet, finalize

from observatory_sdk import clock
from observatory_sdk.exchanges.messages import Tick, Venue
from observatory_sdk.facts import market_data
from observatory_sdk.facts.feeds import CLAIMED, Feed
from observatory_sdk.guard import LOSSES, Guard

MAX_SERIES = 1_000
MAX_ADDRESSES = 256
# Further ahead or behind is no gap and no repetition: the numbers began anew.
MAX_MISSING = 1_000_000
MAX_BEHIND = 10_000
GAP_EVERY_NS = 1_000_000_000
_GUARD = Guard("feeds")
Key = tuple[str, str, str]


class Numbers:
    """One row of numbers of which none may be missing."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int | None = None

    def missing(self, tick: Tick) -> int:
        """How many are missing before this message; 0 for one that came before."""
        last, found = self.last, tick.last
        if tick.restarts or found is None:
            self.last = found
            return 0
        if last is None or last - found > MAX_BEHIND:
            self.last = found
            return 0
        if found <= last:
            return 0
        self.last = found
        if tick.previous is not None:
            return int(tick.previous > last)
        missing = (found if tick.first is None else tick.first) - last - 1
        return missing if 0 < missing <= MAX_MISSING else 0


class Series(Feed):
    """One channel and symbol, and the connections that carry it."""

    def __init__(self, key: Key) -> None:
        super().__init__(exchange_id=key[0], channel=key[1], symbol=key[2])
        self.key = key
        self.holders = 0
        self.lost = False
        self._numbers = Numbers()
        self._newest_ns: int | None = None
        self._gap_told_ns = 0

    def _claim(self) -> None:
        """It gives way to a feed of the host's own."""

    def hold(self) -> None:
        """A connection carries it."""
        self.holders += 1
        if self.holders == 1:
            if self.lost:
                self.reconnected()
            self.lost = False
            self.connection(True)

    def release(self, lost: bool) -> None:
        """A connection carries it no more."""
        self.holders -= 1
        if self.holders == 0 and lost:
            self.lost = True
            self.connection(False)

    def hear(self, tick: Tick, received_ns: int) -> None:
        """A message."""
        self.message(event_unix_nano=tick.time_ns, received_unix_nano=received_ns)
        if tick.last is not None and not tick.of_connection:
            self.miss(self._numbers.missing(tick), tick.time_ns)
        elif tick.restarts:
            self._numbers.last = None
        if tick.time_ns is not None:
            self._newest_ns = tick.time_ns

    def miss(self, missing: int, time_ns: int | None) -> None:
        """So many messages are missing before one of this time."""
        if missing <= 0:
            return
        self.sequence_gap(missing)
        since_ns = self._newest_ns
        if time_ns is None or since_ns is None or abs(time_ns - self._gap_told_ns) < GAP_EVERY_NS:
            return
        self._gap_told_ns = time_ns
        exchange_id, channel, symbol = self.key
        market_data.feed_gap(
            exchange_id=exchange_id,
            channel=channel,
            symbol=symbol,
            start_unix_nano=min(since_ns, time_ns),
            end_unix_nano=time_ns,
        )

    def begin_anew(self, kept: bool) -> None:
        """Another connection: only numbers of trades go on."""
        if not kept:
            self._numbers.last = None


class Registry:
    """All series, and those that were left behind by address. Bounded."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._series: dict[Key, Series] = {}
        self._lost: OrderedDict[str, set[Series]] = OrderedDict()

    def series(self, key: Key) -> Series | None:
        """The series, made when new; None when there are too many."""
        with self._lock:
            found = self._series.get(key)
            if found is None:
                if len(self._series) >= MAX_SERIES:
                    LOSSES.count("too many feed series", key[0])
                    return None
                found = self._series[key] = Series(key)
            return found

    def leave(self, address: str, series: Iterable[Series]) -> None:
        """Keep what a broken connection carried for the next one to its address."""
        with self._lock:
            self._lost.setdefault(address, set()).update(series)
            self._lost.move_to_end(address)
            while len(self._lost) > MAX_ADDRESSES:
                _, forgotten = self._lost.popitem(last=False)
                self.drop(each for each in forgotten if each.holders == 0)

    def take(self, address: str) -> set[Series]:
        """What was left behind at an address."""
        with self._lock:
            left = self._lost.pop(address, ())
            return {each for each in left if each.holders == 0 and self._series.get(each.key) is each}

    def drop(self, series: Iterable[Series]) -> None:
        """Tell of these no more."""
        with self._lock:
            for each in series:
                if self._series.get(each.key) is each:
                    del self._series[each.key]
                each.close()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.drop(list(self._series.values()))
            self._lost.clear()


REGISTRY = Registry()
FOLLOWED_ABOVE: WeakSet[object] = WeakSet()
"""Connections of a library whose messages are told of by a higher one: ccxt.pro's, made by aiohttp."""


class Connection:
    """One connection, as long as it stands."""

    def __init__(self, venue: Venue | None, exchange_id: str, url: str) -> None:
        parts = urlsplit(url)
        self.exchange_id = exchange_id
        self._venue = venue
        # Behind the path stand tokens, which are new each time.
        self._address = f"{exchange_id} {parts.netloc}{parts.path}"
        self._series: dict[tuple[str, str], Series] = {}
        self._numbers = Numbers()
        self._missing = 0
        self.open = True
        self.newest: object = None
        for each in REGISTRY.take(self._address):
            self._hold(each)

    def text(self, data: object) -> None:
        """A message as it came."""
        if self._venue is not None and isinstance(data, str | bytes):
            self.ticks(self._venue.read_text(data))

    def message(self, decoded: object) -> None:
        """A message that the library has taken apart."""
        if self._venue is not None:
            self.ticks(self._venue.read(decoded))

    def ticks(self, ticks: Iterable[Tick]) -> None:
        """What a message says."""
        received_ns = clock.now_ns()
        for tick in ticks:
            if tick.of_connection:
                self._missing += self._numbers.missing(tick)
            found = None if tick.channel is None else self._series_of(tick.channel, tick)
            if found is not None:
                found.hear(tick, received_ns)
                missing, self._missing = self._missing, 0
                found.miss(missing, tick.time_ns)

    def lost(self) -> None:
        """The venue, or what lies between, broke off."""
        if self.open:
            self.open = False
            for each in self._series.values():
                each.release(lost=True)
            REGISTRY.leave(self._address, self._series.values())
            self._series.clear()

    def closed(self) -> None:
        """The host itself ended it."""
        if self.open:
            self.open = False
            for each in self._series.values():
                each.release(lost=False)
            REGISTRY.drop([each for each in self._series.values() if each.holders == 0])
            self._series.clear()

    def _series_of(self, channel: str, tick: Tick) -> Series | None:
        if CLAIMED and (self.exchange_id, tick.symbol) in CLAIMED:
            self._give_way(channel, tick.symbol)
            return None
        found = self._series.get((channel, tick.symbol))
        if found is None and self.open:
            found = REGISTRY.series((self.exchange_id, channel, tick.symbol))
            if found is not None:
                found.begin_anew(tick.kept)
                self._hold(found)
        return found

    def _hold(self, series: Series) -> None:
        self._series[series.key[1:]] = series
        series.begin_anew(kept=True)
        series.hold()

    def _give_way(self, channel: str, symbol: str) -> None:
        found = self._series.pop((channel, symbol), None)
        if found is not None:
            found.release(lost=False)
            REGISTRY.drop([found])


class Connections:
    """The connections of one library, by its own objects, which are left as they are."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[object, Connection | None] = WeakKeyDictionary()
        self._ends: WeakKeyDictionary[object, finalize[..., object]] = WeakKeyDictionary()

    def of(self, key: object) -> Connection | None:
        """The connection of an object; None when it is none to a venue, or not known."""
        return self._known.get(key)

    def is_known(self, key: object) -> bool:
        """Whether an object has been looked at."""
        return key in self._known

    def opened(self, key: object, connection: Connection | None) -> Connection | None:
        """Remember whose connection it is."""
        self._known[key] = connection
        before = self._ends.pop(key, None)
        if before is not None:
            before.detach()
        if connection is not None:
            # An object that is dropped without a word stands for a connection that is gone.
            end = self._ends[key] = finalize(key, _gone, connection)
            end.atexit = False
        return connection

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


def _gone(connection: Connection) -> None:
    with _GUARD:
        connection.lost()
