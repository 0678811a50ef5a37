"""The audit log, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict

from observatory.api.access import require, tokens_of
from observatory.api.listing import Cursor, Limit, Listing, Numbered, cut
from observatory.auth import ADMIN

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


@router.get("", response_model=AuditList)
async def show(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Listing[AuditItem]:
    """Lines of the audit log, newest first."""
    entries = await tokens_of(request).audit(cursor, limit + 1)
    return cut([AuditItem.model_validate(entry, from_attributes=True) for entry in entries], limit)
