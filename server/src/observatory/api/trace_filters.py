"""What traces are looked for by, as parameters of a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query

from observatory.api.explorer import Asker, Attributes, Id, TraceId, attributes_of
from observatory.errors import InvalidRequest
from observatory.explore.wanted import IDS, Wanted

Status = Literal["ok", "error"]
_MOST_MS = 86_400_000
Milliseconds = Annotated[float | None, Query(ge=0, le=_MOST_MS, description="Bound of the span's duration in ms.")]
_ONE_TEXT = ("service", "operation", "feature", "cohort", "outcome", "model", "exchange")
_CHANGED = (*_ONE_TEXT, "status", "from_ms", "to_ms", "attribute", *IDS)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a span must be, but for its range, environment and user."""

    service: str
    operation: str
    feature: str
    cohort: str
    outcome: str
    model: str
    exchange: str
    status: Status | None
    from_ms: float | None
    to_ms: float | None
    attributes: Mapping[str, str | None]
    ids: Mapping[str, str]
    trace: str

    def wanted(self, asked: Asker, since: datetime, until: datetime) -> Wanted:
        """The same, of a range, an environment and whoever may be looked at."""
        return Wanted(
            asked.environment,
            since,
            until,
            **{name: getattr(self, name) for name in _ONE_TEXT},
            user=asked.user,
            attributes=self.attributes,
            from_ms=self.from_ms,
            to_ms=self.to_ms,
            failed=None if self.status is None else self.status == "error",
            ids=self.ids,
            trace=self.trace,
        )


async def filters(
    service: Annotated[str, Query(max_length=200, description="Id of the span's service.")] = "",
    operation: Annotated[str, Query(max_length=500, description="Name of the span.")] = "",
    feature: Annotated[str, Query(max_length=200, description="The business feature, such as `chat`.")] = "",
    cohort: Annotated[str, Query(max_length=200, description="The users' cohort.")] = "",
    outcome: Annotated[str, Query(max_length=64, description="`success`, `failure`, `partial`, `simulated`.")] = "",
    model: Annotated[str, Query(max_length=200, description="Model that was asked or that answered.")] = "",
    exchange: Annotated[str, Query(max_length=200, description="Id of the exchange.")] = "",
    status: Annotated[Status | None, Query(description="Whether the span failed.")] = None,
    from_ms: Milliseconds = None,
    to_ms: Milliseconds = None,
    attribute: Attributes = None,
    signal: Id = "",
    order: Id = "",
    decision: Id = "",
    conversation: Id = "",
    trace: TraceId = "",
) -> Filters:
    """What a span must be.

    Raises:
        InvalidRequest: an attribute without a name, or bounds that contradict each other.
    """
    ids = {"signal": signal, "order": order, "decision": decision, "conversation": conversation}
    found = Filters(
        service,
        operation,
        feature,
        cohort,
        outcome,
        model,
        exchange,
        status,
        from_ms,
        to_ms,
        attributes_of(attribute),
        {name: value for name, value in ids.items() if value},
        trace.lower(),
    )
    return _checked(found)


def changed(found: Filters, texts: Sequence[str]) -> Filters:
    """Filters with others in the place of some, from texts such as `status=ok`.

    Raises:
        InvalidRequest: a text that is none, or names what cannot be changed.
    """
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name not in _CHANGED:
            raise InvalidRequest(f"query parameter usual: must be name=value with one of {', '.join(_CHANGED)}")
        found = _changed(found, name, value)
    return _checked(found)


def _changed(found: Filters, name: str, value: str) -> Filters:
    if name in _ONE_TEXT:
        return replace(found, **{name: value})  # type: ignore[arg-type]  # these are texts
    if name in IDS:
        others = {key: each for key, each in found.ids.items() if key != name}
        return replace(found, ids=others | ({name: value} if value else {}))
    if name == "attribute":
        return replace(found, attributes={**found.attributes, **attributes_of([value])})
    if name == "status":
        if value not in ("", "ok", "error"):
            raise InvalidRequest("query parameter usual: status must be ok or error, or empty")
        return replace(found, status=value or None)  # type: ignore[arg-type]  # one of these
    return replace(found, **{name: _milliseconds(value)})  # type: ignore[arg-type]  # a bound


def _milliseconds(text: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 <= value <= _MOST_MS:
        raise InvalidRequest(f"query parameter usual: a duration must be from 0 to {_MOST_MS} ms")
    return value


def _checked(found: Filters) -> Filters:
    if found.from_ms is not None and found.to_ms is not None and found.from_ms > found.to_ms:
        raise InvalidRequest("query parameter from_ms: is longer than to_ms")
    return found
