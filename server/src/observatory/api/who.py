"""Who is asking: what a page shows and offers depends on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from observatory.api.access import whoever
from observatory.auth import READ, Principal

router = APIRouter(prefix="/api/v1/monitoring/session", tags=["session"])


class SessionItem(BaseModel):
    """The caller, as far as he may know it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "actor": "session:12",
                    "name": "session:12",
                    "scopes": ["read"],
                    "user": None,
                    "environments": ["production", "staging"],
                }
            ]
        }
    )

    actor: str = Field(description="As the audit log names him.")
    name: str = Field(description="Of the token; of a session the same as `actor`.")
    scopes: list[str]
    user: str | None = Field(description="The one user whom he may see; null when he may see all, or none.")
    environments: list[str] = Field(description="With telemetry, the default one first; empty for who may not read.")


@router.get("")
async def show(request: Request, principal: Annotated[Principal, Depends(whoever)]) -> SessionItem:
    """Who is asking with this token or session, what he may do, and which environments there are."""
    reads = principal.allows(READ)
    snapshots = getattr(request.app.state, "snapshots", None)
    return SessionItem(
        actor=principal.actor,
        name=principal.name,
        scopes=sorted(principal.scopes),
        user=None if reads else principal.user,
        environments=list(snapshots.environments) if reads and snapshots is not None else [],
    )
