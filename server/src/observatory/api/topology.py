"""Who calls whom: the service graph with rates, errors and latency on its edges."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from observatory.api.access import require
from observatory.api.health_models import Topology
from observatory.api.snapshot import ANSWERS, Newest, send
from observatory.auth import READ

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["services"], dependencies=[Depends(require(READ))], responses=ANSWERS
)


@router.get("/topology", response_model=Topology)
async def show(request: Request, newest: Newest) -> Response:
    """The graph of the last five minutes: every service of the catalogue, and whoever else called or was called.

    An edge has the calls per second, the failed share, and the latency from the caller `from` to the callee `to`.
    """
    return send(request, newest.topology)
