"""The libraries of the host that are watched: each switched on when it is imported, put back by `detach`.

A row names a function, `package.module:function`, called once with nothing when the library's module has run. It gives
back what undoes it, or None. Rows of one module are switched on in the order of the table: the later ones wrap the
earlier ones, so what sees a call at a higher level comes last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from types import ModuleType
from weakref import WeakSet

from observatory_sdk.attach.imports import Imports
from observatory_sdk.errors import ConfigurationError
from observatory_sdk.guard import LOSSES, Guard

_GUARD = Guard("libraries")
WITHOUT = "OBSERVATORY_WITHOUT"
_CONTRIB = "observatory_sdk.attach.contrib"


@dataclass(frozen=True, slots=True)
class Library:
    """A library and what switches it on; `needs`: the module of OpenTelemetry's instrumentation, if it is one's."""

    name: str
    module: str
    switch_on: str
    of_contrib: bool = False
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class LibraryState:
    """What became of a library: `waiting` for its import, `on`, `off`, `missing` or `failed`, with the reason."""

    library: Library
    state: str
    reason: str | None = None


def _contrib(name: str, module: str, needs: str, function: str | None = None) -> Library:
    switch_on = function or f"{_CONTRIB}:{name.replace('-', '_')}"
    return Library(name, module, switch_on, True, f"opentelemetry.instrumentation.{needs}")


LIBRARIES = (
    _contrib("fastapi", "fastapi", "fastapi", "observatory_sdk.attach.serving:switch_on"),
    _contrib("httpx", "httpx", "httpx"),
    _contrib("httpx2", "httpx2", "httpx"),
    _contrib("aiohttp", "aiohttp", "aiohttp_client"),
    _contrib("requests", "requests", "requests"),
    _contrib("redis", "redis", "redis"),
    _contrib("sqlalchemy", "sqlalchemy", "sqlalchemy"),
    _contrib("asyncpg", "asyncpg", "asyncpg"),
    # No library of its own: the driver below SQLAlchemy.
    _contrib("sqlalchemy-asyncpg", "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy"),
    _contrib("celery", "celery", "celery"),
    _contrib("openai", "openai", "openai_v2"),
    _contrib("anthropic", "anthropic", "anthropic"),
    _contrib("google-genai", "google.genai", "google_genai"),
    _contrib("system", "sys", "system_metrics"),
    Library("genai-httpx", "httpx", "observatory_sdk.recognise.httpx:switch_on"),
    Library("genai-httpx2", "httpx2", "observatory_sdk.recognise.httpx:switch_on_2"),
    Library("genai-aiohttp", "aiohttp", "observatory_sdk.recognise.aiohttp:switch_on"),
    Library("genai-requests", "requests", "observatory_sdk.recognise.requests:switch_on"),
    Library("ccxt", "ccxt", "observatory_sdk.exchanges.ccxt:switch_on"),
    Library("websockets", "websockets", "observatory_sdk.exchanges.websockets:switch_on"),
    Library("aiohttp-feeds", "aiohttp", "observatory_sdk.exchanges.aiohttp:switch_on"),
    Library("celery-context", "celery", "observatory_sdk.attach.celery:switch_on"),
    Library("threads", "threading", "observatory_sdk.attach.threads:switch_on"),
    Library("logging", "logging", "observatory_sdk.attach.logs:switch_on"),
    Library("structlog", "structlog", "observatory_sdk.attach.structured:switch_on"),
)


class NotSupported(Exception):
    """A library in a version that what would switch it on does not know."""


class Libraries:
    """The rows applied to a process."""

    def __init__(self, rows: Iterable[Library] = (), without: Sequence[str] = ()) -> None:
        self._states = {row: LibraryState(row, "off" if row.name in without else "waiting") for row in rows}
        self._undo: list[Callable[[], object]] = []
        self._due: list[Library] = []
        self._busy = False
        self._lock = RLock()
        self._imports = Imports(self._imported, self._not_found)
        _ALL.add(self)

    def start(self) -> None:
        """Switch on what is imported already, and watch for the rest."""
        self._imports.watch(list(dict.fromkeys(row.module for row in self._waiting())))

    def states(self) -> list[LibraryState]:
        """What became of each library so far, in the order of the table."""
        self._imports.catch_up()
        with self._lock:
            return list(self._states.values())

    def stop(self) -> None:
        """Put everything back as it was."""
        self._imports.stop()
        with self._lock:
            while self._undo:
                with _GUARD:
                    self._undo.pop()()

    def _waiting(self, module: str | None = None) -> list[Library]:
        found = [row for row, state in self._states.items() if state.state == "waiting"]
        return [row for row in found if module in (None, row.module)]

    def _imported(self, module: ModuleType) -> None:
        with self._lock:
            self._due += [row for row in self._waiting(module.__name__) if row not in self._due]
            if self._busy:
                # What is being switched on imported it, here or while another thread does: its turn comes after that.
                return
            self._busy = True
        while (row := self._next()) is not None:
            self._switch_on(row)

    def _next(self) -> Library | None:
        with self._lock:
            self._busy = bool(self._due)
            return self._due.pop(0) if self._due else None

    def _switch_on(self, row: Library) -> None:
        """Without the lock: it imports, and a thread that imports may wait for the lock."""
        # Set at first: the function may import what tells of this module again.
        self._states[row] = LibraryState(row, "on")
        try:
            undo = _function(row.switch_on)()
        except ModuleNotFoundError as error:
            self._states[row] = LibraryState(row, "missing", f"there is no module {error.name}")
        except NotSupported as error:
            self._states[row] = LibraryState(row, "missing", str(error))
        except Exception as error:
            self._states[row] = LibraryState(row, "failed", repr(error))
            LOSSES.count("library not switched on", f"{row.name}: {error!r}")
        else:
            if undo is not None:
                self._undo.append(undo)

    def _not_found(self, name: str) -> None:
        with self._lock:
            for row in self._waiting(name):
                self._states[row] = LibraryState(row, "missing", f"there is no module {name}")


def _forked() -> None:
    """A thread that is not here may have held the lock, or have been switching something on."""
    for found in _ALL:
        found._lock, found._busy = RLock(), False


# By the process and not by each: a hook cannot be taken back.
_ALL: WeakSet[Libraries] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def check(without: Sequence[str] = ()) -> list[LibraryState]:
    """What would become of each library in this Python, none of them imported: `off`, `missing` or `waiting`."""
    return [_expected(row, without) for row in LIBRARIES]


def without(names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of libraries to leave off; None: what the environment says.

    Raises `ConfigurationError` for a name that is none of the table's.
    """
    said = os.environ.get(WITHOUT, "").split(",") if names is None else names
    given = tuple(name.strip() for name in said if name.strip())
    known = sorted(row.name for row in LIBRARIES)
    for name in given:
        if name not in known:
            where = WITHOUT if names is None else "without"
            raise ConfigurationError(f"{where}: there is no library {name!r}; it takes {', '.join(known)}")
    return given


def _function(path: str) -> Callable[[], Callable[[], object] | None]:
    module, _, name = path.partition(":")
    found: Callable[[], Callable[[], object] | None] = getattr(import_module(module), name)
    return found


def _expected(row: Library, without: Sequence[str]) -> LibraryState:
    if row.name in without:
        return LibraryState(row, "off")
    for module in (row.module, row.needs):
        if module is not None and not _is_installed(module):
            return LibraryState(row, "missing", f"there is no module {module}")
    return LibraryState(row, "waiting")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
