"""Consistent probability sampling that keeps facts, errors and the slowest calls whole.

Off unless asked for. A span's place in the draw is the randomness of its trace id, so processes with one threshold keep
the same traces, and one with a lower threshold keeps these and more. Whatever is not left to chance (facts, failures,
the slowest of an operation) is known at a span's end only: until then every span is recorded. What goes out says in
W3C `tracestate`, as OpenTelemetry has it (`ot=th:…`), how probable it was that it did: the reader counts by it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from observatory_sdk import scope
from observatory_sdk.conventions import FACTS, Kind, common
from observatory_sdk.guard import LOSSES, Guard

DROPPED = "spans sampled out"
# OpenTelemetry compares 56 bits: of the trace id, or of `rv` in its tracestate.
_ALL = 1 << 56
_RANDOM = _ALL - 1
_DIGITS = 14
# Eight digits of a threshold tell a ratio to nine places and cost eight bytes a span.
_COARSE = ~((1 << 24) - 1)
_VENDOR = "ot"
_HEX = frozenset("0123456789abcdef")
_GUARD = Guard("sampling")

_SPAN_FACTS = [fact for fact in FACTS if fact.kind is not Kind.EVENT]
_FACT_NAMES = frozenset(fact.name for fact in _SPAN_FACTS)
# What any span may carry says nothing of a fact, and names of HTTP are OpenTelemetry's for every request.
_ANYBODYS = frozenset(str(value) for value in vars(common).values() if isinstance(value, str))
FACT_MARKS = frozenset(
    attribute.name
    for fact in _SPAN_FACTS
    for attribute in fact.attributes
    if attribute not in _ANYBODYS and not attribute.startswith("http.")
)
"""Attributes that only facts carry, whoever records them."""
# Model calls as other instrumentations spell them; the server reads these spellings too.
_MODEL_CALL = re.compile(r"(?m)^(?:gen_ai|llm|openinference|traceloop)\.")


def threshold_of(ratio: float) -> int:
    """Below which randomness a span is dropped, of 2^56: 0 keeps all."""
    return (_ALL - round(ratio * _ALL)) & _COARSE


class ConsistentSampler(Sampler):
    """Records every span, and says of each whether the draw keeps it: by its `sampled` flag and its `th`.

    A sender's threshold is respected: what it kept of a trace is kept here too, however low the own ratio. Whether it
    set the `sampled` flag is not asked: strangers that do not sample would decide what is known of the platform.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._threshold = threshold_of(ratio)
        self._entry = f"th:{_digits(self._threshold)}"
        self._kept = TraceState([(_VENDOR, self._entry)]) if self._threshold else None

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        state = parent.trace_state if parent.is_valid else None
        if not state and not self._threshold:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        entry = state.get(_VENDOR) if state else None
        # Without a word of another process there is nothing to read: a root, or a span below one of our own.
        if entry is None or entry == self._entry:
            if trace_id & _RANDOM < self._threshold:
                if entry is None:
                    return SamplingResult(Decision.RECORD_ONLY, attributes, state)
            elif not state:
                return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, self._kept)
            elif entry is not None or not self._threshold:
                return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)
        with _GUARD:
            return self._drawn(trace_id, attributes, state)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)

    def _drawn(self, trace_id: int, attributes: Attributes, state: TraceState | None) -> SamplingResult:
        members = _members(state)
        threshold = min(self._threshold, _number(members.get("th"), self._threshold, padded=True))
        if _number(members.get("rv"), trace_id & _RANDOM) < threshold:
            return SamplingResult(Decision.RECORD_ONLY, attributes, _with_threshold(state, None))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, _with_threshold(state, threshold))

    def get_description(self) -> str:
        return f"ObservatoryConsistent{{{self._ratio}}}"


class SampledSpans(SpanProcessor):
    """Hands on the spans that are kept, when they end, and counts the others.

    One that is kept in any case says that it was certain, also when the draw would have kept it: else it would be
    counted for more than the one that it is.
    """

    def __init__(self, target: SpanProcessor) -> None:
        self._target = target
        self._slowest = Slowest()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._target.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        with _GUARD:
            kept = self._kept(span)
            if kept is not None:
                self._target.on_end(kept)

    def _kept(self, span: ReadableSpan) -> ReadableSpan | None:
        attributes = attributes_of(span)
        operation = (str(attributes.get(common.SERVICE.name, "")), span.name)
        # Every span is measured: what is slow must not hang on what the draw keeps.
        slow = self._slowest.among(operation, (span.end_time or 0) - (span.start_time or 0))
        if slow or _failed(span, attributes) or is_fact(span, attributes):
            return _certain(span)
        if span.context is not None and span.context.trace_flags.sampled:
            return span
        LOSSES.tally(DROPPED)
        return None

    def shutdown(self) -> None:
        self._target.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._target.force_flush(timeout_millis)


class Slowest:
    """Whether a call is among the slowest hundredth of its operation, from one number for each operation.

    The number is raised by each call above it and sinks a little at each below, so that it rests where one of a
    hundred is above. While an operation is new, its longest call so far stands for it.
    """

    OPERATIONS = 1_000
    _NEW = 50
    _STEP = 0.05
    _RARE = 0.01

    def __init__(self) -> None:
        self._bounds: dict[tuple[str, str], list[float]] = {}

    def among(self, operation: tuple[str, str], duration_ns: int) -> bool:
        """Whether this call is one of the slowest; it is remembered. Operations beyond the bound share one number."""
        found = self._bounds.get(operation)
        if found is None:
            if len(self._bounds) >= self.OPERATIONS:
                operation = ("", "")
            found = self._bounds.setdefault(operation, [0.0, 0.0])
        bound, seen = found
        slow = duration_ns > bound
        # Threads may take each other's step: an estimate bears that, and a lock would cost each of them.
        found[1] = seen + 1
        if seen < self._NEW:
            found[0] = max(bound, duration_ns)
        elif slow:
            found[0] = bound * (1 + self._STEP * (1 - self._RARE))
        else:
            found[0] = bound * (1 - self._STEP * self._RARE)
        return slow and seen > 0


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes as a dictionary: OpenTelemetry's own mapping takes a lock for each look."""
    found: Any = span.attributes or {}
    plain: dict[str, Any] = found.copy() if hasattr(found, "copy") else dict(found)
    return plain


def is_fact(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    """Whether the span carries a fact of the conventions: by our own name for it, or by what only facts carry."""
    by_us = span.instrumentation_scope is not None and span.instrumentation_scope.name == scope.NAME
    if by_us and span.name in _FACT_NAMES:
        return True
    if not FACT_MARKS.isdisjoint(attributes):
        return True
    return _MODEL_CALL.search("\n".join(attributes)) is not None


def _failed(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    """Whether the span ended in an error, by its status or by its outcome in business terms."""
    return span.status.status_code is StatusCode.ERROR or attributes.get(common.OUTCOME.name) == "failure"


def _certain(span: ReadableSpan) -> ReadableSpan:
    found = span.context
    if found is None or (found.trace_flags.sampled and _members(found.trace_state).get("th") == "0"):
        return span
    flags = TraceFlags(found.trace_flags | TraceFlags.SAMPLED)
    state = _with_threshold(found.trace_state, 0)
    kept = copy.copy(span)
    # No public way to another context keeps what the span knows of its dropped attributes and events.
    kept._context = SpanContext(found.trace_id, found.span_id, found.is_remote, flags, state)
    return kept


def _members(state: TraceState | None) -> dict[str, str]:
    """The parts of OpenTelemetry's own entry: `th:c;rv:1234…` as a dictionary."""
    entry = state.get(_VENDOR, "") if state else ""
    return dict(part.partition(":")[::2] for part in entry.split(";") if ":" in part) if entry else {}


def _number(text: str | None, otherwise: int, *, padded: bool = False) -> int:
    """Hexadecimal digits as a number of 56 bits; `padded` where noughts at the end are left out."""
    if not text or len(text) > _DIGITS or (not padded and len(text) != _DIGITS):
        return otherwise
    return int(text, 16) << 4 * (_DIGITS - len(text)) if _HEX.issuperset(text) else otherwise


def _digits(threshold: int) -> str:
    return f"{threshold:014x}".rstrip("0") or "0"


def _with_threshold(state: TraceState | None, threshold: int | None) -> TraceState | None:
    members = {name: value for name, value in _members(state).items() if name != "th"}
    if threshold is not None:
        members = {"th": _digits(threshold)} | members
    if not members:
        return state.delete(_VENDOR) if state and _VENDOR in state else state
    entry = ";".join(f"{name}:{value}" for name, value in members.items())
    if not state:
        return TraceState([(_VENDOR, entry)])
    if state.get(_VENDOR) == entry:
        return state
    return state.update(_VENDOR, entry) if _VENDOR in state else state.add(_VENDOR, entry)
