"""What CONTRIBUTING.md says about adding a service, an indicator and an area is done to a copy of the server."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Serving, serving

ROOT = Path(__file__).parents[2]
PACKAGE = "server/src/observatory"
_BLOCK = re.compile(
    rf"^(?P<at_the_end>At the end of )?`{PACKAGE}/(?P<path>[\w./]+)`:(?:[^`]|`[^`]+`)*?\n\n```\w+\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def _follow(copy: Path) -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    done = []
    for block in _BLOCK.finditer(text):
        path = copy / block["path"]
        if block["at_the_end"]:
            path.write_text(path.read_text(encoding="utf-8") + block["code"], encoding="utf-8")
        else:
            assert not path.exists()
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["code"], encoding="utf-8")
        done.append(block["path"])
    return done


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A copy of the server with one more service, indicator and area."""
    home = tmp_path_factory.mktemp("contributing")
    copy = home / "source" / "observatory"
    shutil.copytree(ROOT / PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert len(_follow(copy)) == 7
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(copy.parent))
        with serving(home / "data", tick_s=0.5) as running:
            yield running


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _event(service: str, name: str, **values: str) -> dict[str, Any]:
    attributes = [_text(key.replace("__", "."), value) for key, value in values.items()]
    return {
        "timeUnixNano": str(time.time_ns()),
        "eventName": name,
        "attributes": [_text("observatory.service", service), *attributes],
    }


def _send(server: Serving, *records: dict[str, Any]) -> None:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    headers = server.headers | {"Content-Type": "application/json"}
    answer = httpx.post(f"{server.otlp_http}/v1/logs", content=json.dumps(body), headers=headers, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {})


def test_a_new_service_indicator_and_area_are_judged_and_shown(server: Serving) -> None:
    entry = {"credit__amount": "0", "credit__balance_before": "5", "credit__balance_after": "5"}
    _send(
        server,
        _event("referral_service", "referral.completed", referral__reward_usd="250.50"),
        _event("credit_ledger", "credit.transaction", **entry),
    )
    health = _until_judged(server)
    area = health["services"]["referrals"]
    assert (area["status"], area["priority"]) == ("degraded", "P3")
    assert (area["referrals_5m"], area["reward_5m_usd"]) == (1, 250.5)
    assert area["provenance"]["reward_5m_usd"]["source"] == "fact_referrals"
    assert health["services_total"] == 66
    assert "referral_service" in health["services_never_loaded"]
    assert "credits.empty_entries" in {reason["subject"] for reason in health["services"]["credits"]["reasons"]}


def test_the_new_area_is_on_the_plain_page_and_in_the_description_of_the_api(server: Serving) -> None:
    page = httpx.get(f"{server.url}/plain", headers=server.headers, timeout=30)
    assert page.status_code == 200
    assert "Referrals" in page.text
    described = httpx.get(f"{server.url}/openapi.json", headers=server.headers, timeout=30).json()
    assert "reward_5m_usd" in described["components"]["schemas"]["ReferralsHealth"]["properties"]
    one = httpx.get(f"{server.url}/api/v1/monitoring/services/referral_service", headers=server.headers, timeout=30)
    assert one.json()["objective"] == {"availability_ratio": 0.99, "latency_ms": 2000.0}


def _until_judged(server: Serving) -> dict[str, Any]:
    until = time.monotonic() + 90
    while True:
        url = f"{server.url}/api/v1/monitoring/system-health"
        answer = httpx.get(url, headers=server.headers, timeout=60)
        health: dict[str, Any] = answer.json()
        if answer.is_success and {health["services"][name]["status"] for name in ("referrals", "credits")} == {
            "degraded"
        }:
            return health
        assert time.monotonic() < until, health
        time.sleep(0.1)
