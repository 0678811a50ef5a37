"""The columns of ours beside the Collector's: who was called, by whom, for which feature and user, how it ended.

Each is an expression over the Collector's columns, so that the same text serves the embedded path (computed once, in
front of every view) and a table that a stock Collector writes.
"""

from __future__ import annotations

from observatory_sdk.conventions import common

_LOW = "LowCardinality(String)"


def _first(*candidates: str, otherwise: str) -> str:
    conditions = ", ".join(f"{each} != '', {each}" for each in candidates)
    return f"multiIf({conditions}, {otherwise})"


def _environment() -> str:
    names = ("deployment.environment.name", "deployment.environment")
    return _first(*(f"ResourceAttributes['{name}']" for name in names), otherwise="'production'")


def _service(attributes: str) -> str:
    # telemetry contract: the SDK's own mark, then the instrumentation scope, then the process.
    return _first(
        f"{attributes}['{common.SERVICE}']",
        f"ResourceAttributes['{common.SERVICE}']",
        "ScopeName",
        otherwise="toString(ServiceName)",
    )


# For how many spans one that was sampled may stand: a hostile threshold must not make a count of any size.
MOST_WEIGHT = 1_000_000


def _weight() -> str:
    """For how many spans a span stands, from the threshold below which its sender dropped (W3C tracestate, `ot=th:…`).

    A fraction is a chance, by the span's own id, of one more: counts are whole, and right on average.
    """
    digits = "extract(TraceState, '(?:^|,)[ \\t]*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})[ \\t]*(?:[;,]|$)')"
    threshold = f"reinterpretAsUInt64(reverse(unhex(rightPad({digits}, 14, '0'))))"
    chance = "(cityHash64(SpanId) % 1048576) / 1048576"
    stands_for = f"72057594037927936 / (72057594037927936 - {threshold})"
    return f"if(TraceState = '', 1, toUInt32(least(floor({stands_for} + {chance}), {MOST_WEIGHT})))"


def _common(attributes: str) -> dict[str, tuple[str, str]]:
    return {
        "Environment": (_LOW, _environment()),
        "Service": (_LOW, _service(attributes)),
        "Feature": (_LOW, f"{attributes}['{common.FEATURE}']"),
        "UserId": (_LOW, f"{attributes}['{common.USER_ID}']"),
        "UserCohort": (_LOW, f"{attributes}['{common.USER_COHORT}']"),
    }


SPAN = _common("SpanAttributes") | {
    # When a span became known, which is what windows of facts ask for. At most a day after its start, so that a
    # hostile end makes no partitions.
    "EndTimestamp": ("DateTime64(9, 'UTC')", "Timestamp + toIntervalNanosecond(least(Duration, 86400000000000))"),
    "Caller": (_LOW, f"SpanAttributes['{common.CALLER}']"),
    "Outcome": (_LOW, f"SpanAttributes['{common.OUTCOME}']"),
    "Failed": ("UInt8", f"StatusCode = 'Error' OR SpanAttributes['{common.OUTCOME}'] = 'failure'"),
    # A call of a service: the SDK's entry span, or, of a program without the SDK, what came in from outside.
    "Entry": (
        "UInt8",
        f"SpanAttributes['{common.CALLER}'] != '' OR (SpanAttributes['{common.SERVICE}'] = '' "
        "AND (SpanKind IN ('Server', 'Consumer') OR ParentSpanId = ''))",
    ),
}
# Beside the table's own: the table computes it only where it is read.
WEIGHT = {"Weight": ("UInt32", _weight())}
# Whether secrets were taken out of the row here, since its sender had not done so.
REDACTED = {"Redacted": ("UInt8", "Redacted")}
LOG = _common("LogAttributes")
POINT = {
    "Environment": (_LOW, _environment()),
    "Service": (_LOW, _service("Attributes")),
    "Instance": ("String", "ResourceAttributes['service.instance.id']"),
}
