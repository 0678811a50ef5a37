"""Tokens, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from observatory.api.access import require, tokens_of
from observatory.api.listing import Cursor, Limit, Listing, Numbered, cut
from observatory.auth import ADMIN, Principal
from observatory.state import TokenRecord

router = APIRouter(prefix="/api/v1/monitoring/tokens", tags=["tokens"], dependencies=[Depends(require(ADMIN))])

Admin = Annotated[Principal, Depends(require(ADMIN))]
TokenId = Annotated[int, Path(ge=1, le=2**63 - 1)]

_REASON = Field("", max_length=512, description="Why, for the audit log.")


class TokenItem(Numbered):
    """A token without its secret. `last_used_at` is at most 15 s behind, null when it was never used."""

    name: str
    scopes: list[str] = Field(examples=[["read"]])
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_TOKEN: dict[str, Any] = {
    "id": 3,
    "name": "collector in Frankfurt",
    "scopes": ["ingest"],
    "created_at": "2026-01-02T03:04:05Z",
    "created_by": "token 1",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-01-02T04:04:05Z",
}


class TokenList(Listing[TokenItem]):
    """One page of tokens, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_TOKEN], "next": None}]})


class TokenIssued(TokenItem):
    """A new token. Its text is shown this once."""

    token: str = Field(examples=["obs_…"])


class TokenWanted(BaseModel):
    """What a new token shall be."""

    # A misspelt name must not make a token that never expires.
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=128, examples=["collector in Frankfurt"])
    scopes: list[str] = Field(max_length=7, examples=[["ingest"]])
    expires_in_s: int | None = Field(None, description="Null: it does not expire.", examples=[86_400])
    reason: str = _REASON


@router.get("", response_model=TokenList)
async def show(request: Request, limit: Limit = 50, cursor: Cursor = None) -> Listing[TokenItem]:
    """All tokens, newest first; those revoked or expired too."""
    records = await tokens_of(request).page(cursor, limit + 1)
    return cut([_item(record) for record in records], limit)


@router.post("", status_code=201)
async def issue(request: Request, principal: Admin, wanted: TokenWanted) -> TokenIssued:
    """Make a token. It is in force at once; its text is never shown again."""
    text, record = await tokens_of(request).issue(
        wanted.name, wanted.scopes, wanted.expires_in_s, principal.actor, wanted.reason
    )
    return TokenIssued(token=text, **_item(record).model_dump())


@router.delete("/{token_id}", status_code=204)
async def revoke(
    request: Request, principal: Admin, token_id: TokenId, reason: Annotated[str, Query(max_length=512)] = ""
) -> None:
    """End a token and every session opened with it, at once."""
    await tokens_of(request).revoke(token_id, principal.actor, reason)


def _item(record: TokenRecord) -> TokenItem:
    return TokenItem(
        id=record.id,
        name=record.name,
        scopes=sorted(record.scopes),
        created_at=record.created_at,
        created_by=record.created_by,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
    )
