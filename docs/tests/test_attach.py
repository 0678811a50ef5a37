"""The page on attaching does what it says, on a throw-away package with the platform's names and a real server."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import throwaway
from serving import Serving, serving

from observatory_sdk.attach import command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "attach.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"(?:^`(?P<file>[\w.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
# What the platform's start module has beside its imports.
_APP = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
async def health():
    from app.services.trade_execution import tradeexecutionservice
    await tradeexecutionservice.get_positions("u-1")
    return "well"
"""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _script(page: str, home: Path) -> str:
    """The page's commands; its files are written."""
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for block in _BLOCK.finditer(page):
        if block["file"]:
            (home / block["file"]).write_text(block["code"], encoding="utf-8")
        elif block["language"] == "bash":
            script.append(block["code"])
    return "\n".join(script)


def _until(server: Serving, path: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until = time.monotonic() + 90
    while True:
        answer = httpx.get(f"{server.url}/api/v1/monitoring/{path}", headers=server.headers, timeout=60)
        body: dict[str, Any] = answer.json()
        if answer.is_success and fits(body):
            return body
        assert time.monotonic() < until, body
        time.sleep(0.2)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the platform in it, and the environment that it runs in."""
    throwaway.write(tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with (tmp_path / "main.py").open("a", encoding="utf-8") as main:
        main.write(_APP)
    return tmp_path


def test_the_page_on_attaching_leads_to_a_service_that_reports(home: Path) -> None:
    (home / "var").mkdir()
    port = _free_port()
    with serving(home / "var" / "observatory", tick_s=0.5) as server:
        page = PAGE.replace("http://127.0.0.1:4318", server.otlp_http).replace("http://127.0.0.1:8600", server.url)
        page = page.replace("--port 8000", f"--port {port}").replace(
            "http://127.0.0.1:8000", f"http://127.0.0.1:{port}"
        )
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OBSERVATORY_"))}
        answer = subprocess.run(
            ["bash", "-c", _script(page, home)],
            cwd=home,
            env=clean,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "not attached" not in answer.stderr
        assert "Covered: 65 of 65 services of the inventory (63 by code of their own, 2 by another's)" in answer.stdout
        assert "shop:Till: 1 method, 1 with facts" in answer.stdout
        assert '"well"' in answer.stdout
        desk = _until(
            server, "services/trade_execution_service", lambda body: bool(body["provenance"]["rate"]["samples"])
        )
        assert (desk["load_state"], desk["provenance"]["rate"]["samples"]) == ("reporting", 1)
        _until(server, "services/paper_trading_engine", lambda body: body["load_state"] == "idle" and body["last_seen"])
        paid = "services/credit_ledger?environment=shop"
        till = _until(server, paid, lambda body: body["errors_by_outcome_5m"] is not None)
        assert till["errors_by_outcome_5m"] == 1
        assert server.stop() == 0
        ((rows,),) = server.rows(
            "SELECT Rail, Status, toFloat64(AmountUsd) FROM fact_payments WHERE Environment = 'shop'"
        )
        assert rows == ["card", "succeeded", 19.99]


def test_the_statuses_of_the_page_are_those_of_the_command(home: Path) -> None:
    told = {int(row[0]) for row in re.findall(r"^\| (\d) \|(.+)\|$", PAGE, re.MULTILINE)}
    assert told == {0, command.MISSING, command.BAD_USE}
    assert f"({command.NOT_FOUND} when there is no such command)" in PAGE
    bound = [sys.executable, "-m", "observatory_sdk.attach.command", "--bindings"]
    for given, status in (
        (["cryptouniverse", "--check"], 0),
        (["nobody", "--check"], command.BAD_USE),
        (["cryptouniverse", "--", "no-such-command"], command.NOT_FOUND),
    ):
        done = subprocess.run([*bound, *given], cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
    (home / "app" / "services" / "oauth.py").unlink()
    done = subprocess.run([*bound, "cryptouniverse", "--check"], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == command.MISSING
    assert "not covered: oauth_service: there is no module app.services.oauth" in done.stdout
