"""Methods and functions wrapped so that each call opens the entry span of its service.

The wrapper of a function is a function, of the same kind: coroutine, generator, asynchronous generator or plain. So
bound methods, weak references to them, pickling by name, copying, `inspect` and descriptors work as before; a proxy
object would break the first three (`copy.deepcopy`, `weakref.WeakMethod` and `pickle` refuse one). The wrapper's own
frame is taken out of the tracebacks of exceptions that pass it.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import nullcontext
from types import FunctionType
from typing import Any
from weakref import WeakSet

from observatory_sdk import scope
from observatory_sdk.attach.entry import Inherited, Seam
from observatory_sdk.tracebacks import hide

_OURS: WeakSet[Any] = WeakSet()


def wrapped(function: FunctionType, seam: Seam | Inherited) -> FunctionType:
    """A function of the same kind that opens a call of the seam's service."""
    seam.learn(function)
    made = _kind(function)(function, seam)
    call: FunctionType = functools.wraps(function)(made)  # type: ignore[assignment]
    _OURS.add(call)
    return call


def is_ours(function: object) -> bool:
    """Whether a function, or the function inside a static or class method, is a wrapper of ours."""
    inner = function.__func__ if isinstance(function, staticmethod | classmethod) else function
    return type(inner) is FunctionType and inner in _OURS


def _kind(function: FunctionType) -> Callable[[Any, Seam | Inherited], Callable[..., Any]]:
    # What its code does counts, not what it is marked as: a plain function may be marked as a coroutine function.
    flags = function.__code__.co_flags
    if flags & inspect.CO_ASYNC_GENERATOR:
        return _async_generator
    if flags & inspect.CO_COROUTINE:
        return _coroutine
    if flags & inspect.CO_ITERABLE_COROUTINE:
        return _awaited_generator
    return _generator if flags & inspect.CO_GENERATOR else _plain


def _plain(function: Callable[..., Any], seam: Seam | Inherited) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if scope.silent() or seam.inside(args):
                return function(*args, **kwargs)
            with seam.opened(args, kwargs) as entry:
                result = function(*args, **kwargs)
                entry.returned(result)
                return result
        except BaseException as error:
            hide(error)
            raise

    return call


def _coroutine(function: Callable[..., Any], seam: Seam | Inherited) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if scope.silent() or seam.inside(args):
                return await function(*args, **kwargs)
            with seam.opened(args, kwargs) as entry:
                result = await function(*args, **kwargs)
                entry.returned(result)
                return result
        except BaseException as error:
            hide(error)
            raise

    return call


def _generator(function: Callable[..., Any], seam: Seam | Inherited) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        try:
            if scope.silent() or seam.inside(args):
                return (yield from function(*args, **kwargs))
            generator = function(*args, **kwargs)
            with seam.opened(args, kwargs).steps() as entry:
                advance, given = generator.send, None
                while True:
                    try:
                        with entry.step():
                            item = advance(given)
                    except StopIteration as end:
                        entry.returned(end.value)
                        return end.value
                    try:
                        advance, given = generator.send, (yield item)
                    except GeneratorExit:
                        with entry.step():
                            generator.close()
                        raise
                    except BaseException as error:
                        hide(error)
                        advance, given = generator.throw, error
        except BaseException as error:
            hide(error)
            raise

    return call


def _awaited_generator(function: Callable[..., Any], seam: Seam | Inherited) -> Callable[..., Any]:
    return types.coroutine(_generator(function, seam))


def _async_generator(function: Callable[..., Any], seam: Seam | Inherited) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        try:
            generator = function(*args, **kwargs)
            opened = seam.opened(args, kwargs)
            # One that is not begun passes everything through: there is no `yield from` here.
            aside = scope.silent() or seam.inside(args)
            with nullcontext(opened) if aside else opened.steps() as entry:
                advance, given = generator.asend, None
                item: Any = None
                while True:
                    try:
                        with entry.step():
                            item = await advance(given)
                    except StopAsyncIteration:
                        # It returns nothing: how it ended is told by the last item.
                        entry.returned(item)
                        return
                    try:
                        advance, given = generator.asend, (yield item)
                    except GeneratorExit:
                        with entry.step():
                            await generator.aclose()
                        raise
                    except BaseException as error:
                        hide(error)
                        advance, given = generator.athrow, error
        except BaseException as error:
            hide(error)
            raise

    return call
