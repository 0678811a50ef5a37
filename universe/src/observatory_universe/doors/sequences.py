"""Whether a stream left trades out: for both kinds of feed."""

from typing import Final

from observatory_universe.doors.feed import Gap, Trade

# A longer jump is a far end that began anew.
_LONGEST: Final = 100_000


class Sequences:
    """The last trade of each symbol of one stream."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def follow(self, trade: Trade) -> Gap | None:
        """What is missing between the trade before and this one."""
        last = self._last.get(trade.symbol)
        self._last[trade.symbol] = (trade.sequence, trade.event_time_ns)
        if last is None or not 1 < trade.sequence - last[0] < _LONGEST:
            return None
        return Gap(trade.symbol, last[0] + 1, trade.sequence - 1, last[1], trade.event_time_ns)
