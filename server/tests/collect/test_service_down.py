"""That a service is down does not rest on its heartbeats: its probes tell it, in its own verdict and its area's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from serving import Serving, serving

import observatory_sdk as obs

SERVICES = ("email_service", "oauth_service", "rate_limit_service", "telegram_core")


def targets(web: Any, nobody: int) -> list[dict[str, Any]]:
    def of(service: str, **fields: Any) -> dict[str, Any]:
        return {"interval_s": 1, "attributes": {"observatory.service": service}} | fields

    return [
        of("email_service", name="smtp", kind="tcp", host="127.0.0.1", port=nobody),
        of("oauth_service", name="login", kind="http", url=web.url("/login")),
        of("rate_limit_service", name="limits", kind="http", url=web.url("/limits")),
        of("telegram_core", name="bot", kind="http", url=web.url("/bot")),
        # It declares no service: it speaks for none.
        {"name": "nobody-s", "kind": "tcp", "host": "127.0.0.1", "port": nobody, "interval_s": 1},
    ]


def read(server: Serving, path: str) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/v1/monitoring/{path}", headers=server.headers, timeout=120)
    found: dict[str, Any] = answer.json() if answer.is_success else {}
    return found


def until(found: Callable[[], Any], wait_s: float = 90) -> Any:
    deadline = time.monotonic() + wait_s
    while not (answer := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return answer


def service(server: Serving, name: str) -> dict[str, Any]:
    found = read(server, f"services/{name}")
    return {"status": found.get("status"), "state": found.get("load_state"), "reasons": found.get("reasons")}


@pytest.mark.asyncio
async def test_a_service_whose_probe_fails_is_down_although_its_heart_beats(
    web: Any, nobody: int, tmp_path: Path
) -> None:
    web.says("ok", path="/login")
    web.says("broken", path="/limits", status=500)
    web.says("ok", path="/bot")
    file = tmp_path / "collectors.yaml"
    file.write_text(yaml.safe_dump({"targets": targets(web, nobody)}))
    with serving(tmp_path / "data", collectors_file=file, tick_s=0.5, metrics_linger_ms=100) as server:
        alive = obs.configure(
            service_name="platform",
            endpoint=server.otlp_http,
            token=server.admin_token,
            services=[name for name in SERVICES if name != "telegram_core"],
            set_globals=False,
        )
        try:
            until(lambda: service(server, "email_service")["status"] == "critical")
            until(lambda: service(server, "rate_limit_service")["status"] == "critical")
            until(lambda: service(server, "oauth_service")["status"] == "healthy")
            down = service(server, "email_service")
            assert down["state"] == "idle"
            (reason,) = down["reasons"]
            assert (reason["reason"], reason["member"]) == ("probe_failed", "smtp")
            assert reason["sentence"] == "the probe smtp found it down twice in a row"
            # Nothing was ever heard of this one by telemetry; that it answers is known all the same.
            until(lambda: "but the probe bot finds it answering" in str(service(server, "telegram_core")["reasons"]))
            area = read(server, "services/email_service")["area"]
            words = str(read(server, "system-health")["services"][area]["reasons"])
            assert "email_service is down by its probes" in words
            web.says("ok", path="/limits")
            until(lambda: service(server, "rate_limit_service")["status"] == "healthy")
        finally:
            alive.shutdown()
