"""Calls of logical services: `service(...)` opens the entry span of one, as a decorator or by `with`."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast

from opentelemetry import context, trace
from opentelemetry.context import Context

from observatory_sdk import clock, frame, scope
from observatory_sdk.conventions import common
from observatory_sdk.guard import Guard
from observatory_sdk.usage import AT_WORK

P = ParamSpec("P")
R = TypeVar("R")

EXTERNAL = "external"
_SERVICE = common.SERVICE.name
_CALLER = common.CALLER.name
_GUARD = Guard("service")


class ServiceCall:
    """What `service` gives back. One object opens one call at a time; as a decorator it opens one for each call."""

    # Here, not in the constructor: a call that is not recorded never sets them.
    _opened: tuple[trace.Span, Context] | None = None
    _token: Any = None
    _frame_id = 0
    _outer: str | None = None

    def __init__(self, service: str, operation: str | None, kind: trace.SpanKind) -> None:
        self._service = service
        self._operation = operation
        self._kind = kind

    def __enter__(self) -> Self:
        if not scope.silent():
            self._enter(id(sys._getframe(1)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if self._opened is None:
            return
        try:
            self._leave()
            self._detach()
            self._close(error)
        except Exception as ours:
            _GUARD.caught(ours)

    async def __aenter__(self) -> Self:
        if not scope.silent():
            self._enter(id(sys._getframe(1)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace_back)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Wrap a function: plain, coroutine, generator or asynchronous generator."""
        operation = self._operation or getattr(function, "__name__", None)
        opened = functools.partial(ServiceCall, self._service, operation, self._kind)
        wrapped = _wrapper_for(function)(function, opened)
        return cast(Callable[P, R], functools.wraps(function)(wrapped))

    def _enter(self, frame_id: int) -> None:
        try:
            self._open()
            self._attach()
            if self._opened is not None:
                # One function may open several calls, one inside the other: the outer one is at work again after it.
                self._frame_id, self._outer = frame_id, AT_WORK.get(frame_id)
                AT_WORK[frame_id] = self._service
        except Exception as ours:
            _GUARD.caught(ours)

    def _leave(self) -> None:
        if self._outer is None:
            AT_WORK.pop(self._frame_id, None)
        else:
            AT_WORK[self._frame_id] = self._outer

    def _open(self) -> None:
        found = self._found()
        service = self._service
        attributes = {_SERVICE: service, **found.carried}
        # A service that calls itself is at work on one call, not on two.
        if found.service != service:
            attributes[_CALLER] = found.service or found.caller or EXTERNAL
        span = scope.current().tracer.start_span(
            f"{service}.{self._operation}" if self._operation else service,
            kind=self._kind,
            attributes=attributes,
            start_time=clock.held_ns(),
            record_exception=False,
            set_status_on_exception=False,
        )
        if span.get_span_context().is_valid:  # else nothing is configured: leave the context alone
            self._opened = (span, frame.opened(found.with_service(service, span), span))

    def _found(self) -> frame.Frame:
        """Who calls."""
        return frame.current()

    def _attach(self) -> None:
        if self._opened is not None:
            self._token = context.attach(self._opened[1])

    def _detach(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            context.detach(token)

    def _close(self, error: BaseException | None) -> None:
        if self._opened is None:
            return
        (span, _), self._opened = self._opened, None
        try:
            if error is not None:
                frame.write_error(span, error)
        finally:
            span.end(clock.held_ns())

    def steps(self) -> Steps[Self]:
        """For generators: the call stays open between steps, but its context is at work only inside `step`."""
        return Steps(self)

    def step(self) -> Step:
        """One step of a generator."""
        return Step(self)


C = TypeVar("C", bound=ServiceCall)


# Classes, not `contextlib.contextmanager`: that writes on exceptions, and some of the host's refuse to be written on.
class Steps(Generic[C]):
    """The time that a call of a generator is open."""

    __slots__ = ("_call",)

    def __init__(self, call: C) -> None:
        self._call = call

    def __enter__(self) -> C:
        with _GUARD:
            self._call._open()
        return self._call

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        with _GUARD:
            self._call._close(error)


class Step:
    """The time that a generator works for its next item."""

    __slots__ = ("_call",)

    def __init__(self, call: ServiceCall) -> None:
        self._call = call

    def __enter__(self) -> None:
        with _GUARD:
            self._call._attach()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        with _GUARD:
            self._call._detach()


def service(
    service: str, operation: str | None = None, *, kind: trace.SpanKind = trace.SpanKind.INTERNAL
) -> ServiceCall:
    """A call of a logical service: `with service("credit_ledger", "debit"): ...` or `@service("credit_ledger")`.

    `service` is an id of the catalogue; `operation` defaults to the function's name. The span is named
    `service.operation`, and knows the calling service, the feature and the user. Spans inside, whatever made them,
    are counted for the service. An exception is written on the span and goes on untouched.
    """
    return ServiceCall(service, operation, kind)


Opened = Callable[[], ServiceCall]
Wrapper = Callable[[Callable[..., Any], Opened], Callable[..., Any]]


def _wrapper_for(function: Callable[..., Any]) -> Wrapper:
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.iscoroutinefunction(function):
        return _coroutine
    if inspect.isgeneratorfunction(function):
        return _generator
    return _plain


def _plain(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with opened():
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with opened():
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        with opened().steps() as running:
            advance, given = generator.send, None
            while True:
                try:
                    with running.step():
                        item = advance(given)
                except StopIteration as end:
                    return end.value
                try:
                    advance, given = generator.send, (yield item)
                except GeneratorExit:
                    with running.step():
                        generator.close()
                    raise
                except BaseException as error:
                    advance, given = generator.throw, error

    return call


def _async_generator(function: Callable[..., Any], opened: Opened) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        generator = function(*args, **kwargs)
        with opened().steps() as running:
            advance, given = generator.asend, None
            while True:
                try:
                    with running.step():
                        item = await advance(given)
                except StopAsyncIteration:
                    return
                try:
                    advance, given = generator.asend, (yield item)
                except GeneratorExit:
                    with running.step():
                        await generator.aclose()
                    raise
                except BaseException as error:
                    advance, given = generator.athrow, error

    return call
