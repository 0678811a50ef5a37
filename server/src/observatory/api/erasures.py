"""Erasing users, for administrators and the command line. The id is in no URL, so that no log of requests has it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from observatory.api.access import require
from observatory.auth import ADMIN, Principal
from observatory.ingest.erasure import Erasures

router = APIRouter(prefix="/api/v1/monitoring/erasures", tags=["users"], dependencies=[Depends(require(ADMIN))])

Admin = Annotated[Principal, Depends(require(ADMIN))]
_BODY_BYTES = 16_384


class ErasureWanted(BaseModel):
    """Whom to erase."""

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1, max_length=256, examples=["u-4711"])
    reason: str = Field("", max_length=512, description="Why, for the audit log.")
    delete_backups: bool = Field(False, description="Whether all backups are deleted: each may hold the user.")


class ErasedTable(BaseModel):
    """One table: rows that named the user before and that do after."""

    table: str = Field(description="`telemetry.<table>` or `control.<table>`.")
    before: int
    after: int


_EXAMPLE: dict[str, Any] = {
    "pseudonym": "erased-0a1b2c3d4e5f",
    "looked_for": "anywhere",
    "left": 0,
    "tables": [{"table": "telemetry.fact_orders", "before": 12, "after": 0}],
    "files": ["0f.traces.1.intent"],
    "backups": ["monday"],
}


class ErasureDone(BaseModel):
    """What became of it. `left` is 0 when both stores were read again and no row names the user."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    pseudonym: str = Field(description="What stands in the id's place; nothing leads from it to the user.")
    looked_for: str = Field(
        description="anywhere in any text, as a word, or as the whole of a value that names a user."
    )
    left: int
    tables: list[ErasedTable]
    files: list[str] = Field(description="Bodies that had been put aside and named the user: deleted.")
    backups: list[str] = Field(description="Backups that may still hold the user.")


@router.post("", status_code=201, max_body_size=_BODY_BYTES)
async def erase(request: Request, principal: Admin, wanted: ErasureWanted) -> ErasureDone:
    """Put a pseudonym in a user's place in every table of both stores, and read them again. It may take minutes."""
    erasures: Erasures = request.app.state.erasures
    done = await erasures.erase(wanted.user_id, principal.actor, wanted.reason, with_backups=wanted.delete_backups)
    tables = [ErasedTable(table=name, before=done.before.get(name, 0), after=rows) for name, rows in done.after.items()]
    return ErasureDone(
        pseudonym=done.pseudonym,
        looked_for=done.mode,
        left=done.left,
        tables=tables,
        files=list(done.files),
        backups=list(done.backups),
    )
