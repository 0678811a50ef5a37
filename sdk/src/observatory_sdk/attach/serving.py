"""Requests that FastAPI answers: the spans of OpenTelemetry's instrumentation, for apps made before and after.

The class is patched and not the apps: their stacks of middleware are built once, by the host, and hold its state.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from opentelemetry import context, trace

from observatory_sdk import frame
from observatory_sdk.attach import providing
from observatory_sdk.attach.contrib import conventions
from observatory_sdk.attach.providing import Provided
from observatory_sdk.guard import Guard

_GUARD = Guard("libraries")
_OWN = "_is_instrumented_by_opentelemetry"
_OWN_SPANS = "fastapi.telemetry"
_SCOPE = "observatory.scope"
_SERVER_ERROR = 500


def switch_on() -> Callable[[], None]:
    """Spans of the requests of all apps, but of those that the host has instrumented itself."""
    owner = import_module("fastapi").FastAPI
    original = owner.__call__
    provided = Provided()
    door = _door(original, provided)

    @functools.wraps(original)
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or getattr(self, _OWN, False) or _is_served():
            await original(self, scope, receive, send)
            return
        own = _is_own(self, scope)
        if own:
            # Newer versions make spans of their own; what this says is that somebody has seen to that.
            scope[_OWN_SPANS] = None
        try:
            # The span's name is looked for in the app. Queries hold what nobody should read; the app has its own scope.
            await door({**scope, "app": self, "query_string": b"", _SCOPE: scope}, receive, send)
        finally:
            if own:
                scope.pop(_OWN_SPANS, None)

    owner.__call__ = call

    def undo() -> None:
        provided.stop()
        owner.__call__ = original

    return undo


def _door(original: Callable[..., Any], provided: Provided) -> Any:
    """The instrumentation's middleware; it ends in the app."""
    contrib = import_module("opentelemetry.instrumentation.fastapi")
    middleware = import_module("opentelemetry.instrumentation.asgi").OpenTelemetryMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        span = trace.get_current_span()

        async def sent(message: Any) -> None:
            if message.get("status", 0) >= _SERVER_ERROR:
                with _GUARD:
                    # The answer is made while the error is handled, and the span ends with the answer.
                    frame.write_error(span, sys.exc_info()[1])
            await send(message)

        token = None
        with _GUARD:
            token = context.attach(_at_work(span))
        try:
            await original(scope["app"], scope[_SCOPE], receive, sent)
        finally:
            if token is not None:
                context.detach(token)

    with conventions():
        import_module("opentelemetry.instrumentation._semconv")._OpenTelemetrySemanticConventionStability._initialize()
    given = provided.arguments()
    return middleware(
        app,
        default_span_details=contrib._get_default_span_details,
        tracer=given["tracer_provider"].get_tracer(contrib.__name__, contrib.__version__),
        meter=given["meter_provider"].get_meter(contrib.__name__, contrib.__version__),
        exclude_spans=["receive", "send"],
        excluded_urls=contrib._excluded_urls_from_env,
    )


def _at_work(span: trace.Span) -> context.Context:
    """Inside, the process is at work: services that are called are called by it."""
    name = providing.process()
    now = context.get_current()
    return now if name is None else context.set_value(frame.KEY, frame.current().with_service(name, span), now)


def _is_own(app: Any, scope: Any) -> bool:
    """Whether the app would make spans of its own, for providers that the host did not choose for it."""
    found = getattr(app, "_telemetry", None)
    return isinstance(found, dict) and found.get("tracer_provider") is None and _OWN_SPANS not in scope


def _is_served() -> bool:
    """Whether this is an app inside an app."""
    span: Any = trace.get_current_span()
    return span.is_recording() and getattr(span, "kind", None) is trace.SpanKind.SERVER
