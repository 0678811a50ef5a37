"""What one environment has told, read from the telemetry store by SQL."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from evidence import Event, Evidence, Point, Span

from observatory.store import Store

_WITHIN = re.compile(r"{within:(\w+)}")
_WHOLE = re.compile(r"-?\d{1,18}")
_SPANS = """
SELECT SpanName, SpanAttributes, toUnixTimestamp64Nano(Timestamp), Duration, StatusCode, TraceId, SpanId, ParentSpanId
FROM otel_traces WHERE Environment = '{environment}' AND {within:Timestamp}
"""
_EVENTS = """
SELECT EventName, LogAttributes, toUnixTimestamp64Nano(Timestamp)
FROM otel_logs WHERE Environment = '{environment}' AND EventName != '' AND {within:Timestamp}
"""
_POINTS = """
SELECT MetricName, Attributes, Value, toUnixTimestamp64Nano(TimeUnix)
FROM otel_metrics_{kind} WHERE Environment = '{environment}' AND {within:TimeUnix} AND isNotNull(Value)
"""


class Told:
    """The telemetry of one environment. Times are nanoseconds since 1970."""

    def __init__(self, store: Store, environment: str) -> None:
        self._store = store
        self.environment = environment

    def evidence(self, from_ns: int, to_ns: int) -> Evidence:
        """What is stored by now of what began from one moment on and before another."""
        points = [self._rows(_POINTS.replace("{kind}", kind), from_ns, to_ns) for kind in ("gauge", "sum")]
        return Evidence(
            [_span(*row) for row in self._rows(_SPANS, from_ns, to_ns)],
            [Event(name, typed(attributes), time) for name, attributes, time in self._rows(_EVENTS, from_ns, to_ns)],
            [Point(name, typed(found), value, time) for rows in points for name, found, value, time in rows],
        )

    def trace(self, trace_id: str) -> Evidence:
        """The spans and events of one trace."""
        spans, events = (self.rows(_WITHIN.sub(f"TraceId = '{trace_id}'", sql)) for sql in (_SPANS, _EVENTS))
        return Evidence([_span(*row) for row in spans], [Event(name, typed(found), ns) for name, found, ns in events])

    def rows(self, sql: str) -> list[Any]:
        """What a statement returns; `{environment}` stands for the name of this one."""
        return list(self._store.rows(sql.replace("{environment}", self.environment)))

    def _rows(self, sql: str, from_ns: int, to_ns: int) -> list[Any]:
        def within(match: re.Match[str]) -> str:
            column = match[1]
            first, last = (f"fromUnixTimestamp64Nano({ns}, 'UTC')" for ns in (from_ns, to_ns))
            return f"{column} >= {first} AND {column} < {last}"

        return self.rows(_WITHIN.sub(within, sql))


def _span(name: str, attributes: Mapping[str, str], start_ns: int, duration_ns: int, status: str, *ids: str) -> Span:
    return Span(name, typed(attributes), start_ns, start_ns + duration_ns, status == "Error", *ids)


def typed(attributes: Mapping[str, str]) -> dict[str, object]:
    """The attributes as they were told: the store keeps the text of each.

    A text that is not exactly what the store writes for a number, such as `1.50`, was told as text: money is.
    """
    return {name: _typed(text) for name, text in attributes.items()}


def _typed(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) and repr(number) == text else text
