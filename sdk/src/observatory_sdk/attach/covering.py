"""Methods of libraries that work in a context in which what is recorded above them is not recorded again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import Any

from opentelemetry import context
from opentelemetry.context import Context

from observatory_sdk.facts import leaf
from observatory_sdk.guard import Guard

Make = Callable[[], Context]
Undo = Callable[[], None]
_GUARD = Guard("libraries")
_NAMES_OF = type.__dict__["__dict__"].__get__


def below_instrumentation(classes: Iterable[str]) -> Undo:
    """Cover the methods of classes that an instrumentation has wrapped, inside its wrapper."""
    undo: list[Undo] = []
    for owner in _found(classes):
        for wrapper in list(_NAMES_OF(owner).values()):
            inner = None if type(wrapper) is FunctionType else getattr(wrapper, "__wrapped__", None)
            if type(inner) is FunctionType:
                wrapper.__wrapped__ = covered(inner, leaf.below_sdk)
                undo.append(functools.partial(setattr, wrapper, "__wrapped__", inner))
    return functools.partial(_all, undo)


def below_sdk(classes: Iterable[str], names: Sequence[str]) -> Undo:
    """Cover the named methods of classes."""
    return _cover(classes, lambda name, _: name in names, leaf.below_sdk)


def below_database(classes: Iterable[str], names: Sequence[str]) -> Undo:
    """Cover the methods of classes that are coroutines, and the named ones."""
    return _cover(classes, lambda name, found: name in names or inspect.iscoroutinefunction(found), leaf.below_database)


def bare(owner: type, name: str) -> None:
    """Take an instrumentation's wrapper off a method."""
    wrapper = _NAMES_OF(owner).get(name)
    inner = None if type(wrapper) is FunctionType else getattr(wrapper, "__wrapped__", None)
    if type(inner) is FunctionType:
        setattr(owner, name, inner)


def covered(function: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """A function that works in a context, as do the coroutine or the generator that it gives back."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _within(make):
            result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            return _awaited(result, make)
        if inspect.isgenerator(result):
            return _stepped(result, make)
        if inspect.isasyncgen(result):
            return _stepped_async(result, make)
        return result

    return call


def _cover(classes: Iterable[str], takes: Callable[[str, Any], bool], make: Make) -> Undo:
    undo: list[Undo] = []
    for owner in _found(classes):
        for name, found in list(_NAMES_OF(owner).items()):
            if type(found) is FunctionType and takes(name, found):
                setattr(owner, name, covered(found, make))
                undo.append(functools.partial(setattr, owner, name, found))
    return functools.partial(_all, undo)


def _found(classes: Iterable[str]) -> Iterator[type]:
    """Those that this version of the library has."""
    for path in classes:
        module, _, name = path.partition(":")
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            continue
        if isinstance(found, type):
            yield found


def _all(undo: list[Undo]) -> None:
    while undo:
        undo.pop()()


@contextmanager
def _within(make: Make) -> Iterator[None]:
    token = None
    with _GUARD:
        token = context.attach(make())
    try:
        yield
    finally:
        if token is not None:
            context.detach(token)


async def _awaited(inner: Coroutine[Any, Any, Any], make: Make) -> Any:
    with _within(make):
        result = await inner
    # A coroutine may give back an asynchronous generator, which has not begun to work.
    return _stepped_async(result, make) if inspect.isasyncgen(result) else result


def _stepped(inner: Generator[Any, Any, Any], make: Make) -> Generator[Any, Any, Any]:
    try:
        while True:
            with _within(make):
                try:
                    item = next(inner)
                except StopIteration as end:
                    return end.value
            yield item
    finally:
        inner.close()


async def _stepped_async(inner: Any, make: Make) -> AsyncIterator[Any]:
    try:
        while True:
            with _within(make):
                try:
                    item = await anext(inner)
                except StopAsyncIteration:
                    return
            yield item
    finally:
        await inner.aclose()
