"""Group commit: bodies that wait together are stored together, and acknowledged when they are on disk.

When idle a body is committed at once; under load the batch grows while the one before it is being inserted.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from observatory.clock import Clock
from observatory.errors import BodyError, MalformedBody, Overloaded, StoreError
from observatory.ingest.aside import Aside
from observatory.ingest.intents import Body, Intents
from observatory.ingest.known import KnownBodies
from observatory.otlp import count
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import Batch, Limits, Writer

_log = logging.getLogger(__name__)
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How bodies are grouped.

    Attributes:
        linger_s: how long the first body of a batch waits for company.
        batch_bytes: a batch is not made larger than this, unless one body alone is.
    """

    linger_s: float = 0.0
    batch_bytes: int = 32 << 20


@dataclass(slots=True, eq=False)
class _Waiting:
    body: Body
    since_s: float
    done: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Committer:
    """Commits the bodies of one signal, one batch at a time, on a thread of its own.

    Args:
        signal: what the bodies hold.
        writer: a connection that no other committer uses.
        intents, known: what survives a kill.
        limits: by which rejected items are told apart.
    """

    def __init__(
        self,
        signal: Signal,
        writer: Writer,
        intents: Intents,
        known: KnownBodies,
        limits: Limits,
        pace: Pace,
        clock: Clock,
        selfwatch: Selfwatch,
    ) -> None:
        self._signal = signal
        self._writer = writer
        self._intents = intents
        self._known = known
        self._limits = limits
        self._pace = pace
        self._clock = clock
        self._selfwatch = selfwatch
        self._aside = Aside()
        self._queue: deque[_Waiting] = deque()
        self._pending: dict[bytes, _Waiting] = {}
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"commit-{signal}")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name=f"commit {self._signal}")

    async def stop(self) -> None:
        """Commit what is queued, then end."""
        while self._queue or self._pending:
            await asyncio.sleep(0.01)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()

    def offer(self, body: Body) -> tuple[asyncio.Future[int], bool]:
        """Queue a body. Returns the future of its count of rejected items, and whether it is new.

        An identical body that is known or on its way is not queued again.
        """
        rejected = self._known.rejected(body.digest, self._clock.now_ns())
        if rejected is not None:
            done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            done.set_result(rejected)
            return done, False
        if body.digest in self._pending:
            return self._pending[body.digest].done, False
        waiting = _Waiting(body, self._clock.monotonic())
        self._pending[body.digest] = waiting
        self._queue.append(waiting)
        self._arrived.set()
        return waiting.done, True

    def replay(self, batch: Batch, bodies: Sequence[Body]) -> None:
        """Insert an intent that an earlier process left open. Called before `start`, off the event loop.

        Raises:
            StoreError: if the store refuses it again and again; it is put aside, because its senders will send its
                bodies again in other batches.
        """
        self._store_with_patience(batch, bodies)
        self._selfwatch.replays.labels(signal=self._signal.value).inc()

    def hold(self, batch: Batch, bodies: Sequence[Body]) -> None:
        """Remember a batch that an earlier process put aside. Called before `start`."""
        self._aside.hold(batch, bodies)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self._linger()
            group = self._take()
            await self._commit(group)
            if not self._queue:
                self._arrived.clear()

    async def _linger(self) -> None:
        waited_s = self._clock.monotonic() - self._queue[0].since_s
        if waited_s < self._pace.linger_s:
            await self._clock.sleep(self._pace.linger_s - waited_s)

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and (not group or size + len(self._queue[0].body.data) <= self._pace.batch_bytes):
            group.append(self._queue.popleft())
            size += len(group[-1].body.data)
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        began_s = self._clock.monotonic()
        bodies = [waiting.body for waiting in group]
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._persist, bodies)
        except Exception:
            # A fault of ours must not leave senders waiting, nor end the loop for all who come after.
            _log.exception("a commit of %s broke", self._signal)
            outcomes = [Overloaded("the commit broke", retry_after_s=5)] * len(bodies)
        self._selfwatch.commit_s.labels(signal=self._signal.value).observe(self._clock.monotonic() - began_s)
        self._selfwatch.commits.labels(signal=self._signal.value).inc()
        for waiting, outcome in zip(group, outcomes, strict=True):
            self._settle(waiting, outcome)

    def _settle(self, waiting: _Waiting, outcome: int | Exception) -> None:
        del self._pending[waiting.body.digest]
        if isinstance(outcome, int):
            waiting.done.set_result(outcome)
            return
        waiting.done.set_exception(outcome)
        # Every sender may have hung up: then nobody fetches the error, and that is no fault.
        waiting.done.exception()

    def _persist(self, bodies: Sequence[Body]) -> list[int | Exception]:
        """Store the bodies, and say for each how much was rejected or why all of it was refused."""
        settled: dict[bytes, int | Exception] = {}
        for batch in self._aside.holding(bodies):
            settled |= self._try_again(batch)
        fresh = [body for body in bodies if body.digest not in settled]
        if fresh:
            settled |= zip((body.digest for body in fresh), self._persist_new(fresh), strict=True)
        return [settled[body.digest] for body in bodies]

    def _try_again(self, batch: Batch) -> dict[bytes, int | Exception]:
        bodies = self._intents.read(batch)
        try:
            outcomes = self._store(batch, bodies) if bodies else []
        except StoreError as error:
            _log.error("a batch of %s that was put aside is refused again: %s", self._signal, error)
            return {body.digest: Overloaded("the store refuses this batch", retry_after_s=30) for body in bodies}
        self._aside.release(batch)
        return dict(zip((body.digest for body in bodies), outcomes, strict=True))

    def _persist_new(self, bodies: Sequence[Body]) -> list[int | Exception]:
        try:
            batch = self._intents.open(self._signal, uuid.uuid4().hex, self._clock.now_ns(), bodies)
            return self._store_with_patience(batch, bodies)
        except StoreError as error:
            _log.error("a batch of %s was refused again and again: %s", self._signal, error)
            return [Overloaded("the store refuses this batch", retry_after_s=30)] * len(bodies)
        except OSError as error:
            _log.error("no intent could be written: %s", error)
            return [Overloaded(f"the disk refuses: {error.strerror}", retry_after_s=5)] * len(bodies)

    def _store_with_patience(self, batch: Batch, bodies: Sequence[Body]) -> list[int | Exception]:
        # Part of the batch may be in: only the same batch under the same id completes it, so it is tried again.
        for pause_s in _BACKOFF_S:
            try:
                return self._store(batch, bodies)
            except StoreError as error:
                self._selfwatch.commit_failures.labels(signal=self._signal.value).inc()
                _log.warning("a batch of %s failed, again in %s s: %s", self._signal, pause_s, error)
                self._clock.pause(pause_s)
        try:
            return self._store(batch, bodies)
        except StoreError:
            batch = self._intents.quarantine(batch)
            self._aside.hold(batch, bodies)
            _log.error("put aside: %s", batch.path)
            raise

    def _store(self, batch: Batch, bodies: Sequence[Body]) -> list[int | Exception]:
        try:
            stored = self._writer.insert(batch)
        except MalformedBody as error:
            self._intents.close(batch)
            return self._bisect(batch, bodies, error)
        rejected = self._rejected(batch, bodies) if stored.rejected else [0] * len(bodies)
        self._remember(batch, bodies, rejected)
        self._selfwatch.rows.labels(signal=self._signal.value).inc(stored.items - stored.rejected)
        return list(rejected)

    def _remember(self, batch: Batch, bodies: Sequence[Body], rejected: Sequence[int]) -> None:
        # The rows are stored: whatever fails from here on, the senders must not be told to send them again.
        try:
            self._known.add(zip((body.digest for body in bodies), rejected, strict=True), self._clock.now_ns())
            self._intents.close(batch)
        except OSError as error:
            # The open intent is inserted again at the next start, which stores nothing twice and remembers the bodies.
            _log.error("committed bodies of %s are not remembered on disk: %s", self._signal, error)

    def _bisect(self, batch: Batch, bodies: Sequence[Body], error: BodyError) -> list[int | Exception]:
        """Find the bodies that do not parse. The parse fails before any row is written, so new batches are safe."""
        if len(bodies) == 1:
            return [error]
        middle = len(bodies) // 2
        outcomes: list[int | Exception] = []
        for half in (bodies[:middle], bodies[middle:]):
            part = self._intents.open(self._signal, uuid.uuid4().hex, batch.arrival_ns, half)
            outcomes += self._store_with_patience(part, half)
        return outcomes

    def _rejected(self, batch: Batch, bodies: Sequence[Body]) -> list[int]:
        # The views counted for the whole batch; only a batch with rejections is decoded to tell whose they are.
        since_ns = batch.arrival_ns - self._limits.oldest_s * 1_000_000_000
        until_ns = batch.arrival_ns + self._limits.ahead_s * 1_000_000_000
        found = [self._absurd(body, since_ns, until_ns) for body in bodies]
        self._selfwatch.rejections.labels(signal=self._signal.value, reason="time").inc(sum(found))
        return found

    def _absurd(self, body: Body, since_ns: int, until_ns: int) -> int:
        try:
            return count.absurd(self._signal, body.data, since_ns, until_ns)
        except MalformedBody as error:
            # The store has read it and its rows are in: a count that is too low beats storing them twice.
            _log.warning("the store read a body of %s that the counter cannot: %s", self._signal, error)
            return 0
