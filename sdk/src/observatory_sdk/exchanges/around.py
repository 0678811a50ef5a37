"""Functions of a library wrapped so that something of ours sees each call begin and end, and nothing else changes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Protocol
from weakref import WeakSet

from observatory_sdk.guard import Guard
from observatory_sdk.tracebacks import hide

_GUARD = Guard("exchanges")
_OURS: WeakSet[Any] = WeakSet()
_NAMES_OF = type.__dict__["__dict__"].__get__
_ABSENT = object()


class Seen(Protocol):
    """One call that is watched."""

    def begin(self) -> None:
        """It is about to begin."""

    def end(self, result: object, error: BaseException | None) -> None:
        """It is over; `result` is None when it raised."""


Watch = Callable[[tuple[Any, ...], Mapping[str, Any]], Seen | None]
"""Says from the arguments who sees the call; None leaves it alone."""


def around(function: FunctionType, watch: Watch) -> FunctionType:
    """A function of the same kind, plain or coroutine, whose calls are seen."""
    made = _coroutine(function, watch) if inspect.iscoroutinefunction(function) else _plain(function, watch)
    call: FunctionType = functools.wraps(function)(made)  # type: ignore[assignment]
    _OURS.add(call)
    return call


def _plain(function: FunctionType, watch: Watch) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            seen = _begun(watch, args, kwargs)
            if seen is None:
                return function(*args, **kwargs)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                _ended(seen, None, error)
                raise
            _ended(seen, result, None)
            return result
        except BaseException as error:
            hide(error)
            raise

    return call


def _coroutine(function: FunctionType, watch: Watch) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            seen = _begun(watch, args, kwargs)
            if seen is None:
                return await function(*args, **kwargs)
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                _ended(seen, None, error)
                raise
            _ended(seen, result, None)
            return result
        except BaseException as error:
            hide(error)
            raise

    return call


def _begun(watch: Watch, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Seen | None:
    with _GUARD:
        seen = watch(args, kwargs)
        if seen is not None:
            seen.begin()
        return seen
    return None


def _ended(seen: Seen, result: object, error: BaseException | None) -> None:
    with _GUARD:
        seen.end(result, error)


def restore(owner: type) -> None:
    """Put back wrapped functions that a library has copied to other names of a class by itself."""
    for name, found in list(_NAMES_OF(owner).items()):
        if type(found) is FunctionType and found in _OURS:
            setattr(owner, name, found.__dict__["__wrapped__"])


class Patches:
    """What was replaced in classes, so that it can be put back."""

    def __init__(self) -> None:
        self._done: list[tuple[type, str, object, object]] = []

    def watch(self, owner: type, name: str, watch: Watch, inherited: bool = False) -> None:
        """Wrap a method; one that the class only inherits when `inherited`, and none that is wrapped already."""
        stored = _NAMES_OF(owner).get(name, _ABSENT)
        found = getattr(owner, name, None) if stored is _ABSENT and inherited else stored
        if type(found) is not FunctionType or found in _OURS:
            return
        self.put(owner, name, around(found, watch))

    def put(self, owner: type, name: str, value: object) -> None:
        """Replace an attribute of a class."""
        self._done.append((owner, name, _NAMES_OF(owner).get(name, _ABSENT), value))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Put back all that nobody else has replaced since."""
        for owner, name, before, ours in reversed(self._done):
            if _NAMES_OF(owner).get(name) is not ours:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._done.clear()
