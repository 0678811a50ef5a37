"""The columns of ours beside the Collector's: who was called, by whom, for which feature and user, how it ended.

Each is an expression over the Collector's columns, so that the same text serves the embedded path (computed once, in
front of every view) and a table that a stock Collector writes.
"""

from __future__ import annotations

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
        f"{attributes}['observatory.service']",
        "ResourceAttributes['observatory.service']",
        "ScopeName",
        otherwise="toString(ServiceName)",
    )


def _common(attributes: str) -> dict[str, tuple[str, str]]:
    return {
        "Environment": (_LOW, _environment()),
        "Service": (_LOW, _service(attributes)),
        "Feature": (_LOW, f"{attributes}['observatory.feature']"),
        "UserId": (_LOW, f"{attributes}['user.id']"),
        "UserCohort": (_LOW, f"{attributes}['user.cohort']"),
    }


SPAN = _common("SpanAttributes") | {
    "Caller": (_LOW, "SpanAttributes['observatory.caller']"),
    "Outcome": (_LOW, "SpanAttributes['observatory.outcome']"),
    "Failed": ("UInt8", "StatusCode = 'Error' OR SpanAttributes['observatory.outcome'] = 'failure'"),
    # A call of a service: the SDK's entry span, or, of a program without the SDK, what came in from outside.
    "Entry": (
        "UInt8",
        "SpanAttributes['observatory.caller'] != '' OR (SpanAttributes['observatory.service'] = '' "
        "AND (SpanKind IN ('Server', 'Consumer') OR ParentSpanId = ''))",
    ),
}
LOG = _common("LogAttributes")
POINT = {
    "Environment": (_LOW, _environment()),
    "Service": (_LOW, _service("Attributes")),
    "Instance": ("String", "ResourceAttributes['service.instance.id']"),
}


def materialized(columns: dict[str, tuple[str, str]]) -> str:
    """The columns as DDL, computed by the table itself from the Collector's columns."""
    return ",\n    ".join(f"{name} {kind} MATERIALIZED {sql}" for name, (kind, sql) in columns.items())
