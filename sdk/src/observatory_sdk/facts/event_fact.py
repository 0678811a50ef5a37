"""Facts of one moment: each is a log record with an event name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Literal, TypedDict

from opentelemetry._logs import SeverityNumber

from observatory_sdk import clock, frame, scope
from observatory_sdk.conventions import Attribute, Fact, common
from observatory_sdk.errors import FactError
from observatory_sdk.facts.checks import checked, is_instant
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
        _check(fact, also)
        number, text = _SEVERITIES.get(also.get("severity", "info"), _SEVERITIES["info"])
        stamp = {common.SERVICE.name: fact.owner, **frame.current().stamp}
        given = ((_NAMES[name], value) for name, value in also.items() if name in _NAMES)
        now = clock.now_ns()
        moment = also.get("time_unix_nano", now)
        scope.current().logger.emit(
            timestamp=moment if is_instant(moment) else now,
            observed_timestamp=now,
            severity_number=number,
            severity_text=text,
            event_name=fact.name,
            attributes={**stamp, **checked(chain(given, values.items()))},
        )


def _check(fact: Fact, also: Common) -> None:
    """What is wrong with the common arguments is counted; the event goes out without it."""
    with _GUARD:
        unknown = also.keys() - _NAMES.keys() - {"time_unix_nano", "severity"}
        if unknown:
            raise TypeError(f"{fact.name}: unknown {', '.join(sorted(unknown))}")
        if also.get("severity", "info") not in _SEVERITIES:
            raise FactError(f"{fact.name}: severity takes one of {', '.join(_SEVERITIES)}")
        if not is_instant(also.get("time_unix_nano", 0)):
            raise FactError(f"{fact.name}: time_unix_nano takes whole nanoseconds since 1970 UTC")
