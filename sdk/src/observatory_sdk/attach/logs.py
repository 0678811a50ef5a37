"""The host's `logging`, taken before the host's own levels and filters drop it; what the host prints stays the same.

A level method asks `isEnabledFor` first. When the answer is no, what the method was given is taken from its frame; the
answer stays no. When it is yes, a record comes to the logger's filters, and is taken before the host's own see it. Both
are left again before a handler works, whose errors `logging` prints with all that is on the stack.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from types import FrameType, FunctionType
from typing import Any

from opentelemetry.semconv.attributes import code_attributes as code

from observatory_sdk.attach.records import Said, Taker, text_of
from observatory_sdk.errors import ConfigurationError
from observatory_sdk.guard import Guard
from observatory_sdk.tracebacks import hide

LEVEL = "OBSERVATORY_LOG_LEVEL"
DEFAULT = "INFO"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_GUARD = Guard("logs")
# Frames of this file are left out where `logging` looks for its caller and where it prints a stack.
_SOURCE = logging.info.__code__.co_filename
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_METHODS = tuple(getattr(logging.Logger, name) for name in ("debug", "info", "warning", "error", "critical", "log"))
_CODES = frozenset(found.__code__ for found in (*_METHODS, logging.LoggerAdapter.log))
_ADAPTER_ASKS = logging.LoggerAdapter.isEnabledFor.__code__


def floor() -> int:
    """The level from which on logs are taken. Raises `ConfigurationError` for a word that is no level."""
    said = os.environ.get(LEVEL, DEFAULT).strip().upper()
    if said not in LEVELS:
        raise ConfigurationError(f"{LEVEL} is {said!r}: it takes {', '.join(LEVELS)}")
    return int(getattr(logging, said))


# One for `logging` and for structlog: what goes through both is taken once.
TAKER = Taker()


def switch_on() -> Callable[[], None]:
    """Take what is said from now on; gives back what ends it."""
    TAKER.begin(floor())
    owner: Any = logging.Logger
    ask = owner.isEnabledFor
    owner.isEnabledFor = _asked(ask)
    owner.filter = _as_of_logging(_filtered(owner.filter))

    def undo() -> None:
        owner.isEnabledFor = ask
        # It is inherited.
        del owner.filter

    return undo


def _asked(original: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def isEnabledFor(self: logging.Logger, level: Any) -> bool:  # noqa: N802 - as it is named there
        answer = original(self, level)
        if not answer and level >= TAKER.floor:
            try:
                asks: FrameType | None = sys._getframe(1)
                if asks is not None and asks.f_code is _ADAPTER_ASKS:
                    asks = asks.f_back
                if asks is not None and asks.f_code in _CODES and TAKER.wants(self.name, level):
                    _take_call(self, level, asks)
            except Exception as error:
                _GUARD.caught(error)
        return answer

    return isEnabledFor


def _filtered(original: Callable[[Any, logging.LogRecord], Any]) -> Callable[[Any, logging.LogRecord], Any]:
    guard, taker, take = _GUARD, TAKER, _take_record

    def filter(self: logging.Logger, record: logging.LogRecord) -> Any:
        try:
            if taker.wants(record.name, record.levelno):
                take(record)
        except Exception as error:
            guard.caught(error)
        try:
            return original(self, record)
        except BaseException as error:
            # The host's own tracebacks do not show this frame.
            hide(error)
            raise

    return filter


def _as_of_logging(made: Any) -> Any:
    """The same function, taken for one of `logging`'s own where that looks for its caller."""
    found = made.__code__.replace(co_filename=_SOURCE)
    return FunctionType(found, made.__globals__, made.__name__, made.__defaults__, made.__closure__)


def _take_record(record: logging.LogRecord) -> None:
    def said() -> Said:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        place = (record.pathname, record.funcName, record.lineno)
        error = None if not record.exc_info else record.exc_info[1]
        return Said(text(record.msg, record.args), {**fields, **_place(*place)}, error)

    TAKER.take(record.name, record.levelno, said)


def _take_call(logger: logging.Logger, level: int, frame: FrameType) -> None:
    def said() -> Said:
        given = frame.f_locals
        more, adapter = given.get("kwargs") or {}, given.get("self")
        fields = {**_extra(getattr(adapter, "extra", None)), **_extra(more.get("extra")), **_place(*_caller(frame))}
        return Said(text(given.get("msg"), given.get("args")), fields, error_of(more.get("exc_info")))

    TAKER.take(logger.name, level, said)


def text(message: Any, values: Any) -> str:
    """A message with its values put in, as `logging` does it; without them where they do not fit."""
    if values and isinstance(values, tuple) and len(values) == 1 and isinstance(values[0], Mapping) and values[0]:
        values = values[0]
    if not values:
        return text_of(message)
    try:
        return str(str(message) % values)
    except Exception:
        return text_of(message)


def error_of(given: Any) -> BaseException | None:
    """The error that `exc_info` stands for."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if len(given) > 1 and isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _extra(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _caller(frame: FrameType | None) -> tuple[str, str, int]:
    while frame is not None and frame.f_code.co_filename == _SOURCE:
        frame = frame.f_back
    return ("", "", 0) if frame is None else (frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno)


def _place(path: str, function: str | None, line: int) -> Mapping[str, Any]:
    return {code.CODE_FILE_PATH: path, code.CODE_FUNCTION_NAME: function or "", code.CODE_LINE_NUMBER: line}
