"""The audit log, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ConfigDict

from observatory.api.access import require, tokens_of
from observatory.api.listing import Cursor, Limit, Listing, Numbered, cut
from observatory.api.ranges import moment
from observatory.auth import ADMIN
from observatory.state import AuditWanted

router = APIRouter(prefix="/api/v1/monitoring/audit", tags=["audit"], dependencies=[Depends(require(ADMIN))])


class AuditItem(Numbered):
    """Who did what to what, when and why."""

    at: datetime
    actor: str
    action: str
    subject: str
    reason: str


_LINE: dict[str, Any] = {
    "id": 12,
    "at": "2026-01-02T03:04:05Z",
    "actor": "token 1",
    "action": "token.issue",
    "subject": "token 3",
    "reason": "the collector in Frankfurt is new",
}


class AuditList(Listing[AuditItem]):
    """One page of the audit log, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_LINE], "next": None}]})


Text = Annotated[str, Query(max_length=160, description="Exactly, or what it begins with when it ends with `*`.")]
Time = Annotated[str | None, Query(max_length=64, description="RFC 3339.")]


@router.get("", response_model=AuditList)
async def show(
    request: Request,
    actor: Text = "",
    action: Text = "",
    subject: Text = "",
    since: Time = None,
    until: Time = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[AuditItem]:
    """What people did, newest first: who, what, to what, when and why. Logins that were refused are here too."""
    wanted = AuditWanted(
        actor,
        action,
        subject,
        None if since is None else moment("since", since),
        None if until is None else moment("until", until),
    )
    entries = await tokens_of(request).audit(cursor, limit + 1, wanted)
    return cut([AuditItem.model_validate(entry, from_attributes=True) for entry in entries], limit)
