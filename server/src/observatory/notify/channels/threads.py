"""Senders that wait, each on a thread of its own: how many at once is bounded, and none is started twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from observatory.model.notification import Outcome
from observatory.notify.channels.channel import Sent

MOST = 32
_MOST_FOUND = 100
_free = threading.BoundedSemaphore(MOST)


class Threads:
    """The threads of one channel: one at a time.

    A thread cannot be stopped. One that is late goes on, and may deliver after all: while it runs nothing else is
    begun, and who asks for the same message again is told what became of it.

    Args:
        timeout_s: how long one is waited for.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._late: tuple[str, Future[Sent]] | None = None
        self._found: dict[str, Sent] = {}

    async def run(self, key: str, work: Callable[[], Sent]) -> Sent:
        """What became of a message.

        Args:
            key: names the message.
            work: sends it; never raises.
        """
        until_s = asyncio.get_running_loop().time() + self._timeout_s
        if self._late is not None:
            late_key, late = self._late
            found = await _wait(late, until_s)
            if found is None:
                return Sent(Outcome.FAILED, "an earlier attempt has not ended yet")
            self._late = None
            self._found[late_key] = found
            if len(self._found) > _MOST_FOUND:
                del self._found[next(iter(self._found))]
        if key in self._found:
            return self._found.pop(key)
        if not _free.acquire(blocking=False):
            return Sent(Outcome.FAILED, f"{MOST} messages are on their way already")
        future = _started(work)
        self._late = (key, future)
        found = await _wait(future, until_s)
        if found is None:
            return Sent(Outcome.FAILED, f"not sent within {self._timeout_s:g} s")
        self._late = None
        return found


async def _wait(future: Future[Sent], until_s: float) -> Sent | None:
    waiting = asyncio.wrap_future(future)
    left_s = max(0.0, until_s - asyncio.get_running_loop().time())
    done, _ = await asyncio.wait([waiting], timeout=left_s)
    return waiting.result() if done else None


def _started(work: Callable[[], Sent]) -> Future[Sent]:
    future: Future[Sent] = Future()

    def run() -> None:
        try:
            found = work()
        except BaseException as error:
            found = Sent(Outcome.FAILED, type(error).__name__)
        finally:
            _free.release()
        future.set_result(found)

    # A daemon: a service that never answers must not hold up the end of the server.
    threading.Thread(target=run, name="apprise", daemon=True).start()
    return future
