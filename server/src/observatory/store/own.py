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
LOG = _common("LogAttributes")
POINT = {
    "Environment": (_LOW, _environment()),
    "Service": (_LOW, _service("Attributes")),
    "Instance": ("String", "ResourceAttributes['service.instance.id']"),
}
