"""Facts of one moment: each is a log record with an event name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import chain
from typing import Literal, TypedDict

from opentelemetry._logs import SeverityNumber

from observatory_sdk import frame, scope
from observatory_sdk.conventions import Attribute, Fact, common
from observatory_sdk.facts.checks import checked
from observatory_sdk.guard import Guard

_GUARD = Guard("facts")


class Common(TypedDict, total=False):
    """What every event may say besides its own; `service`, `feature` and user default to the context's.

    `time_unix_nano`: when it happened, nanoseconds since 1970 UTC; default now. `severity`: default `info`.
    """

    service: str
    feature: str
    user_id: str
    user_cohort: str
    user_plan: str
    decision_id: str
    signal_id: str
    order_id: str
    outcome: Literal["success", "failure", "partial", "simulated"]
    outcome_reason: str
    error_type: str
    time_unix_nano: int
    severity: Literal["info", "warning", "critical"]


_NAMES: Mapping[str, Attribute] = {
    "service": common.SERVICE,
    "feature": common.FEATURE,
    "user_id": common.USER_ID,
    "user_cohort": common.USER_COHORT,
    "user_plan": common.USER_PLAN,
    "decision_id": common.DECISION_ID,
    "signal_id": common.SIGNAL_ID,
    "order_id": common.ORDER_ID,
    "outcome": common.OUTCOME,
    "outcome_reason": common.OUTCOME_REASON,
    "error_type": common.ERROR_TYPE,
}
_SEVERITIES = {
    "info": (SeverityNumber.INFO, "INFO"),
    "warning": (SeverityNumber.WARN, "WARN"),
    "critical": (SeverityNumber.FATAL, "FATAL"),
}


def emit(fact: Fact, values: Mapping[Attribute, object], also: Common) -> None:
    """Send one event. Errors of ours are counted, never raised, except in strict mode."""
    with _GUARD:
        if scope.deaf():
            return
        number, text = _SEVERITIES[also.get("severity", "info")]
        stamp = {common.SERVICE.name: fact.owner, **frame.current().stamp}
        given = ((_NAMES[name], value) for name, value in also.items() if name in _NAMES)
        now = time.time_ns()
        scope.current().logger.emit(
            timestamp=also.get("time_unix_nano", now),
            observed_timestamp=now,
            severity_number=number,
            severity_text=text,
            event_name=fact.name,
            attributes={**stamp, **checked(chain(given, values.items()))},
        )
