"""Trace, caller, feature, user and decision go with the work into threads: `Thread`, `Timer` and `ThreadPoolExecutor`.

OpenTelemetry's own instrumentation of threads is not used, for what it does to the host and to facts: it wraps `run`,
which a class with a `run` of its own never reaches; its frames stand in the host's tracebacks; and a thread that is
started inside a call that is recorded already, as a pool's is by its first job, would stay silent for its whole life.

Only OpenTelemetry's context goes along. The host's own context variables, such as the precision of `decimal`, stay
those of the thread.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context

from observatory_sdk import frame
from observatory_sdk.guard import Guard
from observatory_sdk.tracebacks import hide

_GUARD = Guard("threads")
_CONTEXT = "_observatory_context"


def switch_on() -> Callable[[], None]:
    """Let threads and executors carry what is at work where they are given their work. Returns what undoes it."""
    undo = [
        _replace(Thread, "start", _start),
        _replace(Thread, "_bootstrap_inner", _bootstrap),
        _replace(ThreadPoolExecutor, "submit", _submit),
    ]

    def switch_off() -> None:
        for each in undo:
            each()

    return switch_off


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> Callable[[], None]:
    original = owner.__dict__[name]
    ours = functools.wraps(original)(make(original))
    setattr(owner, name, ours)

    def put_back() -> None:
        # Who has wrapped it since keeps it; ours lets everything through then.
        if owner.__dict__.get(name) is ours:
            setattr(owner, name, original)

    return put_back


def _start(original: Callable[..., Any]) -> Callable[..., Any]:
    def start(self: Thread, *args: Any, **kwargs: Any) -> Any:
        with _GUARD:
            # A thread may outlive by far the call that starts it: that one's being recorded already goes no further.
            carried = _at_work()
            if carried is not None:
                self.__dict__[_CONTEXT] = carried
        return original(self, *args, **kwargs)

    return start


def _at_work() -> Context | None:
    """Trace and frame, and nothing else of the context; None when there are none."""
    found = frame.current()
    span = trace.get_current_span()
    if found is frame.EMPTY and not span.get_span_context().is_valid:
        return None
    carried = context.set_value(frame.KEY, found, trace.set_span_in_context(span, Context()))
    for name, value in baggage.get_all().items():
        carried = baggage.set_baggage(name, value, carried)
    return carried


def _bootstrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def bootstrap(self: Thread, *args: Any, **kwargs: Any) -> Any:
        with _GUARD:
            carried = self.__dict__.pop(_CONTEXT, None)
            if carried is not None:
                # Never detached: the thread's own context ends with it.
                context.attach(carried)
        return original(self, *args, **kwargs)

    return bootstrap


def _submit(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(*args: Any, **kwargs: Any) -> Any:
        here = context.get_current()
        if not here or len(args) < 2:
            return original(*args, **kwargs)
        executor, function, *rest = args
        # A thread that the pool starts for this job lives on: it begins with nothing.
        token = context.attach(Context())
        try:
            return original(executor, _within(function, here), *rest, **kwargs)
        finally:
            context.detach(token)

    return submit


def _within(function: Callable[..., Any], here: Context) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        token = context.attach(here)
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        finally:
            context.detach(token)

    return run
