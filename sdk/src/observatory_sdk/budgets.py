"""What one span, log record or service may cost: bounds that are kept where telemetry leaves, with every cut counted.

A program that puts an id into a span's name, or a page into an attribute, must not make the store's indexes grow with
its traffic. How many attributes there may be and how long they are is kept by OpenTelemetry, which does not tell.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from threading import Lock

from opentelemetry.sdk._logs import LogRecordLimits, ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits

from observatory_sdk.conventions import common
from observatory_sdk.guard import LOSSES, Guard
from observatory_sdk.redaction import MAX_LENGTH
from observatory_sdk.sampling import attributes_of, is_fact

ATTRIBUTES = 128
EVENTS = 128
LINKS = 128
ATTRIBUTE_LENGTH = 16_384
OTHER = "other"
ID = "{id}"

_GUARD = Guard("budgets")
_ID = re.compile(
    r"""(?xi)
    (?<![0-9a-z]) (?: [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12} | (?:0x)? (?=[a-f]*\d) [0-9a-f]{16,} | \d{6,} )
        (?![0-9a-z])
    | (?<=/) \d+ (?= [/?] | \Z )
    """
)


def span_limits() -> SpanLimits:
    """The bounds of a span. Given in full: the host's environment must not lift them."""
    return SpanLimits(
        max_span_attributes=ATTRIBUTES,
        max_event_attributes=ATTRIBUTES,
        max_link_attributes=ATTRIBUTES,
        max_events=EVENTS,
        max_links=LINKS,
        max_attribute_length=ATTRIBUTE_LENGTH,
        max_span_attribute_length=ATTRIBUTE_LENGTH,
    )


def log_limits() -> LogRecordLimits:
    """The bounds of a log record."""
    return LogRecordLimits(max_log_record_attributes=ATTRIBUTES, max_log_record_attribute_length=ATTRIBUTE_LENGTH)


class Names:
    """Span names by service, so many and no more; what looks like an id in them is one name for all."""

    SERVICES = 200
    EACH = 500
    _CACHED = 10_000

    def __init__(self) -> None:
        self._lock = Lock()
        self._names: dict[str, set[str]] = {}
        self._known: dict[tuple[str, str], str] = {}

    def of(self, service: str, name: str) -> str:
        """The name under which it is sent. Services beyond the bound share one budget."""
        found = self._known.get((service, name))
        if found is not None:
            return found
        folded = _ID.sub(ID, name)
        with self._lock:
            names = self._names.get(service)
            if names is None:
                names = self._names.setdefault(service if len(self._names) < self.SERVICES else "", set())
            if folded not in names and len(names) >= self.EACH:
                LOSSES.tally("span names over budget")
                return OTHER
            names.add(folded)
            if len(self._known) < self._CACHED:
                self._known[service, name] = folded
        return folded


NAMES = Names()


def bounded_span(span: ReadableSpan, names: Names = NAMES) -> ReadableSpan:
    """The span with a name of its service's budget; the same object when it has one. What was cut is counted.

    Facts keep their names: they are declared, or name a model.
    """
    with _GUARD:
        _count("attributes over budget", span.dropped_attributes)
        _count("span events over budget", span.dropped_events)
        _count("span links over budget", span.dropped_links)
        attributes = attributes_of(span)
        _count("attribute values cut", _cut(attributes.values()))
        name = span.name if is_fact(span, attributes) else names.of(_service(span, attributes), span.name)
        if name != span.name:
            span = copy.copy(span)
            span._name = name  # a copy by OpenTelemetry's own means would forget what was dropped
    return span


def count_record(record: ReadableLogRecord) -> None:
    """Count what was cut from a log record, and will be from its body."""
    with _GUARD:
        _count("attributes over budget", record.dropped_attributes)
        found = record.log_record
        _count("attribute values cut", _cut((found.attributes or {}).values()))
        _count("log bodies cut", isinstance(found.body, str) and len(found.body) > MAX_LENGTH)


def _count(reason: str, times: int) -> None:
    if times:
        LOSSES.tally(reason, times)


def _cut(values: Iterable[object]) -> int:
    # OpenTelemetry cuts without a word: a text of exactly this length has been longer, all but for a freak.
    cut = 0
    for value in values:
        if type(value) is str and len(value) == ATTRIBUTE_LENGTH:
            cut += 1
    return cut


def _service(span: ReadableSpan, attributes: Mapping[str, object]) -> str:
    found = attributes.get(common.SERVICE.name)
    if found:
        return str(found)
    return "" if span.instrumentation_scope is None else span.instrumentation_scope.name
