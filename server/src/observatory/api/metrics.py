"""The product's own numbers, every indicator and health, for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from observatory.api.access import require
from observatory.api.indicator_metrics import IndicatorCollector
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
    """The server's own counters, the newest reading of every indicator, and health by area and service.

    OpenMetrics 1.0 when the Accept header names it, Prometheus text 0.0.4 otherwise.
    """
    encode, media_type = choose_encoder(accept)
    state = request.app.state
    body = encode(state.selfwatch.registry)
    if (snapshots := getattr(state, "snapshots", None)) is not None:
        indicators = CollectorRegistry()
        indicators.register(IndicatorCollector(snapshots))
        # OpenMetrics ends its text with a mark of its own, which stands once.
        body = body.removesuffix(b"# EOF\n") + encode(indicators)
    # Set as a header: Response would add a second charset to a media type that has its own.
    return Response(body, headers={"Content-Type": media_type})
