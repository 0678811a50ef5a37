"""Alert rules: which are in force and since when, own ones, and changes of shipped ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory.alerting import Rulebook, RuleError
from observatory.alerting.rulebook import InForce
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import SeverityName, evaluator_of
from observatory.api.listing import Limit
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import InvalidRequest, NotFound

router = APIRouter(prefix="/api/v1/monitoring/rules", tags=["rules"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
RuleId = Annotated[str, Path(min_length=1, max_length=160)]
OriginName = Literal["shipped", "file", "own", "overridden"]
_ENTRY: dict[str, Any] = {
    "id": "own.slow_models",
    "sentence": "models answer slowly",
    "severity": "warning",
    "for": "30s",
    "condition": {"kind": "bound", "indicator": "ai_systems.latency_p95", "level": "warning", "bound": "> 8000"},
}
_RULE: dict[str, Any] = {
    "id": "own.slow_models",
    "sentence": "models answer slowly",
    "severity": "warning",
    "kind": "bound",
    "enabled": True,
    "origin": "own",
    "since": "2026-01-02T03:04:05.000Z",
    "by": "token:3",
    "reason": "the desk asked for it",
    "place": "control store, by token:3",
    "family": "own.slow_models",
    "area": "ai_systems",
    "runbook": "",
    "entry": _ENTRY,
    "change": {},
}


class RuleItem(BaseModel):
    """A rule in force. `entry` is all of it, as in a rule file; `change` what was changed of a shipped one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULE]})

    id: str
    sentence: str
    severity: SeverityName
    kind: str = Field(description="Kind of its condition: bound, service, expected, sql, anomaly, burn, told.")
    enabled: bool
    origin: OriginName
    since: str | None = Field(description="Since when it is in force as it is; null: as the server came.")
    by: str = Field(description="Who brought it into force; empty for a file's.")
    reason: str
    place: str = Field(description="File and line, or the control store.")
    family: str
    area: str
    runbook: str
    entry: dict[str, Any]
    change: dict[str, Any]


class RefusedItem(BaseModel):
    """A file, or a text of the control store, that could not be taken; what was in force before it stays."""

    place: str
    line: int
    reason: str
    at: str


class RuleList(BaseModel):
    """One page of rules by id. `next` is null on the last page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_RULE], "next": None, "refused": []}]})

    items: list[RuleItem]
    next: str | None
    refused: list[RefusedItem]


class RuleFile(BaseModel):
    """A rule file, to be put into `rules_dir` as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rules": [_ENTRY]}]})

    rules: list[dict[str, Any]]


class RuleWanted(BaseModel):
    """A rule, or what shall be different of a shipped one, with the fields of a rule file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"entry": _ENTRY, "reason": ""}]})

    entry: dict[str, Any] = Field(max_length=32)
    reason: str = Field("", max_length=512, description="Why, for the audit log.")


@router.get("", response_model=RuleList)
async def show(
    request: Request,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=160, description="`next` of the page before.")] = None,
    origin: OriginName | None = None,
    severity: SeverityName | None = None,
    area: Annotated[str, Query(max_length=64)] = "",
) -> dict[str, Any]:
    """The rules in force, by id."""
    book = _book(request)
    fitting = [
        each
        for rule_id, each in sorted(book.in_force.items())
        if (cursor is None or rule_id > cursor)
        and origin in (None, each.rule.origin.value)
        and severity in (None, each.rule.severity.value)
        and area in ("", each.rule.area)
    ]
    page = fitting[:limit]
    return {
        "items": [_item(each) for each in page],
        "next": page[-1].rule.id if len(fitting) > limit else None,
        "refused": [
            {"place": each.place, "line": each.line, "reason": each.reason, "at": health_json.moment(each.at)}
            for each in book.refused
        ],
    }


@router.get("/export", response_model=RuleFile)
async def export(request: Request, response: Response) -> dict[str, Any]:
    """Own rules and changed ones, as a rule file: JSON is YAML."""
    response.headers["Content-Disposition"] = 'attachment; filename="rules.yaml"'
    return {"rules": _book(request).export()}


@router.get("/{rule_id}", response_model=RuleItem)
async def one(request: Request, rule_id: RuleId) -> dict[str, Any]:
    """One rule in force."""
    found = _book(request).in_force.get(rule_id)
    if found is None:
        raise NotFound(f"no rule {rule_id!r}")
    return _item(found)


@router.post("", status_code=201, response_model=RuleItem)
async def create(request: Request, principal: Operator, wanted: RuleWanted) -> dict[str, Any]:
    """Bring a rule of one's own into force, at once."""
    with _refusing():
        return _item(await _book(request).create(wanted.entry, principal.actor, wanted.reason))


@router.put("/{rule_id}", response_model=RuleItem)
async def change(request: Request, principal: Operator, rule_id: RuleId, wanted: RuleWanted) -> dict[str, Any]:
    """Give an own rule another text; of any other, change the fields that are named."""
    with _refusing():
        return _item(await _book(request).change(rule_id, wanted.entry, principal.actor, wanted.reason))


@router.delete("/{rule_id}", status_code=204)
async def remove(
    request: Request, principal: Operator, rule_id: RuleId, reason: Annotated[str, Query(max_length=512)] = ""
) -> None:
    """End an own rule; or take back what was changed about another."""
    await _book(request).remove(rule_id, principal.actor, reason)


def _book(request: Request) -> Rulebook:
    return evaluator_of(request).rulebook


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except RuleError as error:
        raise InvalidRequest(f"entry.{error}") from None


def _item(found: InForce) -> dict[str, Any]:
    rule = found.rule
    return {
        "id": rule.id,
        "sentence": rule.sentence,
        "severity": rule.severity.value,
        "kind": rule.condition.kind,
        "enabled": rule.enabled,
        "origin": rule.origin.value,
        "since": health_json.moment(rule.since),
        "by": found.record.created_by if found.record else "",
        "reason": found.record.reason if found.record else "",
        "place": found.written.place,
        "family": rule.family,
        "area": rule.area,
        "runbook": rule.runbook,
        "entry": dict(found.written.entry),
        "change": dict(found.change),
    }
