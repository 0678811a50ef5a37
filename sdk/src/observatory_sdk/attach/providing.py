"""The providers that instrumentations are given: ours, with what each instrumentation leaves out put in.

A span or a point that no logical service is at work for counts for the process. Queries of addresses stay here: that
is where signatures and keys of signed requests stand. After `stop` nothing is recorded any more, since instrumentations
keep what they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import _logs, context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.util._decorator import _agnosticcontextmanager

from observatory_sdk import frame, pipeline
from observatory_sdk.calls import EXTERNAL
from observatory_sdk.conventions import common
from observatory_sdk.facts.leaf import is_recorded

_SUPPRESS = context._SUPPRESS_INSTRUMENTATION_KEY
_SERVICE, _CALLER = common.SERVICE.name, common.CALLER.name
_RECORDS = ("create_counter", "create_up_down_counter", "create_histogram", "create_gauge")
_OBSERVES = ("create_observable_counter", "create_observable_up_down_counter", "create_observable_gauge")
_ENTRIES = (trace.SpanKind.SERVER, trace.SpanKind.CONSUMER)
_ADDRESSES = ("url.full", "http.url", "http.target")
_QUERY = "url.query"
# Those of agents and tools contain calls of the host's own.
_MODEL_CALLS = ("chat", "generate_content", "text_completion", "embeddings")


def process() -> str | None:
    """The name of this process, which what no service is at work for counts for."""
    live = pipeline._live
    found = None if live is None else live.providers
    name = None if found is None else found.tracer.resource.attributes.get(common.SERVICE_NAME.name)
    return None if name is None else str(name)


class Provided:
    """Providers for one instrumentation.

    `leaf`: the kind of call it records, which something above may record too: `model`, or `http` for what model calls
    are made of. `goes_on`: what it records by itself, without us, is recorded after `stop`, too.
    """

    def __init__(self, leaf: str | None = None, goes_on: bool = False) -> None:
        self.on = True
        self.leaf = leaf
        self.goes_on = goes_on

    def arguments(self) -> dict[str, Any]:
        """What an instrumentation takes."""
        return {"tracer_provider": Tracers(self), "meter_provider": Meters(self), "logger_provider": Loggers(self)}

    def stop(self) -> None:
        """Record nothing from now on."""
        self.on = False


class Tracers(trace.TracerProvider):
    """Makes tracers. Their spans go to our provider; to OpenTelemetry's global one where there is none of ours."""

    def __init__(self, provided: Provided) -> None:
        self._provided = provided

    def get_tracer(self, instrumenting_module_name: str, *args: Any, **kwargs: Any) -> trace.Tracer:
        found = _ours()
        provider = trace.get_tracer_provider() if found is None else found.tracer
        return Tracer(provider.get_tracer(instrumenting_module_name, *args, **kwargs), self._provided)


class Tracer(trace.Tracer):
    """Makes spans, unless something above says that it records already."""

    def __init__(self, target: trace.Tracer, provided: Provided) -> None:
        self._target = target
        self._provided = provided

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        on = self._provided.on
        if self._is_quiet(context) if on else not self._provided.goes_on:
            # Not an invalid one: what is below belongs to what is above.
            return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())
        known = _known(attributes, kind, context) if on else attributes
        return self._target.start_span(
            name, context, kind, known, links, start_time, record_exception, set_status_on_exception
        )

    def _is_quiet(self, within: Context | None) -> bool:
        leaf = self._provided.leaf
        if context.get_value(_SUPPRESS, within) or (leaf is not None and is_recorded("model", within)):
            return True
        return leaf == "http" and _is_model_call(trace.get_current_span(within))

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[trace.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception) as current:
            yield current


class Meters(metrics.MeterProvider):
    """Makes meters."""

    def __init__(self, provided: Provided) -> None:
        self._provided = provided

    def get_meter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        found = _ours()
        provider = metrics.get_meter_provider() if found is None else found.meter
        return Meter(provider.get_meter(name, *args, **kwargs), self._provided)


class Meter:
    """Makes instruments."""

    def __init__(self, target: metrics.Meter, provided: Provided) -> None:
        self._target = target
        self._provided = provided

    def __getattr__(self, name: str) -> Any:
        make = getattr(self._target, name)
        if name in _RECORDS:
            return lambda *args, **kwargs: Instrument(make(*args, **kwargs), self._provided)
        if name in _OBSERVES:
            return lambda *args, **kwargs: self._observed(make, *args, **kwargs)
        return make

    def _observed(self, make: Any, name: str, callbacks: Any = None, *args: Any, **kwargs: Any) -> Any:
        return make(name, [self._stamped(each) for each in callbacks or ()], *args, **kwargs)

    def _stamped(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        def observe(options: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
            if self._provided.on:
                for found in callback(options):
                    yield metrics.Observation(found.value, _stamp(found.attributes, None), found.context)

        return observe


class Instrument:
    """A counter, a gauge or a histogram."""

    def __init__(self, target: Any, provided: Provided) -> None:
        self._target = target
        self._provided = provided

    def add(self, amount: float, attributes: Any = None, context: Context | None = None) -> None:
        """As OpenTelemetry's."""
        if self._provided.on:
            self._target.add(amount, _stamp(attributes, context), context)

    def record(self, amount: float, attributes: Any = None, context: Context | None = None) -> None:
        """As OpenTelemetry's."""
        if self._provided.on:
            self._target.record(amount, _stamp(attributes, context), context)

    def set(self, amount: float, attributes: Any = None, context: Context | None = None) -> None:
        """As OpenTelemetry's."""
        if self._provided.on:
            self._target.set(amount, _stamp(attributes, context), context)


class Loggers(_logs.LoggerProvider):
    """Makes loggers. After `stop` they are OpenTelemetry's that do nothing."""

    def __init__(self, provided: Provided) -> None:
        self._provided = provided

    def get_logger(self, name: str, *args: Any, **kwargs: Any) -> _logs.Logger:
        if not self._provided.on:
            return _logs.NoOpLogger(name)
        found = _ours()
        provider = _logs.get_logger_provider() if found is None else found.logger
        return provider.get_logger(name, *args, **kwargs)


def _is_model_call(span: trace.Span) -> bool:
    """Whether somebody records a model call here, as a provider's own SDK does: its requests are no further calls."""
    found: Mapping[str, Any] = (getattr(span, "attributes", None) if span.is_recording() else None) or {}
    return found.get("gen_ai.operation.name") in _MODEL_CALLS or "llm.request.type" in found


def _ours() -> pipeline.Providers | None:
    live = pipeline._live
    return None if live is None else live.providers


def _known(attributes: Mapping[str, Any] | None, kind: trace.SpanKind, within: Context | None) -> dict[str, Any]:
    known = dict(attributes or ())
    known.pop(_QUERY, None)
    for name in _ADDRESSES:
        address = known.get(name)
        if isinstance(address, str) and "?" in address:
            known[name] = address.partition("?")[0]
    found = frame.current(within)
    own = process() if found.service is None else None
    if own is not None and _SERVICE not in known:
        known[_SERVICE] = own
        if kind in _ENTRIES:
            known[_CALLER] = found.caller or EXTERNAL
    return known


def _stamp(attributes: Mapping[str, Any] | None, within: Context | None) -> dict[str, Any]:
    """Only the service: what a point knows of features and users would be a series each."""
    service = frame.current(within).service or process()
    return {**({} if service is None else {_SERVICE: service}), **(attributes or {})}
