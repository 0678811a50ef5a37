"""Batches that the store refused again and again, and the bodies in them.

Part of such a batch may be stored. A body of it that comes again must not go into another batch, or that part would be
stored twice: the batch itself is tried again, under its own id, which completes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from observatory.ingest.intents import Body
from observatory.store import Batch


class Aside:
    """Which batch that was put aside holds which body."""

    def __init__(self) -> None:
        self._batches: dict[bytes, Batch] = {}

    def hold(self, batch: Batch, bodies: Iterable[Body]) -> None:
        """Remember that the bodies are in the batch."""
        self._batches |= {body.digest: batch for body in bodies}

    def holding(self, bodies: Sequence[Body]) -> list[Batch]:
        """The batches that hold any of the bodies, each once."""
        found = (self._batches.get(body.digest) for body in bodies)
        return list({batch.id: batch for batch in found if batch is not None}.values())

    def release(self, batch: Batch) -> None:
        """Forget the batch."""
        self._batches = {digest: held for digest, held in self._batches.items() if held.id != batch.id}
