"""Our own spans say the same as OpenTelemetry's, whatever is done to them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from observatory_sdk import recorder
from observatory_sdk.recorder import STACK_FRAMES, RecordedSpan, over

LIMITS = SpanLimits(max_span_attributes=8, max_events=3, max_links=3, max_attribute_length=40)
NAME = "observatory_sdk"


class Bench:
    """A provider with a tracer of OpenTelemetry's and one of ours."""

    def __init__(self, sampler: Sampler = ALWAYS_ON, *, whole: bool = True, limits: SpanLimits = LIMITS) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler, shutdown_on_exit=False, span_limits=limits)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.theirs = self.provider.get_tracer(NAME)
        self.ours = over(self.provider, NAME, limits, whole=whole)

    def told(self, tracer: trace.Tracer, deed: Callable[[trace.Span], object], **given: Any) -> ReadableSpan:
        """What goes out of a span to which something is done."""
        span = tracer.start_span("call", record_exception=False, set_status_on_exception=False, **given)
        deed(span)
        span.end(2_000)
        (found,) = self.exporter.get_finished_spans()
        self.exporter.clear()
        return found


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.provider.shutdown()


def _seen(span: ReadableSpan) -> dict[str, object]:
    return {
        "name": span.name,
        "kind": span.kind,
        "parent": span.parent,
        "flags": span.context.trace_flags,
        "state": span.context.trace_state,
        "attributes": dict(span.attributes or {}),
        "events": [(each.name, dict(each.attributes or {}), each.timestamp) for each in span.events],
        "links": [(each.context, dict(each.attributes or {})) for each in span.links],
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "status": (span.status.status_code, span.status.description),
        "times": (span.start_time, span.end_time),
        "resource": span.resource,
        "scope": span.instrumentation_scope,
    }


class _Spoken:
    def __str__(self) -> str:
        return "spoken"


_FAR = SpanContext(7, 8, True, TraceFlags(1), TraceState([("vendor", "x")]))
_ATTRIBUTES: dict[str, Any] = {
    "plain values": {"a": "text", "b": 1, "c": 1.5, "d": True},
    "texts that are too long": {"a": "x" * 41, "b": ["y" * 41, "z"], "c": ("y" * 41,)},
    "lists and tuples": {"a": ["one", "two"], "b": (1, 2.5), "c": [], "d": ("one", "two"), "e": ("one", 2, None)},
    "values of other types": {"a": None, "b": b"\xff", "c": {"inner": [1]}, "d": _Spoken(), "e": range(3)},
    "a name that is none": {"": "empty", "good": "kept"},
    "more than fit": {f"name {number}": number for number in range(12)},
}


def _said_again(span: trace.Span) -> None:
    for _ in range(2):
        span.set_attributes({f"name {number}": number for number in range(8)})
    span.set_attribute("name 3", "again")


def _events(span: trace.Span) -> None:
    for number in range(5):
        span.add_event(f"event {number}", {"text": "x" * 50, "list": ["a"]}, timestamp=number)


def _links(span: trace.Span) -> None:
    for number in range(1, 6):
        span.add_link(SpanContext(number, number, True), {"text": "x" * 50})
    span.add_link(trace.INVALID_SPAN_CONTEXT)


def _statuses(span: trace.Span) -> None:
    span.set_status(StatusCode.ERROR, "first")
    span.set_status(Status(StatusCode.UNSET))
    span.set_status(StatusCode.OK)
    span.set_status(Status(StatusCode.ERROR, "last"))


def _failed(span: trace.Span) -> None:
    span.set_status(Status(StatusCode.ERROR, "because"))
    try:
        raise LookupError("gone")
    except LookupError as error:
        span.record_exception(error, {"more": 1}, timestamp=5)
    span.record_exception(ExceptionGroup("several", [ValueError("one")]), timestamp=6, escaped=True)


def _after_the_end(span: trace.Span) -> None:
    span.set_attribute("before", 1)
    span.end(2_000)
    span.set_attribute("after", 1)
    span.set_attributes({"after": ["1"]})
    span.add_event("after")
    span.add_link(_FAR)
    span.update_name("after")
    span.set_status(StatusCode.ERROR)
    span.record_exception(ValueError())


_DEEDS: dict[str, Callable[[trace.Span], object]] = {
    **{name: lambda span, given=given: span.set_attributes(given) for name, given in _ATTRIBUTES.items()},
    "the same names again": _said_again,
    "events": _events,
    "links": _links,
    "a new name": lambda span: span.update_name("other"),
    "statuses": _statuses,
    "failures": _failed,
    "what comes after the end": _after_the_end,
}


@pytest.mark.parametrize("deed", _DEEDS)
def test_a_span_of_ours_says_what_one_of_opentelemetry_says(bench: Bench, deed: str) -> None:
    theirs, ours = (
        bench.told(tracer, _DEEDS[deed], start_time=1_000, kind=SpanKind.CLIENT)
        for tracer in (bench.theirs, bench.ours)
    )

    assert _seen(ours) == _seen(theirs)


@pytest.mark.parametrize("attributes", _ATTRIBUTES)
def test_attributes_of_the_start_are_kept_to_the_same_limits(bench: Bench, attributes: str) -> None:
    given = _ATTRIBUTES[attributes]
    theirs, ours = (
        bench.told(tracer, lambda span: None, start_time=1_000, attributes=given)
        for tracer in (bench.theirs, bench.ours)
    )

    assert _seen(ours) == _seen(theirs)


_SAMPLERS = {
    "all": (ALWAYS_ON, True),
    "none": (ALWAYS_OFF, False),
    "as the sender": (ParentBased(TraceIdRatioBased(0.5)), False),
}


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "not sampled"])
@pytest.mark.parametrize("sampler", _SAMPLERS)
def test_trace_parent_state_and_flags_are_the_senders_and_the_samplers(sampler: str, sampled: bool) -> None:
    chosen, whole = _SAMPLERS[sampler]
    bench = Bench(chosen, whole=whole)
    sender = SpanContext(7, 8, True, TraceFlags(int(sampled)), TraceState([("vendor", "x")]))
    above = trace.set_span_in_context(trace.NonRecordingSpan(sender), Context())

    theirs, ours = (
        tracer.start_span("call", above, record_exception=False, set_status_on_exception=False)
        for tracer in (bench.theirs, bench.ours)
    )

    their_context, our_context = theirs.get_span_context(), ours.get_span_context()
    assert our_context.trace_id == 7
    assert our_context.trace_state == their_context.trace_state
    assert our_context.trace_flags == their_context.trace_flags
    assert ours.is_recording() is theirs.is_recording()
    assert getattr(ours, "parent", None) == getattr(theirs, "parent", None)


def test_ids_of_a_new_trace_are_its_own_and_marked_as_random(bench: Bench) -> None:
    theirs = bench.told(bench.theirs, lambda span: None)
    first, second = (bench.told(bench.ours, lambda span: None) for _ in range(2))

    assert first.context.trace_id != second.context.trace_id
    assert first.context.span_id != second.context.span_id
    assert first.context.trace_flags == theirs.context.trace_flags
    assert first.parent is None


def test_what_calls_do_not_use_opentelemetry_records_itself(bench: Bench) -> None:
    with pytest.raises(ValueError, match="seen"), bench.ours.start_as_current_span("block"):
        raise ValueError("seen")
    linked = bench.ours.start_span("linked", links=[Link(_FAR)], record_exception=False, set_status_on_exception=False)
    linked.end()

    block, told = bench.exporter.get_finished_spans()
    assert block.events[0].name == "exception"
    assert [each.context for each in told.links] == [_FAR]


class _Host(SpanProcessor):
    """A processor of the host's, which reads and writes at the start."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, ...]] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        known = (span.name, span.kind, dict(span.attributes or {}), span.parent, span.end_time, span.status.is_unset)
        self.started.append((*known, span.events, span.links, span.resource.attributes["service.name"]))
        span.set_attribute("host", "was here")


def test_a_processor_of_the_host_sees_the_start_and_may_write(bench: Bench) -> None:
    host = _Host()
    bench.provider.add_span_processor(host)

    theirs, ours = (bench.told(tracer, lambda span: None, attributes={"a": 1}) for tracer in (bench.theirs, bench.ours))

    assert host.started[0] == host.started[1]
    assert (ours.attributes or {})["host"] == (theirs.attributes or {})["host"] == "was here"


def test_spans_inside_have_ours_above_them(bench: Bench) -> None:
    ours = bench.ours.start_span("ours", record_exception=False, set_status_on_exception=False)
    with trace.use_span(ours, end_on_exit=True):
        assert trace.get_current_span() is ours
        bench.theirs.start_span("theirs").end()

    inner, outer = bench.exporter.get_finished_spans()
    assert inner.parent == outer.context
    assert inner.context.trace_id == outer.context.trace_id


def test_what_threads_write_at_once_is_all_there() -> None:
    bench = Bench(limits=SpanLimits(max_span_attributes=1_000, max_events=1_000))
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            span = bench.told(bench.ours, _written_by_four)
            assert len(span.attributes or {}) == 400
            assert len(span.events) == 40
    finally:
        sys.setswitchinterval(interval_s)


def test_what_another_thread_adds_while_the_container_is_changed_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on, added = Event(), Event(), Event()

    class Filled(BoundedAttributes):
        def __setitem__(self, key: str, value: Any) -> None:
            super().__setitem__(key, value)
            go_on.set()
            added.wait(60)

    class Slow(dict[str, int]):
        def items(self) -> Any:
            yield "a", 1
            began.set()
            go_on.wait(60)
            yield "b", 2
            added.set()

    def deed(span: trace.Span) -> None:
        other = Thread(target=span.set_attributes, args=(Slow(a=1, b=2),))
        other.start()
        began.wait(60)
        span.set_attribute("list", [1])
        other.join(60)

    monkeypatch.setattr(recorder, "BoundedAttributes", Filled)
    bench = Bench()
    assert bench.told(bench.ours, deed).attributes == {"a": 1, "b": 2, "list": (1,)}


def _written_by_four(span: trace.Span) -> None:
    together = Barrier(4, timeout=60)

    def write(writer: int) -> None:
        together.wait()
        for number in range(100):
            # Every tenth is a list, for which the span changes over to OpenTelemetry's container.
            span.set_attribute(f"{writer}.{number}", [number] if number % 10 == 9 else number)
            if number % 10 == 0:
                span.add_event(f"{writer}.{number}")

    threads = [Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_where_opentelemetry_is_switched_off_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    span = Bench().ours.start_span("call", record_exception=False, set_status_on_exception=False)

    assert not span.is_recording()
    assert not span.get_span_context().is_valid


def test_a_span_ends_once(bench: Bench) -> None:
    span = bench.ours.start_span("call", record_exception=False, set_status_on_exception=False)
    together = Barrier(4, timeout=60)

    def end() -> None:
        together.wait()
        span.end()

    threads = [Thread(target=end) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert isinstance(span, RecordedSpan)
    assert not span.is_recording()
    assert len(bench.exporter.get_finished_spans()) == 1


def test_of_a_deep_stack_the_innermost_frames_are_kept() -> None:
    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("the bottom")
        fall(depth - 1)

    bench = Bench(limits=SpanLimits(max_attribute_length=100_000))
    span = bench.ours.start_span("deep", record_exception=False, set_status_on_exception=False)
    try:
        fall(400)
    except ValueError as error:
        span.record_exception(error)
    span.end()
    (told,) = bench.exporter.get_finished_spans()
    stack = str((told.events[0].attributes or {})["exception.stacktrace"])
    assert stack.rstrip().endswith("ValueError: the bottom")
    assert "in fall" in stack
    assert len(stack.splitlines()) < 2 * STACK_FRAMES + 10
