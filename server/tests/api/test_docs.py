"""The API's description: complete, valid, and nothing in it from elsewhere."""

from __future__ import annotations

import re
from typing import Any


async def test_the_description_names_every_operation_with_its_token(server: Any) -> None:
    async with server.client("read") as client:
        document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {"/livez", "/readyz", "/metrics", "/api/v1/monitoring/tokens"} <= set(document["paths"])
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation.get("description"), (method, path)
            assert "default" in operation["responses"]
            for status, response in operation["responses"].items():
                if status[0] not in "23":
                    assert set(response["content"]) == {"application/problem+json"}, (method, path, status)
            assert path in {"/livez", "/readyz"} or operation["security"], (method, path)


async def test_the_list_shows_every_operation_and_loads_nothing_from_elsewhere(server: Any) -> None:
    async with server.client("read") as client:
        document = (await client.get("/openapi.json")).json()
        page = await client.get("/plain/docs")
    for path in document["paths"]:
        assert path in page.text
    assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*\"", page.text) == []
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
