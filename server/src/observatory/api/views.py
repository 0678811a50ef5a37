"""Saved views of the pages, and boards of panels of one's own; everybody who may read sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.listing import Cursor, Limit, Listing, Numbered, cut
from observatory.api.origin import local
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import InvalidRequest, NotFound
from observatory.state import ViewRecord, ViewTerms

router = APIRouter(prefix="/api/v1/monitoring/views", tags=["views"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
ViewId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Kind = Literal["view", "board"]
MOST = 1_000
MOST_PANELS = 24
_PANEL: dict[str, Any] = {
    "title": "Slow model calls",
    "indicator": "ai_systems.latency_p95",
    "member": "",
    "chart": "line",
    "wide": False,
}
_VIEW: dict[str, Any] = {
    "id": 7,
    "kind": "view",
    "name": "Costs of the week",
    "address": "/costs?range=7d&by=model",
    "panels": [],
    "created_at": "2026-01-02T03:04:05Z",
    "created_by": "session:12",
    "changed_at": "2026-01-02T03:04:05Z",
    "changed_by": "session:12",
}


class Panel(BaseModel):
    """One panel of a board: the history of an indicator."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PANEL]})

    title: str = Field(max_length=128, description="Empty: the indicator's own sentence.")
    indicator: str = Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$", max_length=160, description="Id, as `indicators` has it.")
    member: str = Field("", max_length=512, description="One member; empty: all of them.")
    chart: Literal["line", "area", "bars", "number"] = "line"
    wide: bool = Field(False, description="Over the whole width.")


class ViewWanted(BaseModel):
    """What shall be kept: an address of the pages for a view, panels for a board."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = "view"
    name: str = Field(min_length=1, max_length=128, pattern=r"\S", examples=["Costs of the week"])
    address: str = Field("", max_length=2_048, examples=["/costs?range=7d&by=model"])
    panels: list[Panel] = Field([], max_length=MOST_PANELS)

    @model_validator(mode="after")
    def _whole(self) -> ViewWanted:
        if self.kind == "view" and (not self.address or local(self.address) != self.address or self.panels):
            raise ValueError("a view has an address of these pages, which begins with /, and no panels")
        if self.kind == "board" and self.address:
            raise ValueError("a board has panels and no address")
        return self


class ViewItem(Numbered):
    """One saved view or board."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VIEW]})

    kind: Kind
    name: str
    address: str = Field(description="Of a view: where it is. Empty for a board.")
    panels: list[Panel] = Field(description="Of a board, in their order.")
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class ViewList(Listing[ViewItem]):
    """One page of views, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_VIEW], "next": None}]})


@router.get("", response_model=ViewList)
async def show(
    request: Request,
    kind: Annotated[Kind | None, Query(description="Only these; without: all.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[ViewItem]:
    """Saved views and boards, newest first."""
    async with control_of(request).reading() as rows:
        records = await rows.views.page(cursor, limit + 1, kind or "")
    return cut([_item(record) for record in records], limit)


@router.get("/{view_id}", response_model=ViewItem)
async def one(request: Request, view_id: ViewId) -> ViewItem:
    """One saved view or board."""
    async with control_of(request).reading() as rows:
        record = await rows.views.find(view_id)
    if record is None:
        raise NotFound(f"no view {view_id}")
    return _item(record)


@router.post("", status_code=201, response_model=ViewItem)
async def create(request: Request, principal: Operator, wanted: ViewWanted) -> ViewItem:
    """Save a view, or a board of panels."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        if await rows.views.count() >= MOST:
            raise InvalidRequest(f"there are {MOST} views already: delete some first")
        record = await rows.views.insert(_terms(wanted), principal.actor, now)
        await rows.audit.insert(principal.actor, f"{wanted.kind}.created", f"view:{record.id}", wanted.name, now)
    return _item(record)


@router.put("/{view_id}", response_model=ViewItem)
async def replace(request: Request, principal: Operator, view_id: ViewId, wanted: ViewWanted) -> ViewItem:
    """Put another in its place, under the same id."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        record = await rows.views.replace(view_id, _terms(wanted), principal.actor, now)
        if record is None:
            raise NotFound(f"no view {view_id}")
        await rows.audit.insert(principal.actor, f"{wanted.kind}.changed", f"view:{view_id}", wanted.name, now)
    return _item(record)


@router.delete("/{view_id}", status_code=204)
async def remove(request: Request, principal: Operator, view_id: ViewId) -> None:
    """Delete a view or a board."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        record = await rows.views.delete(view_id)
        if record is None:
            raise NotFound(f"no view {view_id}")
        subject = f"view:{view_id}"
        await rows.audit.insert(principal.actor, f"{record.terms.kind}.deleted", subject, record.terms.name, now)


def _terms(wanted: ViewWanted) -> ViewTerms:
    if wanted.kind == "view":
        return ViewTerms(wanted.kind, wanted.name, {"address": wanted.address})
    return ViewTerms(wanted.kind, wanted.name, {"panels": [each.model_dump() for each in wanted.panels]})


def _item(record: ViewRecord) -> ViewItem:
    terms = record.terms
    return ViewItem(
        id=record.id,
        kind="board" if terms.kind == "board" else "view",
        name=terms.name,
        address=terms.content.get("address", ""),
        panels=[Panel.model_validate(each) for each in terms.content.get("panels", [])],
        created_at=record.created_at,
        created_by=record.created_by,
        changed_at=record.changed_at,
        changed_by=record.changed_by,
    )
