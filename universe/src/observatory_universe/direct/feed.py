"""The venues' public streams in the process."""

import asyncio
from typing import Final

from observatory_universe.clock import Clock
from observatory_universe.doors.feed import LOOK_EVERY_S, Gap, Reading, Trade
from observatory_universe.doors.sequences import Sequences
from observatory_universe.outside.venue import Venue

# A move is looked at closely for so long, and then, while positions that follow it are open, at longer intervals.
_FRESH_S: Final = 3.0
_LATER_S: Final = 3.0
_AFTERMATH_S: Final = 40.0


class DirectFeed:
    """One venue's stream, which is always connected. There must be one only for each venue.

    Args:
        rest_s: how long at most nobody looks while the market is quiet; 0: it is always looked at.
    """

    def __init__(self, venue: Venue, clock: Clock, rest_s: float = 0.0) -> None:
        self.venue = venue.name
        self._venue = venue
        self._clock = clock
        self._sequences = Sequences()
        self._rest_s = rest_s
        self._moved_at_s: float | None = None

    async def stream(self) -> None:
        """There is nothing to keep: waits until it is cancelled."""
        await asyncio.get_running_loop().create_future()

    def next_look_s(self) -> float:
        """Closely while something has just moved, then now and then, and rarely once all is quiet."""
        if not self._rest_s:
            return LOOK_EVERY_S
        now_s, quiet_s = self._clock.now_s(), self._venue.next_impulse_in_s()
        if quiet_s > 0:
            if self._moved_at_s is not None and now_s - self._moved_at_s > _AFTERMATH_S:
                self._moved_at_s = None
            return min(self._rest_s if self._moved_at_s is None else _LATER_S, quiet_s + LOOK_EVERY_S / 2)
        if self._moved_at_s is None:
            self._moved_at_s = now_s
        return LOOK_EVERY_S if now_s - self._moved_at_s < _FRESH_S else _LATER_S

    def take(self) -> Reading:
        news = self._venue.news()
        late_ns = round(self._venue.stream_delay_s() * 1e9) - news.skew_ns
        trades, gaps = [], list[Gap]()
        for told in news.trades:
            event_ns = told.event_time_ns
            trade = Trade(told.symbol, told.price, told.quantity, told.sequence, event_ns, event_ns + late_ns)
            gap = self._sequences.follow(trade)
            if gap is not None:
                gaps.append(gap)
            trades.append(trade)
        return Reading(True, tuple(trades), news.quotes, tuple(gaps), 0)
