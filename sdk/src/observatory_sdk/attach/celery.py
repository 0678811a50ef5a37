"""Celery: who is at work travels with a task, and a worker sends what it has before it ends.

OpenTelemetry's instrumentation makes the spans of sending and running a task, and carries baggage. This adds what it
leaves out: user and decision that are known in this process only, which may go to the platform's own broker, although
they go into no header of a request, neither here nor in the worker; the way back to the sender's context when the
broker refuses a task, where it would stay inside of the span that failed; and the end of a worker. Without that
instrumentation it carries all. With it, this must be switched on after it: receivers of Celery's signals are called in
the order of their connection.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from celery import Celery, signals  # type: ignore[import-untyped]
from opentelemetry import baggage, context, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from observatory_sdk import frame
from observatory_sdk.attach import leaving
from observatory_sdk.guard import Guard
from observatory_sdk.propagation import PROPAGATOR
from observatory_sdk.tracebacks import hide

_GUARD = Guard("celery")
_CONTRIB = "opentelemetry.instrumentation.celery"
_HEADERS = ("traceparent", "tracestate", "baggage")
# Entries that are no baggage, written as the `baggage` header is.
_OWN = "observatory-carried"
MAX_RUNNING = 10_000


def switch_on() -> Callable[[], None]:
    """Carry the context with every task from now on. Returns what undoes it."""
    tasks = _Tasks()
    connected = (
        (signals.before_task_publish, tasks.send),
        (signals.task_prerun, tasks.begin),
        (signals.task_postrun, tasks.end),
        (signals.worker_process_shutdown, _leave),
    )
    for signal, receiver in connected:
        signal.connect(receiver, weak=False)
    original = Celery.send_task
    Celery.send_task = _way_back(original)

    def switch_off() -> None:
        for signal, receiver in connected:
            signal.disconnect(receiver)
        Celery.send_task = original

    return switch_off


def _leave(**_: object) -> None:
    leaving.flush()


class _Tasks:
    """The tasks that run here, each with the way back out of its context."""

    def __init__(self) -> None:
        self._running: dict[str, Any] = {}

    def send(self, headers: MutableMapping[str, Any] | None = None, **_: object) -> None:
        """Write who is at work into the headers of a task."""
        with _GUARD:
            if headers is None:
                return
            PROPAGATOR.inject(headers)
            own = {name: value for name, value in frame.current().carried.items() if name not in baggage.get_all()}
            if own:
                headers[_OWN] = _written(own)

    def begin(self, task_id: str = "", task: Any = None, **_: object) -> None:
        """Work in the sender's name."""
        with _GUARD:
            given = {name: value for name in (*_HEADERS, _OWN) if isinstance(value := _header(task, name), str)}
            own, foreign = given.pop(_OWN, None), _contrib_is_on()
            if (not given and own is None) or len(self._running) >= MAX_RUNNING:
                return
            within = context.get_current() if foreign else PROPAGATOR.extract(given)
            if own is not None:
                carried = frame.current(within).with_carried(frame.from_baggage(_read(own)).carried)
                within = context.set_value(frame.KEY, carried, within)
            token = context.attach(within)
            if not foreign:
                # The other instrumentation goes back to what was before both.
                self._running[task_id] = token

    def end(self, task_id: str = "", **_: object) -> None:
        """Be nobody again."""
        with _GUARD:
            token = self._running.pop(task_id, None)
            if token is not None:
                context.detach(token)


def _header(task: Any, name: str) -> object:
    return getattr(task.request, name, None)


def _written(entries: Mapping[str, str]) -> str:
    within, carrier = Context(), dict[str, str]()
    for name, value in entries.items():
        within = baggage.set_baggage(name, value, within)
    W3CBaggagePropagator().inject(carrier, within)
    return carrier.get("baggage", "")


def _read(text: str) -> Mapping[str, object]:
    return baggage.get_all(W3CBaggagePropagator().extract({"baggage": text}, Context()))


def _contrib_is_on() -> bool:
    module = sys.modules.get(_CONTRIB)
    return module is not None and bool(module.CeleryInstrumentor().is_instrumented_by_opentelemetry)


def _way_back(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send_task(*args: Any, **kwargs: Any) -> Any:
        before = context.get_current()
        try:
            return original(*args, **kwargs)
        except BaseException as error:
            with _GUARD:
                _return_to(before, error)
            hide(error)
            raise

    return send_task


def _return_to(before: Context, error: BaseException) -> None:
    """End the span that was opened for sending and stayed at work."""
    span = trace.get_current_span()
    if context.get_current() is not before and span is not trace.get_current_span(before):
        context.attach(before)
        frame.write_error(span, error)
        span.end()
