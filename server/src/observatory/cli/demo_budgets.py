"""The budgets of the demo, set over the API as a person would."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import httpx
import yaml

_PATH = "/api/v1/monitoring/costs/budgets"


def wanted() -> list[dict[str, Any]]:
    """What the demo sets."""
    found: list[dict[str, Any]] = yaml.safe_load(files(__package__).joinpath("demo_budgets.yaml").read_text("utf-8"))
    return found


async def set_all(client: httpx.AsyncClient, token: str) -> None:
    """Set those that an earlier demo on the same folder did not set.

    Raises:
        httpx.HTTPError: the server does not answer, or refuses one.
    """
    headers = {"Authorization": f"Bearer {token}"}
    answer = await client.get(_PATH, headers=headers)
    answer.raise_for_status()
    there = {each["name"] for each in answer.json()["items"]}
    for each in wanted():
        if each["name"] not in there:
            (await client.post(_PATH, json={**each, "reason": "the demo"}, headers=headers)).raise_for_status()
