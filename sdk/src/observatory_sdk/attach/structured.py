"""The host's structlog, taken before its processors and its filtering loggers drop anything; its output stays the same.

Functions here run under structlog's name: it leaves frames of that name out where it looks for its caller.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import FunctionType
from typing import Any

from observatory_sdk.attach.logs import TAKER, error_of, floor, text
from observatory_sdk.attach.records import Said
from observatory_sdk.guard import Guard
from observatory_sdk.tracebacks import hide

Undo = Callable[[], None]
_GUARD = Guard("logs")
_NOT_FIELDS = ("exc_info", "stack_info", "positional_args", "stacklevel")
_PREFIX = "a"  # of a level's asynchronous method


def switch_on() -> Undo:
    """Take what is said from now on; gives back what ends it."""
    TAKER.begin(floor())
    base = import_module("structlog._base").BoundLoggerBase
    native = import_module("structlog._native")
    undo = [_replaced(base, "_proxy_to_logger", _under_its_name(_proxied(base._proxy_to_logger)))]
    for filtering in set(native.LEVEL_TO_FILTERING_LOGGER.values()):
        undo += _open(filtering, native)

    def put_back() -> None:
        while undo:
            undo.pop()()

    return put_back


def _proxied(original: Callable[..., Any]) -> Callable[..., Any]:
    taker, take, guard, drop = TAKER, _take, _GUARD, hide

    def _proxy_to_logger(self: Any, method_name: str, event: Any = None, **event_kw: Any) -> Any:
        try:
            take(self, method_name, event, (), event_kw)
        except Exception as error:
            guard.caught(error)
        # It goes on to `logging` perhaps, where it is no further record.
        before = taker.hush(True)
        try:
            return original(self, method_name, event, **event_kw)
        except BaseException as error:
            drop(error)
            raise
        finally:
            taker.hush(before)

    return functools.wraps(original)(_proxy_to_logger)


def _open(filtering: type, native: Any) -> Iterator[Undo]:
    """The methods of a filtering logger that do nothing."""
    for name, found in list(vars(filtering).items()):
        if found is native._nop:
            yield _replaced(filtering, name, _dropped(name))
        elif found is native._anop:
            yield _replaced(filtering, name, _dropped_async(name.removeprefix(_PREFIX)))
    yield _replaced(filtering, "log", _under_its_name(_leveled(vars(filtering)["log"], native.LEVEL_TO_NAME)))


def _dropped(name: str) -> Callable[..., None]:
    def dropped(self: Any, event: Any = None, *args: Any, **kw: Any) -> None:
        with _GUARD:
            _take(self, name, event, args, kw)

    return dropped


def _dropped_async(name: str) -> Callable[..., Any]:
    async def dropped(self: Any, event: Any = None, *args: Any, **kw: Any) -> None:
        with _GUARD:
            _take(self, name, event, args, kw)

    return dropped


def _leveled(original: Callable[..., Any], names: Mapping[int, str]) -> Callable[..., Any]:
    take, guard = _take, _GUARD

    def log(self: Any, level: int, event: Any, *args: Any, **kw: Any) -> Any:
        try:
            if not self.is_enabled_for(level) and level in names:
                take(self, names[level], event, args, kw)
        except Exception as error:
            guard.caught(error)
        return original(self, level, event, *args, **kw)

    return log


def _take(logger: Any, method: str, event: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> None:
    level = import_module("structlog._log_levels").NAME_TO_LEVEL.get(method)
    target = getattr(logger, "_logger", None)
    name = getattr(target, "name", None)
    name = name if isinstance(name, str) else "structlog"
    if level is None or not TAKER.wants(name, level):
        return

    def said() -> Said:
        bound = import_module("structlog.contextvars").get_contextvars()
        fields = {**bound, **getattr(logger, "_context", {}), **given}
        values = args or fields.get("positional_args")
        kept = {key: value for key, value in fields.items() if key not in _NOT_FIELDS}
        asked = given.get("exc_info", method == "exception")
        return Said(text(event, values), kept, error_of(asked))

    TAKER.take(name, level, said)


def _replaced(owner: Any, name: str, made: Any) -> Undo:
    before = vars(owner)[name]
    setattr(owner, name, made)
    return functools.partial(setattr, owner, name, before)


def _under_its_name(made: Any) -> Any:
    """The same function, taken for one of structlog's own. All that it uses is in its closure."""
    space = {"__name__": "structlog", "__builtins__": __builtins__}
    found = FunctionType(made.__code__, space, made.__name__, made.__defaults__, made.__closure__)
    found.__kwdefaults__ = made.__kwdefaults__
    return found
