"""Browser sessions without a socket."""

import asyncio
import heapq
from collections import deque
from typing import Final

from observatory_universe.doors.message import Receipt
from observatory_universe.outside.browsers import BEAT_S, Browsers

_CONFIRM_S: Final = 1.0
_MOST_RECEIPTS: Final = 10_000
_MOST_BEATS: Final = 10


class DirectSessions:
    """Asks the browsers in the same process.

    Nothing runs between two calls: what would have happened meanwhile is caught up with at the next one.
    """

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers
        self._clock = browsers.clock
        self._back_s: dict[str, float] = {}
        self._beat_s: float | None = None
        self._receipts: deque[Receipt] = deque(maxlen=_MOST_RECEIPTS)
        self._looks: list[tuple[float, int, Receipt]] = []
        self._numbers = 0
        self._dropped = 0

    async def serve(self) -> None:
        """Until it is cancelled; there is nothing to do."""
        await asyncio.get_running_loop().create_future()

    async def listening(self) -> int:
        """Returns 0: there is no port."""
        return 0

    async def push(self, user_id: str, kind: str, reference: str) -> bool:
        """True when a session of the user confirmed the message within a second."""
        if not self._is_open(user_id):
            return False
        confirm_s = self._browsers.confirm_s()
        await self._clock.sleep(min(confirm_s, _CONFIRM_S))
        if confirm_s > _CONFIRM_S or not self._is_open(user_id):
            return False
        if reference:
            now_ns = self._clock.now_ns()
            self._receipts.append(Receipt("websocket", user_id, reference, "delivered", now_ns))
            self._look_later(user_id, reference, now_ns)
        return True

    def open_count(self) -> int:
        self._catch_up()
        return sum(user_id not in self._back_s for user_id in self._browsers.users())

    def dropped(self) -> int:
        """Sessions that broke off since the last call."""
        self._catch_up()
        dropped, self._dropped = self._dropped, 0
        return dropped

    def receipts(self) -> list[Receipt]:
        """What browsers reported since the last call, of messages with a reference."""
        now_s = self._clock.now_s()
        while self._looks and self._looks[0][0] <= now_s:
            self._receipts.append(heapq.heappop(self._looks)[2])
        receipts = list(self._receipts)
        self._receipts.clear()
        return receipts

    def _look_later(self, user_id: str, reference: str, now_ns: int) -> None:
        after_s = self._browsers.look_after_s()
        if after_s is None or len(self._looks) >= _MOST_RECEIPTS:
            return
        self._numbers += 1
        seen = Receipt("websocket", user_id, reference, "seen", now_ns + round(after_s * 1e9))
        heapq.heappush(self._looks, (self._clock.now_s() + after_s, self._numbers, seen))

    def _is_open(self, user_id: str) -> bool:
        self._catch_up()
        return self._browsers.has(user_id) and user_id not in self._back_s

    def _catch_up(self) -> None:
        """Lets the seconds happen that have passed: sessions come back, and while the fault lasts, others break off."""
        now_s = self._clock.now_s()
        if self._beat_s is None or not (self._back_s or self._browsers.is_breaking()):
            self._beat_s = now_s
            return
        # Of a long silence only the end matters.
        self._beat_s = max(self._beat_s, now_s - _MOST_BEATS * BEAT_S)
        while self._beat_s + BEAT_S <= now_s:
            self._beat_s += BEAT_S
            self._beat(self._beat_s)

    def _beat(self, at_s: float) -> None:
        self._back_s = {user_id: back_s for user_id, back_s in self._back_s.items() if back_s > at_s}
        if not self._browsers.is_breaking():
            return
        for user_id in self._browsers.users():
            if user_id not in self._back_s and self._browsers.breaks():
                self._back_s[user_id] = at_s + self._browsers.away_s()
                self._dropped += 1
