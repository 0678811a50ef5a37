"""Our own frames taken out of the tracebacks of exceptions that pass us, without running code of the host's.

An exception may refuse to be written on, as a frozen dataclass does: `error.__traceback__ = ...`, and `contextlib` with
it, would raise an error of its own in place of the host's. Python's own way does not ask the class.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

_READ: Any = BaseException.__dict__["__traceback__"].__get__
_WRITE: Any = BaseException.__dict__["__traceback__"].__set__


def hide(error: BaseException) -> None:
    """Take the frame that asks out of a traceback, where it is the first."""
    found: TracebackType | None = _READ(error)
    if found is not None and found.tb_frame is sys._getframe(1):
        _WRITE(error, found.tb_next)
