"""What the monitoring routes share: the environment's newest snapshot, whether it is overdue, and sending JSON once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from observatory.api import health_json, topology_json
from observatory.api.ranges import AsOf, moment
from observatory.areas import select
from observatory.errors import InvalidRequest, NotFound, Overloaded
from observatory.health import hysteresis
from observatory.model import Verdict
from observatory.tick import DEFAULT_ENVIRONMENT, Published, Snapshots, encode, tag

# Without a setting a snapshot is overdue when some rounds of five seconds are missing.
STALE_AFTER_S = 60.0

# A snapshot is kept each ten seconds, and later on each minute.
KEPT_WITHIN = timedelta(minutes=5)
_SNAPSHOT = """SELECT SystemHealth, Services, Topology FROM snapshots
WHERE Environment = {environment:String} AND Timestamp <= {at:DateTime64(9, 'UTC')}
    AND Timestamp > {since:DateTime64(9, 'UTC')}
ORDER BY Timestamp DESC LIMIT 1"""

_TAG = re.compile(r'(?:W/)?("[^"]*")')
# What the contract names for every endpoint and the newest snapshot cannot answer.
_HISTORY = ("from", "to", "step")


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
    """An environment's state as JSON values: its newest snapshot, or the one of an earlier moment.

    Attributes:
        system_health: the answer of `system-health`.
        body: the same as UTF-8 JSON; a round has it ready, so that it is not encoded for each request.
        etag: entity tag of `body`, quotes included.
        services: the items of `services`, in the catalogue's order.
        draw: makes the answer of `topology`, which few requests want.
    """

    system_health: Mapping[str, Any]
    body: bytes
    etag: str
    services: Sequence[Mapping[str, Any]]
    draw: Callable[[], Mapping[str, Any]]

    @property
    def topology(self) -> Mapping[str, Any]:
        """The answer of `topology`."""
        return self.draw()

    @property
    def when(self) -> Mapping[str, Any]:
        """Which environment at which time."""
        return {name: self.system_health[name] for name in ("environment", "timestamp")}


async def current(
    request: Request,
    environment: Annotated[
        str, Query(min_length=1, max_length=128, description="Deployment environment; never mixed with another.")
    ] = DEFAULT_ENVIRONMENT,
    as_of: AsOf = None,
) -> Current:
    """The state of the environment asked for, now or as of then.

    When the rounds have stopped, the overall status and every service's are `unknown`, whatever the last one said.

    Raises:
        NotFound: no telemetry of that environment has been seen, or nothing is known of that time.
        Overloaded: no round has ended yet.
        InvalidRequest: the request asks for a range.
    """
    _refuse_history(request)
    if as_of is not None:
        at = min(moment("as_of", as_of), request.app.state.clock.now())
        return await _past(request, environment, at)
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
    if overall is snapshot.overall:
        draw = partial(topology_json.values, published)
        return Current(published.system_health, published.body, published.etag, published.services, draw)
    return _overdue(request, published, overall)


def _overdue(request: Request, published: Published, overall: Verdict) -> Current:
    late = [health_json.reason(overall.findings[0])]
    services = [{**item, "status": "unknown", "reasons": late} for item in published.services]
    health = health_json.system_health(request.app.state.catalogue, published.snapshot, overall)
    body = encode(health)
    return Current(health, body, tag(body), services, partial(topology_json.of, published, services))


async def _past(request: Request, environment: str, at: datetime) -> Current:
    """What the newest snapshot said at a moment, as far as history goes.

    Raises:
        NotFound: no snapshot was kept within the five minutes before it.
    """
    bound = {
        "environment": environment,
        "at": select.text(at),
        "since": select.text(at - KEPT_WITHIN),
    }
    rows = (await request.app.state.store.reader.read(_SNAPSHOT, bound)).rows
    if not rows:
        told = at.isoformat(timespec="seconds").replace("+00:00", "Z")
        raise NotFound(f"nothing is known of the environment {environment!r} at {told}: no snapshot of then was kept")
    health, services, topology = rows[0]
    body = str(health).encode()
    return Current(json.loads(health), body, tag(body), json.loads(services), partial(json.loads, topology))


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
