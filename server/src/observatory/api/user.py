"""One user in one call: what he uses, has, earns, costs and runs into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from observatory.api import health_json
from observatory.api.access import require_user
from observatory.api.deep_dives import Environment, expect_environment, plain
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.api.user_models import UserAnswer
from observatory.areas import user
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.auth import READ, Principal
from observatory.errors import InvalidRequest, NotFound
from observatory.model import Measurement
from observatory.store import People
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(prefix="/api/v1/monitoring", tags=["users"], responses=ANSWERS)

_KNOWN = frozenset({"environment", "window", "from", "to", "as_of"})

UserId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=128,
        description="The id as it is sent as `user.id`. An e-mail address finds the pseudonym that stands for it.",
        examples=["u-4711"],
    ),
]


@router.get("/user/{user_id}", response_model=UserAnswer)
async def show(
    request: Request,
    user_id: UserId,
    asked: Annotated[Range, Depends(Ranged("24h"))],
    principal: Annotated[Principal, Depends(require_user)],
    environment: Environment = DEFAULT_ENVIRONMENT,
) -> Response:
    """All that is known of one user: services, credits, strategies, signals, costs, margin, errors, traces.

    A token with the scope `user:<id>` sees this one user and nothing else. For an id that was never seen the answer has
    the same shape, with `seen: false`, nulls and empty lists: whether a user exists is told by no status code.
    """
    _expect_known(request)
    _expect_environment(request, principal, environment)
    people: People = request.app.state.people
    span = Span(asked.end, asked.window_s, request.app.state.listening_since)
    state = request.app.state
    found = await user.read(state.store.reader, state.ledger, environment, people.known_as(user_id), span)
    values = {
        "user_id": user_id,
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "window_s": asked.window_s,
        "seen": found.seen,
        "last_seen": health_json.moment(found.last_seen),
        **{name: _row({**numbers, **_words(found, name)}) for name, numbers in found.numbers.items()},
        **{name: [_row(row) for row in rows] for name, rows in found.rows.items()},
    }
    return send(request, values)


def _words(found: user.Found, section: str) -> dict[str, Any]:
    return dict(found.words.get(section, {}))


def _row(row: Row | Mapping[str, Any]) -> Mapping[str, Any]:
    measured = {field: each for field, each in row.items() if isinstance(each, Measurement)}
    values = {field: health_json.number(each) if field in measured else plain(each) for field, each in row.items()}
    if measured:
        values["provenance"] = {field: health_json.provenance(each) for field, each in measured.items()}
    return values


def _expect_known(request: Request) -> None:
    for name in request.query_params:
        if name not in _KNOWN:
            raise InvalidRequest(f"query parameter {name[:64]}: not known here; there are {', '.join(sorted(_KNOWN))}")


def _expect_environment(request: Request, principal: Principal, environment: str) -> None:
    """Raise NotFound for an environment that never sent anything. A user is not told which others there are."""
    try:
        expect_environment(request, environment)
    except NotFound:
        if principal.allows(READ):
            raise
        raise NotFound(f"no telemetry of the environment {environment!r} has been seen") from None
