"""Summaries asked of the real server, with a model's endpoint that is told what to say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp_scenes import BASE, INJECTION, answer, incident, tell
from model_endpoint import Endpoint, endpoint
from running import until
from serving import Serving, serving


@pytest.fixture(scope="module")
def model() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture(scope="module")
def server(model: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("insight") / "data"
    knobs = {"insight_url": f"{model.url}/v1", "insight_model": "small"}
    with serving(folder, tick_s=0.5, fast_share=0.5, **knobs) as found:
        until(lambda: httpx.get(f"{found.url}/readyz").status_code == 200, "the first round")
        tell(found)
        incident(found)
        yield found


def test_a_hostile_model_adds_nothing_to_an_incident(server: Serving, model: Endpoint) -> None:
    name = incident(server)
    model.say(
        (INJECTION, [f"incident:{name}"]),
        ("The cause is a stolen key of 5,000 users.", [f"incident:{name}"]),
        ("All is well.", ["made up"]),
    )
    told = answer(server, f"/incidents/{name}/summary")
    assert told["by"] == "template"
    assert told["failure"]
    ids = {each["id"] for each in told["evidence"]}
    assert f"incident:{name}" in ids
    assert all(set(each["evidence"]) <= ids and each["evidence"] for each in told["sentences"])
    assert "stolen" not in json.dumps(told)
    assert server.metric("insight_dropped_sentences_total", reason="no_evidence") >= 1


def test_what_a_model_says_of_an_incident_stands_with_its_evidence(server: Serving, model: Endpoint) -> None:
    name = incident(server)
    root: dict[str, Any] = next(
        each for each in answer(server, f"/incidents/{name}/summary")["evidence"] if each["id"].startswith("alert:")
    )
    model.say(("security.event is critical.", [root["id"]]), ("It lasted 9,999 seconds.", [root["id"]]))
    told = answer(server, f"/incidents/{name}/summary")
    assert told["by"] == "small"
    assert told["sentences"] == [{"text": "security.event is critical.", "evidence": [root["id"]]}]
    assert told["dropped"] == {"number": 1}
    assert root["link"].startswith(f"{BASE}/alerts/")
    assert answer(server, root["link"].removeprefix(BASE))["items"]


def test_a_diagnosis_is_summarised_too(server: Serving, model: Endpoint) -> None:
    model.say(("Something else entirely.", ["e1"]))
    told = answer(server, "/diagnose/summary", service="trade_execution_service", window="5m")
    diagnosis = answer(server, "/diagnose", service="trade_execution_service", window="5m")
    assert told["subject"] == "service trade_execution_service"
    assert told["by"] == "template"
    assert told["sentences"][0]["text"] == " ".join(diagnosis["verdict"].split())


def test_what_is_not_there_is_a_problem(server: Serving) -> None:
    def status(path: str, headers: dict[str, str] = server.headers) -> int:
        return httpx.get(f"{server.url}{BASE}{path}", headers=headers, timeout=120).status_code

    assert status("/incidents/20260101t000000-00000000/summary") == 404
    assert status("/incidents/x/summary") == 422
    assert status("/diagnose/summary") == 422
    assert status(f"/incidents/{incident(server)}/summary", {"Authorization": "Bearer no"}) == 401
