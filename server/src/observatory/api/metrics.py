"""The product's own numbers for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from prometheus_client.exposition import choose_encoder

from observatory.api.access import require
from observatory.auth import READ

router = APIRouter(tags=["metrics"])

_EXAMPLE = "# TYPE observatory_bodies counter\nobservatory_bodies_total 12.0\n# EOF\n"


@router.get(
    "/metrics",
    dependencies=[Depends(require(READ))],
    response_class=Response,
    responses={200: {"content": {"application/openmetrics-text": {"example": _EXAMPLE}, "text/plain": {}}}},
)
def show(request: Request, accept: Annotated[str, Header()] = "") -> Response:
    """OpenMetrics 1.0 when the Accept header names it, Prometheus text 0.0.4 otherwise."""
    encode, media_type = choose_encoder(accept)
    # Set as a header: Response would add a second charset to a media type that has its own.
    return Response(encode(request.app.state.selfwatch.registry), headers={"Content-Type": media_type})
