"""Administrators list, make and revoke tokens, make login links, and read the audit log."""

from __future__ import annotations

from typing import Any

TOKENS = "/api/v1/monitoring/tokens"


async def test_a_new_token_is_shown_once_and_works_at_once(server: Any) -> None:
    async with server.client("admin") as admin:
        answer = await admin.post(
            TOKENS, json={"name": "night shift", "scopes": ["read"], "expires_in_s": 60, "reason": "the night shift"}
        )
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        made = answer.json()
        assert made["expires_at"] == "2026-03-04T05:07:07Z"
        assert made["created_by"] == "token:4"
        listed = (await admin.get(TOKENS)).json()
        assert made["token"] not in str(listed)
        assert listed["items"][0] == {name: value for name, value in made.items() if name != "token"}
    async with server.client(token=made["token"]) as client:
        assert (await client.get("/metrics")).status_code == 200
        server.clock.advance(60)
        assert (await client.get("/metrics")).status_code == 401


async def test_revoking_ends_a_token_and_says_when(server: Any) -> None:
    async with server.client("admin") as admin, server.client("read") as reader:
        token_id = next(each["id"] for each in (await admin.get(TOKENS)).json()["items"] if each["name"] == "read")
        assert (await admin.delete(f"{TOKENS}/{token_id}", params={"reason": "leaked"})).status_code == 204
        assert (await reader.get("/metrics")).status_code == 401
        assert (await admin.delete(f"{TOKENS}/{token_id}")).status_code == 404
        items = (await admin.get(TOKENS)).json()["items"]
        assert next(each for each in items if each["id"] == token_id)["revoked_at"] == "2026-03-04T05:06:07Z"
        newest = (await admin.get("/api/v1/monitoring/audit")).json()["items"][0]
        assert newest | {"id": 0} == {
            "id": 0,
            "at": "2026-03-04T05:06:07Z",
            "actor": "token:4",
            "action": "token.revoked",
            "subject": f"token:{token_id}",
            "reason": "leaked",
        }


async def test_a_list_is_read_page_by_page_without_gap_or_repeat(server: Any) -> None:
    for number in range(8):
        await server.tokens.issue(str(number), ["read"])
    for path, count in ((TOKENS, 13), ("/api/v1/monitoring/audit", 13)):
        seen, cursor = [], None
        async with server.client("admin") as admin:
            while True:
                params = {"limit": 5} | ({"cursor": cursor} if cursor else {})
                page = (await admin.get(path, params=params)).json()
                seen += [each["id"] for each in page["items"]]
                cursor = page["next"]
                if cursor is None:
                    break
        assert seen == list(range(count, 0, -1))


async def test_a_token_that_makes_no_sense_is_refused_with_what_is_allowed(server: Any) -> None:
    async with server.client("admin") as admin:
        misspelt = await admin.post(TOKENS, json={"name": "x", "scopes": ["read"], "expire_in_s": 60})
        assert [each["pointer"] for each in misspelt.json()["errors"]] == ["/expire_in_s"]
        for wanted, said in (
            ({"name": "x", "scopes": ["root"]}, "none of ingest, read, operate, admin, user:<id>"),
            ({"name": "x", "scopes": []}, "between 1 and 7"),
            ({"name": " ", "scopes": ["read"]}, "name: "),
            ({"name": "x", "scopes": ["read"], "expires_in_s": 0}, "expires_in_s: "),
        ):
            answer = await admin.post(TOKENS, json=wanted)
            assert answer.status_code == 422
            assert said in answer.json()["detail"]
        for token_id in ("0", "9" * 30, "x"):
            assert (await admin.delete(f"{TOKENS}/{token_id}")).status_code == 422
        assert (await admin.delete(f"{TOKENS}/999")).status_code == 404


async def test_a_body_too_large_is_refused(server: Any) -> None:
    async with server.client("admin") as admin:
        answer = await admin.post(TOKENS, json={"name": "x" * (1 << 20), "scopes": ["read"]})
        assert answer.status_code == 413


async def test_an_administrator_makes_a_login_link_for_a_person(server: Any) -> None:
    async with server.client("admin") as admin:
        answer = await admin.post("/api/v1/monitoring/login-links", json={"scopes": ["read"]})
        assert answer.status_code == 201
        assert answer.json()["expires_at"] == "2026-03-04T05:16:07Z"
        assert answer.json()["url"].startswith("http://observatory.test/login/")
    async with server.client() as client:
        assert (await client.get(answer.json()["url"])).status_code == 303
        assert (await client.get("/")).status_code == 200
