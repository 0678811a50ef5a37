"""What is dropped is left to the trace id alone, and what must not be dropped never is."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, TraceState, set_span_in_context

import observatory_sdk as obs
from observatory_sdk import facts, sampling
from observatory_sdk.attach import settings
from observatory_sdk.propagation import PROPAGATOR
from observatory_sdk.sampling import ConsistentSampler, Slowest

TRACE_IDS = some.integers(1, 2**128 - 1)
SPAN_ID = 0x1234
TENTH = "th:e6666666"


@contextmanager
def pipeline(kept_metrics: Callable[[], Any], ratio: float) -> Iterator[tuple[obs.Telemetry, InMemorySpanExporter]]:
    spans = InMemorySpanExporter()
    exporters = obs.Exporters(spans, InMemoryLogRecordExporter(), kept_metrics(), kept_metrics())
    telemetry = obs.configure(service_name="backend", exporters=exporters, sample_ratio=ratio, set_globals=False)
    try:
        yield telemetry, spans
    finally:
        telemetry.shutdown()


def sent(telemetry: obs.Telemetry, spans: InMemorySpanExporter) -> tuple[ReadableSpan, ...]:
    assert telemetry.flush()
    return spans.get_finished_spans()


def told(span: ReadableSpan) -> str | None:
    """What the span says of the chance that it had."""
    assert span.context is not None
    assert span.context.trace_flags.sampled
    return span.context.trace_state.get("ot")


def below(trace_id: int, state: str = "", sampled: bool = True) -> Context:
    """The context of a request that another process sent."""
    entries = [("ot", state)] if state else []
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, SPAN_ID, True, flags, TraceState(entries))))


def decided(ratio: float, trace_id: int, state: str = "", sampled: bool = True) -> tuple[bool, str | None]:
    """Whether the draw keeps a span, and what it would tell the next process."""
    parent = below(trace_id, state, sampled)
    found = ConsistentSampler(ratio).should_sample(parent, trace_id, "x")
    return found.decision.is_sampled(), None if found.trace_state is None else found.trace_state.get("ot")


@given(TRACE_IDS, some.floats(0.001, 1))
def test_the_draw_is_the_one_of_opentelemetry(trace_id: int, ratio: float) -> None:
    theirs = composite_sampler(composable_traceid_ratio_based(ratio)).should_sample(None, trace_id, "x")
    kept, _ = decided(ratio, trace_id)
    # Our thresholds have eight digits, so the two may differ where the draw is as near as that.
    near = abs((trace_id & (2**56 - 1)) - sampling.threshold_of(ratio)) <= 1 << 24
    assert kept is theirs.decision.is_sampled() or near


@given(TRACE_IDS, some.floats(0.001, 1), some.floats(0.001, 1))
def test_what_a_process_keeps_is_kept_by_one_that_keeps_more(trace_id: int, one: float, other: float) -> None:
    assert decided(min(one, other), trace_id)[0] <= decided(max(one, other), trace_id)[0]


@given(TRACE_IDS, some.floats(0.001, 1), some.floats(0.001, 1))
def test_a_call_counts_once_however_the_thresholds_of_two_processes_differ(
    trace_id: int, first: float, second: float
) -> None:
    kept, state = decided(first, trace_id)
    again, second_state = decided(second, trace_id, state or "", kept)
    # One that keeps everything says nothing: the next one draws by itself.
    threshold = sampling.threshold_of(max(first, second) if state else second)
    # Kept by chance of this threshold and no other: or the sum over all traces would not be their number.
    assert again is ((trace_id & (2**56 - 1)) >= threshold)
    assert again or not state
    if again and threshold:
        assert second_state is not None
        assert second_state == f"th:{threshold:014x}".rstrip("0")


def test_a_threshold_of_before_is_respected_and_one_that_is_none_is_not() -> None:
    low, high = 0x00FFFFFFFFFFFFFF >> 4, 0x00FFFFFFFFFFFFFF
    assert decided(0.1, low) == (False, None)
    assert decided(0.1, high) == (True, TENTH)
    assert decided(0.1, low, "th:0") == (True, "th:0")
    assert decided(0.1, high, "th:8") == (True, "th:8")
    assert decided(1, high, TENTH) == (True, "th:0")
    for nothing in ("th:", "th:g", "th:-1", "th:123456789abcdef", "th", "x:y", "th:E6"):
        assert decided(0.1, low, nothing)[0] is False
        assert decided(0.1, high, nothing)[0] is True


def test_the_randomness_that_a_sender_tells_stands_for_the_trace_ids() -> None:
    assert decided(0.1, 0x1, "rv:ffffffffffffff") == (True, f"{TENTH};rv:ffffffffffffff")
    assert decided(0.1, 0x00FFFFFFFFFFFFFF, "rv:00000000000001") == (False, "rv:00000000000001")


def test_a_stranger_that_does_not_sample_takes_nothing_away() -> None:
    assert decided(1, 0x1, sampled=False) == (True, None)
    assert decided(0.1, 0x00FFFFFFFFFFFFFF, sampled=False) == (True, TENTH)


def test_other_entries_of_tracestate_stay() -> None:
    state = TraceState([("rojo", "00f067aa"), ("ot", "th:c;x:1")])
    flags = TraceFlags(TraceFlags.SAMPLED)
    parent = set_span_in_context(NonRecordingSpan(SpanContext(0xFFFFFFFFFFFFFF, 1, True, flags, state)))
    found = ConsistentSampler(0.5).should_sample(parent, 0xFFFFFFFFFFFFFF, "x").trace_state
    assert found is not None
    assert dict(found.items()) == {"rojo": "00f067aa", "ot": "th:8;x:1"}


def test_nothing_is_sampled_unless_it_is_asked_for(recorded: Any) -> None:
    for _ in range(200):
        with obs.service("credit_ledger", "debit"):
            pass
    spans = recorded.spans()
    assert len(spans) == 200
    assert {told(span) for span in spans} == {None}


@pytest.mark.parametrize("ratio", [0, -0.1, 1.1, 0.00001, float("nan"), True, "0.1", None])
def test_a_ratio_that_cannot_work_is_refused(ratio: Any, kept_metrics: Any) -> None:
    with pytest.raises(obs.ConfigurationError, match="sample_ratio is"), pipeline(kept_metrics, ratio):
        pass


def test_a_host_that_brings_its_providers_samples_by_itself(kept_metrics: Any) -> None:
    with pipeline(kept_metrics, 1) as (telemetry, _):
        providers = telemetry.providers
    with pytest.raises(obs.ConfigurationError, match="exclude each other"):
        obs.configure(service_name="backend", providers=providers, sample_ratio=0.5)


def test_a_tenth_is_kept_says_so_and_the_rest_is_counted(kept_metrics: Any) -> None:
    calls = 20_000
    with pipeline(kept_metrics, 0.1) as (telemetry, exporter):
        for number in range(calls):
            with obs.service("credit_ledger", "debit"):
                pass
            if number % 5_000 == 0:
                assert telemetry.flush()
        spans = sent(telemetry, exporter)
    by_chance = [span for span in spans if told(span) == TENTH]
    slow = [span for span in spans if told(span) == "th:0"]
    assert len(by_chance) + len(slow) == len(spans)
    # Five standard deviations of a binomial: 42 calls each.
    assert abs(10 * len(by_chance) + len(slow) - calls) < 5 * 10 * 43
    assert 0 < len(slow) < calls * 0.05
    assert obs.losses() == {sampling.DROPPED: calls - len(spans)}


def test_facts_and_failures_are_all_kept_and_count_for_one_each(kept_metrics: Any) -> None:
    with pipeline(kept_metrics, 0.01) as (telemetry, exporter):
        tracer = telemetry.providers.tracer.get_tracer("some.instrumentation")  # type: ignore[union-attr]
        for _ in range(100):
            with obs.service("credit_ledger", "debit"), facts.RiskCalculation(kind="var"):
                pass
            with pytest.raises(ValueError, match="no"), obs.service("credit_ledger", "raise"):
                raise ValueError("no")
            with obs.service("credit_ledger", "refuse"):
                obs.outcome("failure", reason="no funds")
            with tracer.start_as_current_span("chat gpt", attributes={"gen_ai.request.model": "gpt"}):
                pass
            with tracer.start_as_current_span("llm", attributes={"llm.request.type": "chat"}):
                pass
            with tracer.start_as_current_span("GET") as span:
                span.set_status(StatusCode.ERROR)
            with tracer.start_as_current_span("risk.calculate"):  # a name alone is no fact when others made it
                pass
        spans = sent(telemetry, exporter)
    names = Counter(span.name for span in spans if told(span) == "th:0")
    kept = ("credit_ledger.raise", "credit_ledger.refuse", "chat gpt", "llm", "GET")
    assert {name: names[name] for name in kept} == dict.fromkeys(kept, 100)
    ours = [span for span in spans if span.name == "risk.calculate" and "risk.kind" in (span.attributes or {})]
    assert len(ours) == 100
    assert {told(span) for span in ours} == {"th:0"}
    assert sum(span.name == "risk.calculate" for span in spans) < 150
    assert sum(span.name == "credit_ledger.debit" for span in spans) < 60


def test_every_declared_span_fact_is_known_by_what_it_carries() -> None:
    unmarked = {
        fact.name
        for fact in sampling._SPAN_FACTS
        if sampling.FACT_MARKS.isdisjoint(attribute.name for attribute in fact.attributes)
    }
    assert unmarked == set()
    for anybodys in ("http.request.method", "http.response.status_code", "server.address", "user.id", "order.id",
                     "observatory.service", "error.type", "service.version"):  # fmt: skip
        assert anybodys not in sampling.FACT_MARKS


def test_the_slowest_hundredth_is_found_whatever_the_operation_takes() -> None:
    chance = random.Random(7)
    for scale in (1e4, 1e7, 1e10):
        slowest = Slowest()
        durations = [int(chance.lognormvariate(0, 1) * scale) for _ in range(50_000)]
        kept = [duration for duration in durations if slowest.among(("a", "b"), duration)]
        exact = sorted(durations)[-500]
        assert 0.5 * 500 < len(kept) < 2.5 * 500
        assert all(duration in kept for duration in sorted(durations)[-50:])
        assert min(kept[100:]) > exact / 4


def test_an_operation_that_becomes_fast_finds_its_slowest_again() -> None:
    slowest = Slowest()
    for _ in range(1_000):
        slowest.among(("a", "b"), 10_000_000)
    fast = [1_000_000 + number % 100 for number in range(20_000)]
    assert sum(slowest.among(("a", "b"), duration) for duration in fast[10_000:]) > 0


def test_operations_are_bounded() -> None:
    slowest = Slowest()
    for number in range(Slowest.OPERATIONS * 3):
        slowest.among(("service", f"operation {number}"), number)
    assert len(slowest._bounds) == Slowest.OPERATIONS + 1


def test_two_processes_with_one_ratio_keep_the_same_traces(kept_metrics: Any) -> None:
    headers: list[dict[str, str]] = []
    with pipeline(kept_metrics, 0.2) as (telemetry, exporter):
        for _ in range(500):
            carrier: dict[str, str] = {}
            with obs.service("chat", "ask"):
                obs.inject(carrier)
            headers.append(carrier)
        first = {span.context.trace_id for span in sent(telemetry, exporter) if told(span) != "th:0"}  # type: ignore[union-attr]
    with pipeline(kept_metrics, 0.2) as (telemetry, exporter):
        for carrier in headers:
            with obs.extract(carrier), obs.service("credit_ledger", "debit"):
                pass
        kept = {span.context.trace_id: told(span) for span in sent(telemetry, exporter)}  # type: ignore[union-attr]
    drawn = {
        trace.get_current_span(PROPAGATOR.extract(carrier)).get_span_context().trace_id
        for carrier in headers
        if "ot=th" in carrier.get("tracestate", "")
    }
    assert 50 < len(drawn) < 150
    assert first <= drawn <= set(kept)
    assert {trace_id for trace_id, entry in kept.items() if entry != "th:0"} <= drawn


@pytest.mark.parametrize(("text", "ratio"), [(None, 1.0), ("1", 1.0), ("0.25", 0.25), (" 0.0001 ", 0.0001)])
def test_the_environment_tells_the_ratio_of_an_attached_process(text: str | None, ratio: float) -> None:
    told = {} if text is None else {"OBSERVATORY_SAMPLE_RATIO": text}
    assert settings.read({"OBSERVATORY_BINDINGS": "cryptouniverse", **told}).sample_ratio == ratio


@pytest.mark.parametrize("text", ["0", "2", "-1", "nan", "a tenth", ""])
def test_a_ratio_of_the_environment_that_cannot_work_names_itself(text: str) -> None:
    with pytest.raises(obs.ConfigurationError, match="OBSERVATORY_SAMPLE_RATIO is"):
        settings.read({"OBSERVATORY_BINDINGS": "cryptouniverse", "OBSERVATORY_SAMPLE_RATIO": text})
