"""Backups of the telemetry store, for administrators and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.auth import ADMIN, Principal
from observatory.errors import InvalidRequest, StoreError
from observatory.store.backup import Manifest

router = APIRouter(prefix="/api/v1/monitoring/backups", tags=["store"], dependencies=[Depends(require(ADMIN))])

Admin = Annotated[Principal, Depends(require(ADMIN))]
_BODY_BYTES = 16_384


class BackupWanted(BaseModel):
    """The name of a new backup; it becomes a folder below the server's folder of backups."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["2026-01-31"])


class BackupMade(BaseModel):
    """A backup: where it is on the server's machine, and the rows of each table in it."""

    folder: str
    rows: dict[str, int]


@router.post("", status_code=201, max_body_size=_BODY_BYTES)
async def make(request: Request, principal: Admin, wanted: BackupWanted) -> BackupMade:
    """Back the store up while it runs. The parts are hard links: they cost no space until the store merges them."""
    back_up: Callable[[str], tuple[str, Manifest]] = request.app.state.back_up
    try:
        folder, manifest = await asyncio.to_thread(back_up, wanted.name)
    except StoreError as error:
        raise InvalidRequest(str(error)) from error
    async with control_of(request).writing() as rows:
        now = request.app.state.clock.now()
        await rows.audit.insert(principal.actor, "backup.made", f"backup:{wanted.name}", "", now)
    return BackupMade(folder=folder, rows={table: manifest.rows(table) for table in manifest.tables})
