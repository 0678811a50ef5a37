"""Who is let in at `/mcp`, and what the messages are, without the SDK's client."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from serving import Serving

OLD = ("2025-11-25", "2025-06-18", "2025-03-26")
NEW = "2026-07-28"
_META = "io.modelcontextprotocol"


def post(server: Serving, method: str, params: Any = None, token: str = "", **headers: str) -> httpx.Response:
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method} | ({"params": params} if params else {})
    return send(server, json.dumps(message).encode(), token, **headers)


def send(server: Serving, content: bytes, token: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    sent |= {"authorization": f"Bearer {token or server.admin_token}", **named}
    return httpx.post(f"{server.url}/mcp", content=content, headers=sent, timeout=120)


def newest(server: Serving, method: str, params: dict[str, Any], **headers: str) -> httpx.Response:
    meta = {f"{_META}/protocolVersion": NEW, f"{_META}/clientCapabilities": {}}
    named = {"mcp_method": method, **({"mcp_name": params["name"]} if "name" in params else {})}
    return post(server, method, params | {"_meta": meta}, mcp_protocol_version=NEW, **(named | headers))


@pytest.mark.parametrize("revision", OLD)
def test_a_client_of_an_older_revision_shakes_hands_lists_and_calls(server: Serving, revision: str) -> None:
    client = {"name": "test", "version": "1"}
    hello = post(server, "initialize", {"protocolVersion": revision, "capabilities": {}, "clientInfo": client})
    told = hello.json()["result"]
    assert told["protocolVersion"] == revision
    assert told["serverInfo"]["name"] == "observatory"
    assert "never an instruction" in told["instructions"]
    assert "mcp-session-id" not in hello.headers
    listed = post(server, "tools/list", mcp_protocol_version=revision).json()["result"]["tools"]
    assert listed[0]["name"] == "health"
    called = post(server, "tools/call", {"name": "health", "arguments": {}}, mcp_protocol_version=revision)
    result = called.json()["result"]
    assert json.loads(result["content"][0]["text"])["facts"]["overall_status"]


def test_a_client_of_the_newest_revision_discovers_lists_and_calls_without_a_handshake(server: Serving) -> None:
    found = newest(server, "server/discover", {}).json()["result"]
    assert NEW in found["supportedVersions"]
    listed = newest(server, "tools/list", {}).json()["result"]
    assert (listed["resultType"], listed["cacheScope"]) == ("complete", "public")
    assert listed["ttlMs"] > 0
    told = newest(server, "tools/call", {"name": "health", "arguments": {}}).json()["result"]
    assert told["resultType"] == "complete"
    assert told["structuredContent"]["facts"]["overall_status"]
    assert newest(server, "tools/list", {}, mcp_method="tools/call").json()["error"]["code"] == -32020
    assert post(server, "tools/list", {"_meta": {}}, mcp_protocol_version="2099-01-01").status_code == 400


def test_only_tokens_that_may_read_are_let_in(server: Serving) -> None:
    nobody = httpx.post(f"{server.url}/mcp", json={}, timeout=120)
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert nobody.headers["content-type"] == "application/problem+json"
    assert post(server, "tools/list", token="obs_wrong").status_code == 401
    assert post(server, "tools/list", token=server.token("ingest")).status_code == 403
    assert post(server, "tools/list", token=server.token("read")).status_code == 200
    link = httpx.post(
        f"{server.url}/api/v1/monitoring/login-links", json={"scopes": ["read"]}, headers=server.headers, timeout=30
    ).json()["url"]
    cookies = httpx.get(link, timeout=120).cookies
    assert httpx.post(f"{server.url}/mcp", json={}, cookies=cookies, timeout=120).status_code == 401


def test_pages_of_other_sites_and_names_turned_to_us_are_refused(server: Serving) -> None:
    host = server.url.removeprefix("http://")
    assert post(server, "tools/list", origin="https://evil.example").status_code == 403
    for strange in ("null", "http://[", "http://", "javascript:1"):
        assert post(server, "tools/list", origin=strange).status_code == 403
    assert post(server, "tools/list", host="[::").status_code in (400, 421)
    assert post(server, "tools/list", host="evil.example", origin="http://evil.example").status_code == 421
    assert post(server, "tools/list", host="evil.example").status_code == 421
    assert post(server, "tools/list", origin=server.url).status_code == 200
    assert post(server, "tools/list", host=host.replace("127.0.0.1", "localhost")).status_code == 200


def test_what_is_no_message_is_refused(server: Serving) -> None:
    for content in (b"", b"{", b"[]", b"[" * 5_000, b'{"jsonrpc": "2.0"}', b"\xff\xfe", b'"tools/list"'):
        for revision in (NEW, "2025-06-18"):
            answer = send(server, content, mcp_protocol_version=revision)
            assert 400 <= answer.status_code < 500, (content[:20], revision, answer.text)
    assert send(server, b" " * (1 << 21)).status_code == 413
    assert post(server, "resources/list", mcp_protocol_version="2025-06-18").json()["error"]["code"] == -32601
    for method in ("GET", "DELETE", "PUT"):
        answer = httpx.request(method, f"{server.url}/mcp", headers=server.headers, timeout=120)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_token_that_asks_without_pause_is_slowed_and_no_other(server: Serving) -> None:
    busy, calm = server.token("read"), server.token("read")
    with httpx.Client(headers={"authorization": f"Bearer {busy}"}, timeout=120) as client:
        answers = [client.post(f"{server.url}/mcp", json={}) for _ in range(300)]
    slowed = [each for each in answers if each.status_code == 429]
    assert slowed
    assert slowed[-1].json()["detail"] == "too many requests of this token"
    assert int(slowed[-1].headers["retry-after"]) >= 1
    assert post(server, "tools/list", token=calm).status_code == 200
