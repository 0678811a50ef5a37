"""Facts that last: each is a span, opened by `with`, whose fields may be set until it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, dataclass_transform

from opentelemetry import context, trace

from observatory_sdk import clock, frame, scope
from observatory_sdk.conventions import Attribute, Fact, common
from observatory_sdk.errors import FactError
from observatory_sdk.facts.checks import AttributeValue, checked, is_instant
from observatory_sdk.guard import LOSSES, Guard

Outcome = Literal["success", "failure", "partial", "simulated"]

_GUARD = Guard("facts")
_MISSING = object()
MAX_EVENTS = 128


class _Field:
    __slots__ = ("attribute", "default")

    def __init__(self, attribute: Attribute, default: object) -> None:
        self.attribute = attribute
        self.default = default


def of(attribute: Attribute, *, default: object = _MISSING) -> Any:
    """A field of a fact that stands for this attribute; with `default=None` it may be left out."""
    return _Field(attribute, default)


@dataclass_transform(kw_only_default=True, field_specifiers=(of,))
class Declared:
    """Collects the fields of a fact's class, so that its constructor takes them by name."""

    _fields: ClassVar[Mapping[str, Attribute]] = {}
    _required: ClassVar[frozenset[str]] = frozenset()
    _names: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        fields = dict(cls._fields)
        required = set(cls._required)
        for name, value in list(vars(cls).items()):
            if isinstance(value, _Field):
                fields[name] = value.attribute
                if value.default is _MISSING:
                    required.add(name)
                setattr(cls, name, None)
        cls._fields = fields
        cls._required = frozenset(required)
        cls._names = frozenset(fields)

    def __init__(self, **values: object) -> None:
        if values.keys() <= self._names and self._required <= values.keys():
            self.__dict__.update(values)
            return
        self.__dict__.update({name: value for name, value in values.items() if name in self._names})
        with _GUARD:
            raise TypeError(self._misfit(values))

    def _misfit(self, values: Mapping[str, object]) -> str:
        missing = ", ".join(sorted(self._required - values.keys()))
        unknown = ", ".join(sorted(values.keys() - self._fields.keys()))
        return f"{type(self).__name__}: missing [{missing}], unknown [{unknown}]"


class SpanFact(Declared):
    """One span. `with` opens and ends it; `record` writes one that is already over.

    An exception that leaves the block is written on the span and goes on untouched. Fields hold plain values; they are
    checked and written when the span ends. What the context knows (service, feature, user) is added by itself.
    """

    fact: ClassVar[Fact]
    span_kind: ClassVar[trace.SpanKind] = trace.SpanKind.INTERNAL

    user_id: str | None = of(common.USER_ID, default=None)
    user_cohort: str | None = of(common.USER_COHORT, default=None)
    user_plan: str | None = of(common.USER_PLAN, default=None)
    decision_id: str | None = of(common.DECISION_ID, default=None)
    signal_id: str | None = of(common.SIGNAL_ID, default=None)
    order_id: str | None = of(common.ORDER_ID, default=None)
    outcome: Outcome | None = of(common.OUTCOME, default=None)
    outcome_reason: str | None = of(common.OUTCOME_REASON, default=None)
    error_type: str | None = of(common.ERROR_TYPE, default=None)

    def span_name(self) -> str:
        """The span's name; of few different values."""
        return self.fact.name

    @property
    def span_context(self) -> trace.SpanContext | None:
        """For links from later facts; None before `with` or `record`, and when nothing is recorded."""
        return self.__dict__.get("_span_context")

    def link(self, *contexts: trace.SpanContext) -> Self:
        """Point at spans of other traces that led to this one. Call it before `with` or `record`."""
        with _GUARD:
            self.__dict__["_links"] = tuple(trace.Link(found) for found in contexts if found.is_valid)
        return self

    def __enter__(self) -> Self:
        if scope.silent():
            return self
        try:
            span = self._start(clock.held_ns())
            known = span.get_span_context()
            if known.is_valid:
                own = self.__dict__
                own["_span"] = span
                own["_token"] = context.attach(self._context(span))
                own["_span_context"] = known
        except Exception as ours:
            _GUARD.caught(ours)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        span = self.__dict__.pop("_span", None)
        if span is None:
            return
        try:
            token = self.__dict__.pop("_token", None)
            if token is not None:
                context.detach(token)
            self._finish(span, error, clock.held_ns())
        except Exception as ours:
            _GUARD.caught(ours)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace_back)

    def record(self, *, start_unix_nano: int, end_unix_nano: int) -> None:
        """Write a span that is over: both moments in nanoseconds since 1970 UTC."""
        with _GUARD:
            if not (is_instant(start_unix_nano) and is_instant(end_unix_nano)):
                raise FactError("record takes whole nanoseconds since 1970 UTC")
            span = self._start(start_unix_nano)
            if span.get_span_context().is_valid:
                self.__dict__["_span_context"] = span.get_span_context()
                self._finish(span, None, end_unix_nano)

    def _start(self, start_unix_nano: int | None) -> trace.Span:
        found = frame.current()
        stamp = found.stamp if found.service is not None else {common.SERVICE.name: self.fact.owner, **found.stamp}
        links: Sequence[trace.Link] = self.__dict__.get("_links", ())
        return scope.current().tracer.start_span(
            self.span_name(),
            kind=self.span_kind,
            attributes=stamp,
            links=links,
            start_time=start_unix_nano,
            record_exception=False,
            set_status_on_exception=False,
        )

    def _context(self, span: trace.Span) -> context.Context:
        found = frame.current()
        if found.service is None:
            # Nobody said who is at work: what happens inside counts for the owner of this fact.
            found = found.with_service(self.fact.owner, None)
        return frame.opened(found, span)

    def _finish(self, span: trace.Span, error: BaseException | None, end_unix_nano: int | None) -> None:
        try:
            if span.is_recording():
                self._write(span, error)
        finally:
            span.end(end_unix_nano)

    def _write(self, span: trace.Span, error: BaseException | None) -> None:
        if error is not None:
            frame.write_error(span, error)
        elif self.outcome == "failure" or self.error_type is not None:
            span.set_status(trace.Status(trace.StatusCode.ERROR, self.outcome_reason or self.error_type))
        span.set_attributes(self._attributes())
        for name, attributes, moment in self.__dict__.get("_events", ()):
            span.add_event(name, attributes, moment)

    def _attributes(self) -> dict[str, AttributeValue]:
        fields = self._fields
        return checked([(fields[name], value) for name, value in self.__dict__.items() if name in fields])

    def _add(self, fact: Fact, values: Mapping[Attribute, object], time_unix_nano: int | None = None) -> None:
        """Remember an event; it is written with the fields, so that it may come before `with` and `record` too."""
        with _GUARD:
            events = self.__dict__.setdefault("_events", [])
            if len(events) >= MAX_EVENTS:
                LOSSES.count("too many events on a span", fact.name)
                return
            events.append((fact.name, checked(values.items()), time_unix_nano or clock.now_ns()))
