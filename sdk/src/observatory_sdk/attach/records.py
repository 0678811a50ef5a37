"""What the host's code says in its log, as log records of OpenTelemetry: bounded, and never about our own sending."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import local
from typing import Any

from opentelemetry._logs import Logger, LogRecord, NoOpLogger, SeverityNumber
from opentelemetry.semconv.attributes import exception_attributes as exceptions

from observatory_sdk import clock, frame, pipeline, redaction
from observatory_sdk.attach import providing
from observatory_sdk.conventions import common
from observatory_sdk.facts import leaf
from observatory_sdk.guard import LOSSES, Guard

# What a process may say; beyond it records are counted and left out.
MAX_PER_S = 1_000
MAX_LENGTH = 16_384
MAX_FIELDS = 64
MAX_LOGGERS = 1_000
OURS = ("opentelemetry", "observatory_sdk")
_SERVICE = common.SERVICE.name
_GUARD = Guard("logs")
_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
    (logging.DEBUG, SeverityNumber.DEBUG),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said."""

    text: str
    fields: Mapping[str, Any]
    error: BaseException | None


class Taker:
    """Takes what is said at `floor` or above, a level as of `logging`."""

    def __init__(self, floor: int = logging.INFO) -> None:
        self.floor = floor
        self._here = local()
        self._loggers: dict[str, Logger] = {}
        self._of: object = None
        self._second = 0
        self._taken = 0

    def begin(self, floor: int) -> None:
        """Take what is said at this level or above, with room for as much as at first."""
        self.floor = floor
        self._taken = 0

    def wants(self, name: str, level: int) -> bool:
        """Whether something said by this logger at this level would be taken here and now."""
        return (
            level >= self.floor
            and not name.startswith(OURS)
            and not getattr(self._here, "busy", False)
            and pipeline._live is not None
            and not leaf.is_ours_to_hide()
        )

    def take(self, name: str, level: int, told: Callable[[], Said]) -> None:
        """Send what was said; `told` is asked only when there is room."""
        # What is said while this is taken, by our own code or by a field's own, is not taken: it could go on for ever.
        before = self.hush(True)
        try:
            if self._has_room():
                self._emit(name, level, told())
            else:
                LOSSES.count("log records over the rate")
        except Exception as error:
            _GUARD.caught(error)
        finally:
            self.hush(before)

    def hush(self, on: bool) -> bool:
        """Take nothing that this thread says, or take it again; gives back how it was."""
        before = getattr(self._here, "busy", False)
        self._here.busy = on
        return before

    def _emit(self, name: str, level: int, said: Said) -> None:
        now = clock.now_ns()
        self._logger(name).emit(
            LogRecord(
                timestamp=now,
                observed_timestamp=now,
                severity_number=severity(level),
                severity_text=logging.getLevelName(level),
                body=said.text[:MAX_LENGTH],
                attributes={**self._stamp(), **_bounded(said.fields), **_of_error(said.error)},
            )
        )

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= MAX_PER_S

    def _stamp(self) -> Mapping[str, str]:
        service = frame.current().service or providing.process()
        return {} if service is None else {_SERVICE: service}

    def _logger(self, name: str) -> Logger:
        live = pipeline._live
        found = None if live is None else live.providers
        if found is None:
            return NoOpLogger(name)
        if found is not self._of or len(self._loggers) >= MAX_LOGGERS:
            self._of, self._loggers = found, {}
        logger = self._loggers.get(name)
        if logger is None:
            logger = self._loggers[name] = found.logger.get_logger(name)
        return logger


def severity(level: int) -> SeverityNumber:
    """The severity of a level as of `logging`."""
    return next((found for least, found in _SEVERITIES if level >= least), SeverityNumber.TRACE)


def _bounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {text_of(name): _plain(value) for name, value in list(fields.items())[:MAX_FIELDS]}


def _plain(value: Any) -> Any:
    """Values of the host's own classes by their text, which may say anything: their secrets go with all others."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value[:MAX_LENGTH]
    if isinstance(value, Mapping):
        # By name, while there are names: in a text a secret without a shape would not be found.
        value = redaction.redact_all({text_of(key): _plain(each) for key, each in list(value.items())[:MAX_FIELDS]})
    return text_of(value)[:MAX_LENGTH]


def text_of(value: Any) -> str:
    """A value's text; its type's name where it has none."""
    try:
        return str(value)
    except Exception:
        return type(value).__name__


def _of_error(error: BaseException | None) -> dict[str, str]:
    if error is None:
        return {}
    stack = "".join(traceback.format_exception(error))
    return {
        exceptions.EXCEPTION_TYPE: type(error).__qualname__,
        exceptions.EXCEPTION_MESSAGE: text_of(error)[:MAX_LENGTH],
        # The end tells where it was raised.
        exceptions.EXCEPTION_STACKTRACE: stack[-MAX_LENGTH:],
    }
