"""Every error of the API as RFC 9457 problem details; a browser that is not logged in gets the login page instead."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from observatory.api import html
from observatory.api.origin import from_another_site, local
from observatory.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidRequest,
    MalformedBody,
    NotFound,
    ObservatoryError,
    Overloaded,
    StateError,
    StoreError,
    Throttled,
    Unauthenticated,
    UnsupportedBody,
)

MEDIA_TYPE = "application/problem+json"

# The first class that fits decides. Whether an error's own words may leave the server: those of a store may name
# paths and statements.
STATUS: tuple[tuple[type[ObservatoryError], int, bool], ...] = (
    (Unauthenticated, 401, True),
    (Forbidden, 403, True),
    (Throttled, 429, True),
    (NotFound, 404, True),
    (InvalidRequest, 422, True),
    (MalformedBody, 400, True),
    (BodyTooLarge, 413, True),
    (UnsupportedBody, 415, True),
    (Overloaded, 503, True),
    (StateError, 503, False),
    (StoreError, 503, False),
)
_RETRY_S = 5

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """RFC 9457 problem details, as every error is answered.

    `errors` names each refused value: `in` (body, query, path, header, cookie), `pointer`, `detail`, `code`.
    """

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Forbidden"])
    status: int = Field(examples=[403])
    detail: str = Field(examples=["this needs the scope admin"])
    instance: str = Field(examples=["/api/v1/monitoring/tokens"])
    errors: list[dict[str, str]]
    retry_after_s: int | None = None


# With a default response FastAPI leaves out its own form of a validation error, which is never sent.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "An error.", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
}


def include(app: FastAPI) -> None:
    """Answer every error of `app` with problem details, those of the framework too."""
    app.add_exception_handler(ObservatoryError, _of_ours)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(Exception, _of_surprise)


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    retry_after_s: int | None = None,
) -> JSONResponse:
    """One answer: `type`, `title`, `status`, `detail`, `instance`, and where they help `errors` and `retry_after_s`.

    `type` is `about:blank`: the status says what kind of problem it is, the detail says which.
    """
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": _instance(request),
        "errors": list(errors),
    }
    sent = dict(headers or {})
    if retry_after_s is not None:
        body["retry_after_s"] = retry_after_s
        sent["Retry-After"] = str(retry_after_s)
    return JSONResponse(body, status, sent, MEDIA_TYPE)


def _instance(request: Request) -> str:
    # The path of a link holds its code; a query may hold anything.
    path = request.url.path
    return next((each for each in ("/login", "/acknowledge") if path.startswith(f"{each}/")), path)


async def _of_ours(request: Request, error: Exception) -> Response:
    if isinstance(error, Unauthenticated):
        return _unauthenticated(request, str(error))
    fitting = next(((status, spoken) for kind, status, spoken in STATUS if isinstance(error, kind)), None)
    if fitting is None:
        # Nobody else will: the framework takes an error that has a handler for dealt with.
        _log.error("%s %s", request.method, _instance(request), exc_info=error)
        return await _of_surprise(request, error)
    status, spoken = fitting
    retry_after_s = getattr(error, "retry_after_s", _RETRY_S if status == HTTPStatus.SERVICE_UNAVAILABLE else None)
    if not spoken:
        _log.error("%s %s: %s", request.method, _instance(request), error)
    detail = str(error) if spoken else "a store of the server does not answer; the server's log says why"
    return problem(request, status, detail, retry_after_s=retry_after_s)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(request, error.status_code, str(error.detail), headers=error.headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The refused values themselves are not repeated: one of them may be a secret in the wrong field.
    errors = [_violation(issue["loc"], issue["msg"], issue["type"]) for issue in error.errors()]
    return problem(request, 422, "the request has values that are not allowed", errors=errors)


async def _of_surprise(request: Request, _error: Exception) -> Response:
    return problem(request, 500, "the server failed; its log says why")


def _violation(place: Sequence[str | int], message: str, kind: str) -> dict[str, str]:
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place[1:])
    return {"in": str(place[0]), "pointer": pointer, "detail": message, "code": kind}


def _unauthenticated(request: Request, detail: str) -> Response:
    headers = {"WWW-Authenticate": 'Bearer realm="observatory"'}
    if request.method in {"GET", "POST"} and "text/html" in request.headers.get("accept", ""):
        return _login_page(request, detail, headers)
    return problem(request, 401, detail, headers=headers)


def _login_page(request: Request, detail: str, headers: Mapping[str, str]) -> Response:
    path = request.url.path
    on_login = path == "/login" or path.startswith("/login/")
    values = {
        "detail": detail if on_login else "",
        "next": "/" if on_login else _target(request),
        # A link in a chat or a mail comes without the SameSite=Strict cookie; asking again from our own page has it.
        "again": not on_login and from_another_site(request),
    }
    return html.render("login.html", values, 401, headers)


def _target(request: Request) -> str:
    if request.method != "GET":
        return "/"
    return local(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
