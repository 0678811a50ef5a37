"""The pages' shell: who gets it, under which policy, and the files that it loads."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from observatory.api import shell

PAGES = Path(__file__).parents[3] / "web" / "src" / "pages" / "index.ts"
SESSION = "/api/v1/monitoring/session"


def test_the_server_knows_every_address_that_the_pages_have() -> None:
    listed = re.findall(r"paths: \[([^\]]+)\]", PAGES.read_text(encoding="utf-8"))
    paths = {path for each in listed for path in re.findall(r'"([^"]+)"', each)}
    assert {re.sub(r"\{\w+\}", "*", path) for path in shell.PATHS} == {re.sub(r"\$\w+", "*", path) for path in paths}


async def test_each_page_is_the_shell_under_a_policy_of_its_own(server: Any) -> None:
    async with server.client("read") as client:
        answers = [await client.get(path) for path in ("/", "/costs", "/incidents/01hk3?range=7d")]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    assert len(set(policies)) == len(answers)
    for answer, policy in zip(answers, policies, strict=True):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        nonce = re.search(r"'nonce-([^']+)'", policy)
        assert nonce is not None
        assert f'nonce="{nonce[1]}"' in answer.text
        assert "__NONCE__" not in answer.text


async def test_without_built_pages_the_plain_one_is_shown(server: Any, tmp_path: Path) -> None:
    (tmp_path / "index.html").unlink()
    async with server.client("read") as client:
        answer = await client.get("/costs")
        assert (answer.status_code, answer.headers["location"]) == (303, "/plain")
    async with server.client("user:7") as client:
        assert (await client.get("/user/7")).status_code == 404


async def test_pages_that_were_built_anew_are_served_at_once(server: Any, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>the new ones</p>", encoding="utf-8")
    os.utime(tmp_path / "index.html", ns=(0, 7))
    async with server.client("read") as client:
        assert (await client.get("/")).text == "<p>the new ones</p>"


async def test_a_user_is_led_to_his_own_page_wherever_he_wants_to_go(server: Any) -> None:
    async with server.client("user:7") as client:
        for path in ("/", "/costs", "/user", "/user/8", "/traces/7"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/user/7"), path
        assert (await client.get("/user/7")).status_code == 200
    text, _ = await server.tokens.issue("odd", ["user:a/b?c"])
    async with server.client(token=text) as client:
        assert (await client.get("/")).headers["location"] == "/user/a%2Fb%3Fc"


@pytest.mark.parametrize(("scope", "user"), [("read", None), ("operate", None), ("ingest", None), ("user:7", "7")])
async def test_anybody_may_ask_who_he_is(server: Any, scope: str, user: str | None) -> None:
    server.snapshots.environments = ("production", "staging")
    async with server.client(scope) as client:
        told = (await client.get(SESSION)).json()
    assert told["scopes"] == [scope]
    assert told["user"] == user
    assert told["environments"] == (["production", "staging"] if scope in ("read", "operate") else [])
    async with server.client() as client:
        assert (await client.get(SESSION)).status_code == 401


@pytest.fixture
def built(tmp_path: Path) -> FastAPI:
    """An application with the files of a small build."""
    swagger = tmp_path / "assets" / "swagger"
    swagger.mkdir(parents=True)
    (tmp_path / "index.html").write_text("<title>Observatory</title>")
    (tmp_path / "assets" / "main-1a2b.js").write_text("plain")
    (tmp_path / "assets" / "main-1a2b.js.br").write_text("brotli")
    (tmp_path / "assets" / "main-1a2b.js.gz").write_text("gzip")
    (swagger / "swagger-ui.css").write_text("a{}")
    app = FastAPI()
    shell.include(app, tmp_path)
    return app


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [("gzip, deflate, br", "br", "brotli"), ("gzip;q=0.8", "gzip", "gzip"), ("identity", None, "plain")],
)
async def test_files_come_compressed_and_are_asked_for_once(
    built: FastAPI, accepted: str, coding: str | None, body: str
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(built), base_url="http://observatory.test") as client:
        async with client.stream("GET", "/assets/main-1a2b.js", headers={"Accept-Encoding": accepted}) as answer:
            sent = b"".join([part async for part in answer.aiter_raw()])
        assert answer.status_code == 200
        assert sent.decode() == body
        assert answer.headers.get("content-encoding") == coding
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        kept = await client.get("/assets/swagger/swagger-ui.css")
        assert kept.headers["cache-control"] == "no-cache"
        assert (await client.get("/assets/../index.html")).status_code == 404
        assert (await client.get("/assets/gone.js")).status_code == 404


async def test_where_swagger_was_built_the_docs_load_it_from_here(server: Any) -> None:
    async with server.client("read") as client:
        server.app.state.swagger = False
        assert (await client.get("/docs")).headers["location"] == "/plain/docs"
        server.app.state.swagger = True
        page = await client.get("/docs")
    assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*\"", page.text) == []
    assert "unsafe" not in page.headers["content-security-policy"]


async def test_own_numbers_are_told_as_json(server: Any) -> None:
    server.selfwatch.rows.labels("traces").inc(3)
    async with server.client("read") as client:
        told = (await client.get("/api/v1/monitoring/selfwatch")).json()
    rows = next(each for each in told["items"] if each["id"] == "observatory_rows")
    assert rows["items"][0] == {
        "labels": {"signal": "traces"},
        "value": 3,
        "count": None,
        "mean_s": None,
        "p50_s": None,
        "p99_s": None,
    }
    kinds = {each["kind"] for each in told["items"]}
    assert kinds == {"count", "gauge", "duration"}
    assert all(each["id"].startswith("observatory_") and each["sentence"] for each in told["items"])
