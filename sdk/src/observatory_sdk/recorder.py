"""Our own spans behind OpenTelemetry's API, made for less than half of what OpenTelemetry's own cost.

A span of OpenTelemetry's SDK has two locks, bounded lists for events and links and a bounded dictionary, and is copied
when it ends. A call of a service has a few short attributes and rarely anything else, so a span here is a dictionary
until something needs more. Ids, sampler, resource, limits and processors are those of the host's provider, and what a
processor is handed at the end is OpenTelemetry's `ReadableSpan`.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes, AttributeValue

from observatory_sdk import clock

# OpenTelemetry before 1.42 does not know it.
_RANDOM: int = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)
_FLAGS = {flags: TraceFlags(flags) for flags in (0, TraceFlags.SAMPLED, _RANDOM, TraceFlags.SAMPLED | _RANDOM)}
# The innermost frames say where it broke. Each call on the way of an exception writes its stack: all of a deep one
# would cost the host more than what it does.
STACK_FRAMES = 50
_UNSET = Status(StatusCode.UNSET)
_NUMBERS = frozenset({bool, int, float})


class Recorder(trace.Tracer):
    """A tracer for calls and facts. What they seldom use, as links from the start, OpenTelemetry records itself."""

    def __init__(self, tracer: Tracer, limits: SpanLimits, name: str, *, whole: bool) -> None:
        # Not its resource: a fork gives the tracer of the child another one.
        self.tracer = tracer
        self._ids = tracer.id_generator
        self._sampler = tracer.sampler
        self._whole = whole
        self._random = _RANDOM if getattr(self._ids, "is_trace_id_random", bool)() else 0
        self.processors = tracer.span_processor
        self.scope = InstrumentationScope(name, "")
        self.limits = limits
        self.most = _or_endless(limits.max_span_attributes)
        self.longest = _or_endless(limits.max_span_attribute_length)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        if links or record_exception or set_status_on_exception:
            return self.tracer.start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        parent: SpanContext | None = trace.get_current_span(context).get_span_context()
        if parent is None or not parent.is_valid:
            trace_id, flags, state, parent = self._ids.generate_trace_id(), self._random, None, None
        else:
            trace_id, flags, state = parent.trace_id, parent.trace_flags & _RANDOM, parent.trace_state
        if self._whole and not state:
            flags |= TraceFlags.SAMPLED
        else:
            sampled = self._sampler.should_sample(context, trace_id, name, kind, attributes, ())
            flags |= TraceFlags.SAMPLED if sampled.decision is Decision.RECORD_AND_SAMPLE else 0
            state, attributes = sampled.trace_state, sampled.attributes
            if sampled.decision is Decision.DROP:
                return trace.NonRecordingSpan(self._named(trace_id, flags, state))
        span = RecordedSpan(self, name, self._named(trace_id, flags, state), parent, kind, start_time)
        if attributes:
            span.set_attributes(attributes)
        self.processors.on_start(span, context)  # type: ignore[arg-type]
        return span

    def _named(self, trace_id: int, flags: int, state: trace.TraceState | None) -> SpanContext:
        return SpanContext(trace_id, self._ids.generate_span_id(), False, _FLAGS[flags], state)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> AbstractContextManager[trace.Span]:  # type: ignore[override]
        return self.tracer.start_as_current_span(*args, **kwargs)


def over(provider: TracerProvider, name: str, limits: SpanLimits, *, whole: bool) -> trace.Tracer:
    """The tracer of this name, with spans that cost less; as it is where OpenTelemetry is switched off.

    `limits` are those of the provider. `whole`: its sampler keeps all that no sender has sampled before.
    """
    tracer = provider.get_tracer(name)
    return Recorder(tracer, limits, name, whole=whole) if isinstance(tracer, Tracer) else tracer


def _or_endless(limit: int | None) -> float:
    return float("inf") if limit is None else limit


class RecordedSpan(trace.Span):
    """A span at work. Threads may share it: a plain dictionary changes in one step, all else under a lock."""

    __slots__ = (
        "_attributes",
        "_events",
        "_links",
        "_lock",
        "_recorder",
        "context",
        "end_time",
        "kind",
        "name",
        "parent",
        "start_time",
        "status",
    )

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        start_time: int | None,
    ) -> None:
        self._recorder = recorder
        self._lock = Lock()
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.status = _UNSET
        self.end_time: int | None = None
        self._attributes: MutableMapping[str, Any] = {}
        self._events: Sequence[Event] = ()
        self._links: Sequence[Link] = ()
        self.start_time = clock.now_ns() if start_time is None else start_time

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """What is known so far."""
        return dict(self._attributes)

    @property
    def events(self) -> Sequence[Event]:
        """What happened so far."""
        return tuple(self._events)

    @property
    def links(self) -> Sequence[Link]:
        """What led here."""
        return tuple(self._links)

    @property
    def resource(self) -> Resource:
        """The process."""
        return self._recorder.tracer.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Ours."""
        return self._recorder.scope

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def set_attribute(self, key: str, value: Any) -> None:
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        if self.end_time is not None:
            return
        kept, most, longest = self._attributes, self._recorder.most, self._recorder.longest
        for name, value in attributes.items():
            kind = type(value)
            plain = kind in _NUMBERS or (kind is str and len(value) <= longest) or _are_short(value, longest)
            if not plain or type(name) is not str or not name or len(kept) >= most:
                # OpenTelemetry's own container knows what to do with other types and with too much of anything.
                kept = self._bounded()
            kept[name] = value
        if self._attributes is not kept:  # another thread has changed over to the container meanwhile
            self._attributes.update(attributes)

    def _bounded(self) -> BoundedAttributes:
        with self._lock:
            kept = self._attributes
            if isinstance(kept, BoundedAttributes):
                return kept
            limits = self._recorder.limits
            made = BoundedAttributes(
                limits.max_span_attributes, immutable=False, max_value_len=limits.max_span_attribute_length
            )
            # In place before it is filled: what another thread adds to the old one is seen by it or by us.
            self._attributes = made
            # A copy is taken in one step; to walk the old one would fail where a thread adds to it.
            made.update(dict(kept))
            return made

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self.end_time is not None:
            return
        limits = self._recorder.limits
        known = BoundedAttributes(limits.max_event_attributes, attributes, max_value_len=limits.max_attribute_length)
        moment = clock.now_ns() if timestamp is None else timestamp
        with self._lock:
            self._events = _with(self._events, Event(name, known, moment), limits.max_events)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self.end_time is not None or not (context.is_valid or attributes or context.trace_state):
            return
        limits = self._recorder.limits
        known = BoundedAttributes(limits.max_link_attributes, attributes, max_value_len=limits.max_attribute_length)
        with self._lock:
            self._links = _with(self._links, Link(context, known), limits.max_links)

    def update_name(self, name: str) -> None:
        if self.end_time is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        code = status.status_code if isinstance(status, Status) else status
        if self.end_time is None and self.status.status_code is not StatusCode.OK and code is not StatusCode.UNSET:
            self.status = status if isinstance(status, Status) else Status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        module = "" if kind.__module__ in ("builtins", None) else f"{kind.__module__}."
        known: dict[str, Any] = {
            "exception.type": f"{module}{kind.__qualname__}",
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception, limit=-STACK_FRAMES)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**known, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        with self._lock:
            if self.end_time is not None:
                return
            self.end_time = clock.now_ns() if end_time is None else end_time
        recorder = self._recorder
        recorder.processors.on_end(
            ReadableSpan(
                self.name,
                self.context,
                self.parent,
                recorder.tracer.resource,
                self._attributes,
                self._events,
                self._links,
                self.kind,
                None,
                self.status,
                self.start_time,
                self.end_time,
                recorder.scope,
            )
        )


def _are_short(value: object, longest: float) -> bool:
    if type(value) is not tuple:
        return False
    return all(type(each) is str and len(each) <= longest for each in value)


def _with(kept: Sequence[Any], item: object, most: int | None) -> Sequence[Any]:
    found = kept if isinstance(kept, BoundedList) else BoundedList(most)
    found.append(item)
    return found
