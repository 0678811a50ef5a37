"""What the monitoring routes share: the environment's newest snapshot, whether it is overdue, and sending JSON once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from observatory.errors import InvalidRequest, NotFound, Overloaded
from observatory.health import hysteresis
from observatory.model import Verdict
from observatory.tick import DEFAULT_ENVIRONMENT, Published, Snapshots, encode, tag

# Without a setting a snapshot is overdue when some rounds of five seconds are missing.
STALE_AFTER_S = 60.0

_TAG = re.compile(r'(?:W/)?("[^"]*")')
# What the contract names for every endpoint and the newest snapshot cannot answer.
_HISTORY = ("as_of", "from", "to", "step")


def _problem(sentence: str) -> dict[str, Any]:
    return {"description": sentence, "content": {"application/problem+json": {}}}


# What every route here answers besides its own model.
ANSWERS: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client has it already."},
    401: _problem("No token, or none in force."),
    403: _problem("The token may not read."),
    404: _problem("No such thing, or an environment that never sent anything."),
    422: _problem("A parameter with a value that is not allowed; the detail names it."),
    503: _problem("No round of indicators has ended yet."),
}


@dataclass(frozen=True, slots=True)
class Current:
    """An environment's newest snapshot, and its overall verdict as of now.

    Attributes:
        published: the snapshot with its JSON.
        overall: its verdict; unknown when the rounds have stopped.
        overdue: whether the rounds have stopped.
    """

    published: Published
    overall: Verdict
    overdue: bool


async def current(
    request: Request,
    environment: Annotated[
        str, Query(min_length=1, max_length=128, description="Deployment environment; never mixed with another.")
    ] = DEFAULT_ENVIRONMENT,
) -> Current:
    """The newest snapshot of the environment asked for.

    Raises:
        NotFound: no telemetry of that environment has been seen.
        Overloaded: no round has ended yet.
        InvalidRequest: the request asks for history.
    """
    _refuse_history(request)
    snapshots: Snapshots = request.app.state.snapshots
    published = snapshots.of(environment)
    if published is None and not snapshots.environments:
        raise Overloaded("no round of indicators has ended yet")
    if published is None:
        known = ", ".join(snapshots.environments)
        raise NotFound(f"no telemetry of the environment {environment!r} has been seen; there are {known}")
    limit_s = float(getattr(request.app.state, "stale_after_s", STALE_AFTER_S))
    snapshot = published.snapshot
    overall = hysteresis.overdue(snapshot.overall, snapshot.at, request.app.state.clock.now(), limit_s)
    return Current(published, overall, overall is not snapshot.overall)


Newest = Annotated[Current, Depends(current)]


def send(request: Request, values: Mapping[str, Any]) -> Response:
    """`values` as JSON with an entity tag; 304 when the client has them."""
    body = encode(values)
    return send_body(request, body, tag(body))


def send_body(request: Request, body: bytes, etag: str) -> Response:
    """Ready-made JSON with its entity tag; 304 when the client has it."""
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    held = request.headers.get("if-none-match", "")
    if held.strip() == "*" or etag in _TAG.findall(held):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _refuse_history(request: Request) -> None:
    asked = [name for name in _HISTORY if name in request.query_params]
    if asked:
        raise InvalidRequest(f"query parameter {asked[0]}: this endpoint answers with the newest state only")
    window = request.query_params.get("window", "5m")
    if window != "5m":
        raise InvalidRequest(f"query parameter window: must be 5m here, not {window[:32]!r}")
