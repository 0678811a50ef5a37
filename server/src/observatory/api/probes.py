"""Probes for whoever runs the process. They need no token, so they tell a status and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(tags=["probes"])


class Health(JSONResponse):
    """The media type that probes of other systems look for."""

    media_type = "application/health+json"


@router.get("/livez", response_class=Health)
async def livez() -> Health:
    """200 while the process answers at all. Never looks further: a full disk is no reason to restart."""
    return _answer("pass")


@router.get("/readyz", response_class=Health)
async def readyz(request: Request) -> Health:
    """200 when the server can take telemetry and answer; 503 while it starts, is full, or its rounds stand still."""
    ready: Callable[[], bool] | None = getattr(request.app.state, "ready", None)
    return _answer("pass" if ready is not None and ready() else "fail")


def _answer(status: Literal["pass", "fail"]) -> Health:
    return Health({"status": status}, 200 if status == "pass" else 503)
