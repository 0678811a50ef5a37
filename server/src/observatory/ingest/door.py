"""Where every body comes in, whatever the transport: limits, duplicates, commit, receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from observatory.clock import Clock
from observatory.errors import (
    AccessError,
    BodyError,
    BodyTooLarge,
    Forbidden,
    MalformedBody,
    Overloaded,
    Unauthenticated,
    UnsupportedBody,
)
from observatory.ingest.budget import Budget, Lease
from observatory.ingest.commit import Committer
from observatory.ingest.intents import Body, digest_of
from observatory.otlp import frames
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch

_REASONS: Mapping[type[Exception], str] = {
    MalformedBody: "malformed",
    BodyTooLarge: "too_large",
    UnsupportedBody: "unsupported",
    Overloaded: "overloaded",
    Unauthenticated: "unauthenticated",
    Forbidden: "forbidden",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a body.

    Attributes:
        rejected: spans, points or records not stored.
        reason: why, in words; empty when all is stored.
    """

    rejected: int = 0
    reason: str = ""


class Door:
    """Takes bodies in and answers when they are on disk.

    Args:
        committers: one per signal.
        budget: bound on bytes held.
        patience_s: how long a sender is kept waiting before it is told to come again, in seconds.
    """

    def __init__(
        self,
        committers: Mapping[Signal, Committer],
        budget: Budget,
        clock: Clock,
        selfwatch: Selfwatch,
        patience_s: float = 25.0,
    ) -> None:
        self.budget = budget
        self._committers = committers
        self._clock = clock
        self._selfwatch = selfwatch
        self._patience_s = patience_s

    async def offer(self, signal: Signal, data: bytes, lease: Lease, transport: str) -> Receipt:
        """Take one unpacked protobuf body, whose bytes `lease` holds, and return when its rows are on disk.

        Raises:
            MalformedBody: if it is no request of the signal.
            Overloaded: if there is no room, or the commit takes too long; send it again.
        """
        began_s = self._clock.monotonic()
        frames.walk(data)
        if not data:
            return Receipt()
        done, new = self._committers[signal].offer(Body(digest_of(signal, data), data))
        if new:
            lease.keep()
            done.add_done_callback(lambda _: lease.release())
        try:
            rejected = await asyncio.wait_for(asyncio.shield(done), self._patience_s)
        except TimeoutError:
            raise Overloaded("the commit takes long; the body is kept", retry_after_s=5) from None
        self._acknowledge(signal, data, transport, new, began_s)
        return Receipt(rejected, _why(signal, rejected))

    def refuse(self, signal: Signal, error: AccessError | BodyError | Overloaded) -> None:
        """Count a body that was refused, whatever stage refused it."""
        self._selfwatch.refusals.labels(signal=signal.value, reason=_REASONS[type(error)]).inc()

    def _acknowledge(self, signal: Signal, data: bytes, transport: str, new: bool, began_s: float) -> None:
        self._selfwatch.bodies.labels(signal=signal.value, transport=transport).inc()
        self._selfwatch.acknowledge_s.labels(signal=signal.value).observe(self._clock.monotonic() - began_s)
        if new:
            self._selfwatch.body_bytes.labels(signal=signal.value).inc(len(data))
        else:
            self._selfwatch.duplicates.labels(signal=signal.value).inc()


def _why(signal: Signal, rejected: int) -> str:
    if not rejected:
        return ""
    return f"{rejected} {signal.items} rejected: their time is too far in the past or in the future"
