"""Login links, for administrators and the command line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from observatory.api.access import require, tokens_of
from observatory.auth import ADMIN, Principal

router = APIRouter(prefix="/api/v1/monitoring/login-links", tags=["tokens"])


class LinkWanted(BaseModel):
    """What the session of a new login link may do, and how long the link is good."""

    model_config = ConfigDict(extra="forbid")

    scopes: list[str] = Field(max_length=7, examples=[["read"]])
    ttl_s: int = Field(600, description="Seconds until it expires unused.")


class LinkIssued(BaseModel):
    """A login link. It opens one session, once."""

    url: str
    expires_at: datetime


@router.post("", status_code=201)
async def issue(
    request: Request, principal: Annotated[Principal, Depends(require(ADMIN))], wanted: LinkWanted
) -> LinkIssued:
    """Make a login link to hand to a person."""
    issued_at: datetime = request.app.state.clock.now()
    code = await tokens_of(request).issue_login_link(wanted.scopes, wanted.ttl_s, principal.actor)
    return LinkIssued(url=f"{request.base_url}login/{code}", expires_at=issued_at + timedelta(seconds=wanted.ttl_s))
