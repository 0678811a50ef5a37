"""What somebody looks for among spans, and the SQL that says so. Every value is bound, none is written into a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from observatory.errors import InvalidRequest

# Attributes whose values name one order, signal, decision or conversation: the column `Ids` holds them, indexed.
IDS = {
    "signal": ("signal.id",),
    "order": ("order.id", "order.client_id"),
    "decision": ("decision.id",),
    "conversation": ("gen_ai.conversation.id", "session.id"),
}
INDEXED = frozenset(key for keys in IDS.values() for key in keys)
MOST_ATTRIBUTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE_TRACE_ID = 32


class Source(StrEnum):
    """Where spans are looked for."""

    CALLS = "fact_calls"
    SPANS = "otel_traces"


class Sort(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    SLOWEST = "slowest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trace is wanted when one of its spans fits all of this. What is empty or None is not asked.

    Attributes:
        environment: the one environment that is looked at; empty: all.
        since: the span started after it.
        until: the span started at it or before.
        service: id of the span's service.
        operation: name of the span.
        feature: the business feature.
        user: id of the user, as it is stored.
        cohort: the users' cohort.
        attributes: by name the value of an attribute of the span or its resource; None: it is there.
        from_ms: shortest duration.
        to_ms: longest duration.
        failed: whether it failed.
        outcome: what it told of its outcome.
        ids: by a name of `IDS`, an id.
        model: model that was asked or that answered.
        exchange: id of the exchange.
        trace: trace id, or how it begins.
    """

    environment: str
    since: datetime
    until: datetime
    service: str = ""
    operation: str = ""
    feature: str = ""
    user: str = ""
    cohort: str = ""
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    from_ms: float | None = None
    to_ms: float | None = None
    failed: bool | None = None
    outcome: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    exchange: str = ""
    trace: str = ""

    @property
    def source(self) -> Source:
        """Calls of services are told in a narrow table; what it does not hold is looked for among all spans.

        What fails within a service (an order that is refused) need not fail the call of the service.
        """
        inside = self.failed or self.outcome
        named = self.operation or self.attributes or self.ids or self.model or self.exchange or self.cohort
        # A whole trace id is found by its index.
        return Source.SPANS if inside or named or len(self.trace) == _WHOLE_TRACE_ID else Source.CALLS

    @property
    def indexed(self) -> bool:
        """Whether an index leads to the few spans that it can be, wherever in the range they are."""
        attributes = [key for key, value in self.attributes.items() if value and key in INDEXED]
        return bool(self.ids or attributes or len(self.trace) == _WHOLE_TRACE_ID)

    def conditions(self) -> tuple[list[str], dict[str, object]]:
        """SQL conditions on a span, the range of time aside, and the values that they are bound to."""
        asked = _Asked(self.source)
        asked.equal("Environment", "environment", self.environment)
        for column in ("service", "feature", "outcome"):
            asked.equal(column.capitalize(), column, getattr(self, column))
        asked.equal("SpanName", "operation", self.operation)
        asked.equal("UserId", "user", self.user)
        asked.equal("UserCohort", "cohort", self.cohort)
        asked.duration(self.from_ms, self.to_ms)
        if self.failed is not None:
            asked.parts.append("Failed" if self.failed else "NOT Failed")
        for place, (name, value) in enumerate(self.ids.items()):
            asked.any_of(f"id{place}", IDS[name], value)
        asked.any_of("model", ("gen_ai.request.model", "gen_ai.response.model"), self.model)
        asked.any_of("exchange", ("exchange.id",), self.exchange)
        for place, (name, told) in enumerate(self.attributes.items()):
            asked.attribute(place, name, told)
        asked.trace(self.trace)
        return asked.parts, asked.bound


class _Asked:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.parts: list[str] = []
        self.bound: dict[str, object] = {}

    def equal(self, column: str, name: str, value: str) -> None:
        if value:
            self.parts.append(f"{column} = {{{name}:String}}")
            self.bound[name] = value

    def duration(self, from_ms: float | None, to_ms: float | None) -> None:
        column = duration(self.source)
        for name, sign, bound in (("from_ns", ">=", from_ms), ("to_ns", "<=", to_ms)):
            if bound is not None:
                self.parts.append(f"{column} {sign} {{{name}:UInt64}}")
                self.bound[name] = round(bound * 1e6)

    def any_of(self, name: str, keys: tuple[str, ...], value: str) -> None:
        if not value:
            return
        tests = " OR ".join(f"SpanAttributes['{key}'] = {{{name}:String}}" for key in keys)
        self.bound[name] = value
        self._indexed(keys, name)
        self.parts.append(f"({tests})")

    def attribute(self, place: int, key: str, value: str | None) -> None:
        self.bound[f"key{place}"] = key
        if value is None:
            self.parts.append(
                f"(mapContains(SpanAttributes, {{key{place}:String}}) "
                f"OR mapContains(ResourceAttributes, {{key{place}:String}}))"
            )
            return
        self.bound[f"value{place}"] = value
        self._indexed((key,), f"value{place}")
        self.parts.append(
            f"(SpanAttributes[{{key{place}:String}}] = {{value{place}:String}} "
            f"OR ResourceAttributes[{{key{place}:String}}] = {{value{place}:String}})"
        )

    def trace(self, text: str) -> None:
        if len(text) == _WHOLE_TRACE_ID:
            self.equal("TraceId", "trace", text)
        elif text:
            self.parts.append("startsWith(TraceId, {trace:String})")
            self.bound["trace"] = text

    def _indexed(self, keys: tuple[str, ...], name: str) -> None:
        if INDEXED.issuperset(keys):
            self.parts.append(f"has(Ids, {{{name}:String}})")


def duration(source: Source) -> str:
    """The column of a span's duration in ns."""
    return "DurationNs" if source is Source.CALLS else "Duration"


def nanoseconds(at: datetime) -> int:
    """Unix time in ns, exact to the microsecond."""
    passed = at - _EPOCH
    return ((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1_000


def pairs(texts: list[str]) -> dict[str, str | None]:
    """Attributes from texts such as `exchange.id=kraken`; without `=` the attribute only has to be there.

    Raises:
        InvalidRequest: a text without a name, one too long, or too many.
    """
    if len(texts) > MOST_ATTRIBUTES:
        raise InvalidRequest(f"query parameter attribute: at most {MOST_ATTRIBUTES} of them")
    found: dict[str, str | None] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not name or len(name) > 200 or len(value) > 1_000:
            raise InvalidRequest("query parameter attribute: must be name=value, or a name alone")
        found[name] = value if sign else None
    return found
