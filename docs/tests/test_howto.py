"""The commands of the README and of the how-to are run against a real server, and what they promise is looked up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Serving, serving

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"(?:^`(?P<file>[\w.]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
# For a machine without curl: as much of it as the pages use.
_CURL = """#!{python}
import sys, httpx
words, headers, body, url = sys.argv[1:], {{}}, None, ""
while words:
    word = words.pop(0)
    if word == "-H":
        name, _, value = words.pop(0).partition(":")
        headers[name] = value.strip()
    elif word == "-d":
        body = words.pop(0)
        body = sys.stdin.read() if body == "@-" else body
    elif word != "-sS":
        url = word
print(httpx.request("POST" if body else "GET", url, headers=headers, content=body).text)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server on the folder that the demo's would be on."""
    folder = tmp_path_factory.mktemp("howto") / "var" / "observatory"
    folder.parent.mkdir()
    with serving(folder, tick_s=0.5) as running:
        yield running


@pytest.fixture
def follow(server: Serving) -> Callable[[str], str]:
    """Do what a page says, in its order, and return what its commands print."""

    def run(page: str) -> str:
        home = server.folder.parents[1]
        text = (ROOT / page).read_text(encoding="utf-8")
        for usual, real in (("http://127.0.0.1:4318", server.otlp_http), ("http://127.0.0.1:8600", server.url)):
            assert usual in text or usual.endswith("8600")
            text = text.replace(usual, real)
        script = []
        for block in _BLOCK.finditer(text):
            if block["file"]:
                (home / block["file"]).write_text(block["code"], encoding="utf-8")
            elif block["language"] == "bash":
                script.append(block["code"])
        assert script
        return _bash(home, script)

    return run


def _bash(home: Path, script: list[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    if not (home / ".venv").exists():
        (home / ".venv").symlink_to(sys.prefix)
    if shutil.which("curl") is None:
        stand_in = home / "bin" / "curl"
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(_CURL.format(python=sys.executable), encoding="utf-8")
        stand_in.chmod(0o755)
        environment["PATH"] = f"{stand_in.parent}:{environment['PATH']}"
    command = ["bash", "-c", "\n".join(["set -euo pipefail", *script])]
    answer = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr == ""
    return answer.stdout


def _until(server: Serving, path: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until = time.monotonic() + 90
    while True:
        answer = httpx.get(f"{server.url}/api/v1/monitoring/{path}", headers=server.headers, timeout=60)
        body: dict[str, Any] = answer.json()
        if answer.is_success and fits(body):
            return body
        assert time.monotonic() < until, body
        time.sleep(0.1)


def _called(topology: dict[str, Any]) -> set[str]:
    return {edge["to"] for edge in topology["edges"] if edge["from"] == "external"}


def test_the_readme_leads_to_a_first_span(follow: Callable[[str], str], server: Serving) -> None:
    assert follow("README.md").strip() == "{}"
    assert server.metric("rows_total", signal="traces") >= 2
    _until(server, "topology", lambda body: "hello" in _called(body))


def test_the_first_span_page_ends_with_what_it_promises(follow: Callable[[str], str], server: Serving) -> None:
    printed = follow("docs/howto/first-span.md")
    assert printed.startswith("{}")
    topology = _until(server, "topology", lambda body: {"hello-curl", "hello-python"} <= _called(body))
    assert topology["environment"] == "production"
    there = "services/trade_execution_service?environment=first-steps"
    service = _until(server, there, lambda body: body["load_state"] == "reporting")
    assert service["status"] == "healthy"
    assert service["provenance"]["rate"]["samples"] == 1
    orders = "system-health?environment=first-steps"
    health = _until(server, orders, lambda body: body["services"]["trading_execution"]["paper_orders_executed_5m"] == 1)
    assert health["services_total"] == 65
