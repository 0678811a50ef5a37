"""Calls of logical services: `service(...)` opens the entry span of one, as a decorator or by `with`."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from opentelemetry import context, trace
from opentelemetry.context import Context

from observatory_sdk import clock, frame, scope
from observatory_sdk.conventions import common
from observatory_sdk.guard import Guard
from observatory_sdk.usage import AT_WORK

P = ParamSpec("P")
R = TypeVar("R")

EXTERNAL = "external"
_GUARD = Guard("service")


class ServiceCall:
    """What `service` gives back. One object opens one call at a time; as a decorator it opens one for each call."""

    def __init__(self, service: str, operation: str | None, kind: trace.SpanKind) -> None:
        self._service = service
        self._operation = operation
        self._kind = kind
        self._opened: tuple[trace.Span, Context] | None = None
        self._token: Any = None
        self._frame_id = 0
        self._outer: str | None = None

    def __enter__(self) -> Self:
        if not scope.silent():
            self._enter(id(sys._getframe(1)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if self._opened is None:
            return
        with _GUARD:
            self._leave()
            self._detach()
            self._close(error)

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
        with _GUARD:
            self._open()
            self._attach()
            if self._opened is not None:
                # One function may open several calls, one inside the other: the outer one is at work again after it.
                self._frame_id, self._outer = frame_id, AT_WORK.get(frame_id)
                AT_WORK[frame_id] = self._service

    def _leave(self) -> None:
        if self._outer is None:
            AT_WORK.pop(self._frame_id, None)
        else:
            AT_WORK[self._frame_id] = self._outer

    def _open(self) -> None:
        found = frame.current()
        span = scope.current().tracer.start_span(
            f"{self._service}.{self._operation}" if self._operation else self._service,
            kind=self._kind,
            attributes=self._attributes(found),
            start_time=clock.held_ns(),
            record_exception=False,
            set_status_on_exception=False,
        )
        if not span.get_span_context().is_valid:
            return  # nothing is configured: leave the context alone
        inner = context.set_value(frame.KEY, found.with_service(self._service, span))
        self._opened = (span, trace.set_span_in_context(span, inner))

    def _attributes(self, found: frame.Frame) -> dict[str, str]:
        attributes = {common.SERVICE.name: self._service, **found.carried}
        # A service that calls itself is at work on one call, not on two.
        if found.service != self._service:
            attributes[common.CALLER.name] = found.service or found.caller or EXTERNAL
        return attributes

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
            frame.write_error(span, error)
        finally:
            span.end(clock.held_ns())

    @contextmanager
    def steps(self) -> Iterator[Self]:
        """For generators: the call stays open between steps, but its context is at work only inside `step`."""
        with _GUARD:
            self._open()
        try:
            yield self
        except BaseException as error:
            with _GUARD:
                self._close(error)
            raise
        with _GUARD:
            self._close(None)

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step of a generator."""
        with _GUARD:
            self._attach()
        try:
            yield
        finally:
            with _GUARD:
                self._detach()


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
