"""Every error is a problem document, whoever raised it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from observatory import errors
from observatory.api import problems

MEMBERS = {"type", "title", "status", "detail", "instance", "errors"}


async def test_a_path_that_does_not_exist(server: Any) -> None:
    async with server.client("admin") as client:
        answer = await client.get("/api/v1/monitoring/nothing?secret=1")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "instance": "/api/v1/monitoring/nothing",
        "errors": [],
    }


async def test_a_method_that_is_not_allowed(server: Any) -> None:
    async with server.client("admin") as client:
        answer = await client.put("/livez")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert set(answer.json()) == MEMBERS


async def test_values_that_are_not_allowed_are_named_and_not_repeated(server: Any) -> None:
    async with server.client("admin") as client:
        answer = await client.post(
            "/api/v1/monitoring/tokens", json={"scopes": ["read", 5], "expires_in_s": "my secret"}
        )
        query = await client.get("/api/v1/monitoring/tokens?limit=1000")
    assert answer.status_code == 422
    assert [(each["in"], each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("body", "/name", "missing"),
        ("body", "/scopes/1", "string_type"),
        ("body", "/expires_in_s", "int_parsing"),
    ]
    assert "my secret" not in answer.text
    assert query.json()["errors"][0]["pointer"] == "/limit"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b"null"])
async def test_a_body_that_is_no_json_object(server: Any, body: bytes) -> None:
    async with server.client("admin") as client:
        answer = await client.post(
            "/api/v1/monitoring/tokens", content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == MEMBERS


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.NotFound("there is no x"), 404, None),
        (errors.InvalidRequest("x: too long"), 422, None),
        (errors.Forbidden("this needs y"), 403, None),
        (errors.Throttled("slowly", 7), 429, "7"),
        (errors.MalformedBody("cut off"), 400, None),
        (errors.BodyTooLarge("too large"), 413, None),
        (errors.UnsupportedBody("what is it"), 415, None),
        (errors.Overloaded("full", 3), 503, "3"),
        (errors.StateError("/secret/path is locked"), 503, "5"),
        (errors.MigrationError("/secret/path"), 503, "5"),
        (errors.ObservatoryError("/secret/path"), 500, None),
        (RuntimeError("/secret/path"), 500, None),
    ],
)
async def test_each_of_our_errors_has_its_status_and_tells_no_secrets(
    server: Any, error: Exception, status: int, retry_after: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise error

    server.app.add_api_route("/fail", fail)

    async with server.client() as client:
        answer = await client.get("/fail")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == retry_after
    body = answer.json()
    assert (body["status"], body["instance"]) == (status, "/fail")
    assert "secret" not in body["detail"]
    # What the answer withholds, the log tells; a surprise is logged by the server round the application.
    withheld = status >= 500 and retry_after != "3" and not isinstance(error, RuntimeError)
    assert ("/secret/path" in caplog.text) == withheld


async def test_answers_carry_the_headers_that_protect_them(server: Any) -> None:
    async with server.client("read") as client:
        for path in ("/", "/metrics", "/nothing"):
            answer = await client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["cache-control"] == "no-store"


async def test_every_error_class_has_a_status() -> None:
    app = FastAPI()
    problems.include(app)
    declared = {kind for kind, *_ in problems.STATUS}
    leaves = {each for each in vars(errors).values() if isinstance(each, type) and not each.__subclasses__()}
    # Raised only while the server starts, before there is anybody to answer.
    at_start = {errors.SettingsError}
    missing = {leaf for leaf in leaves if not any(issubclass(leaf, kind) for kind in declared)} - at_start
    assert missing == set()
