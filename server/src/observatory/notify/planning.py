"""Folding and planning inside the transaction that keeps the changes of alerts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from observatory.model.alert import Phase, Transition
from observatory.model.incident import IncidentChange
from observatory.notify.plan import plan
from observatory.state import Rows

Fold = Callable[[Rows, Sequence[Transition]], Awaitable[Sequence[IncidentChange]]]


class Planning:
    """A step of the keeper: alerts become incidents, and both become messages in the outbox.

    Args:
        fold: folds alerts into incidents and keeps what becomes of them.
    """

    def __init__(self, fold: Fold) -> None:
        self._fold = fold

    async def __call__(self, rows: Rows, transitions: Sequence[Transition]) -> None:
        """Write the messages down.

        Raises:
            StateError: the control store failed; nothing is kept then.
        """
        changes = await self._fold(rows, transitions)
        ended = [each.alert.id for each in transitions if each.alert.phase is Phase.RESOLVED]
        beginnings = await rows.outbox.beginnings(ended)
        await rows.outbox.add(plan(transitions, changes, beginnings))
