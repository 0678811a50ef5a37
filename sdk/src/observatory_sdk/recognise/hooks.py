"""Methods of a client's classes replaced, and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_OURS = "_observatory_recognises"


def replace(owner: type, name: str, make: Callable[[Any], Any]) -> Callable[[], None] | None:
    """Put `make(method)` in place of a method; what comes back undoes that. None where that is done already.

    Where someone has replaced it since, ours stays below theirs.
    """
    before = vars(owner).get(name)
    if before is None or hasattr(before, _OURS):
        return None
    after = make(before)
    setattr(after, _OURS, True)
    setattr(owner, name, after)

    def undo() -> None:
        if vars(owner).get(name) is after:
            setattr(owner, name, before)

    return undo


def together(*undone: Callable[[], None] | None) -> Callable[[], None] | None:
    """All of these in one; None when there is none."""
    found = [undo for undo in undone if undo is not None]
    if not found:
        return None

    def undo() -> None:
        for step in reversed(found):
            step()

    return undo
