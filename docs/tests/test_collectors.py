"""The page on collectors does what it says, and the example file is one that the server takes."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from observatory import collect
from observatory_universe.outside.redis import RedisServer, redis_server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "collectors.md").read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w.-]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def route() -> Iterator[int]:
    """The port of a route that is well."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Healthy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest_asyncio.fixture
async def cache(tmp_path: Path) -> object:
    """A Redis with the page's password."""
    async with redis_server(tmp_path / "redis") as server, Redis(port=server.port) as client:
        await client.config_set("requirepass", "the-password")
        yield server


async def test_the_page_on_collectors_does_what_it_says(tmp_path: Path, cache: RedisServer, route: int) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    page = PAGE.replace("port: 6379", f"port: {cache.port}").replace("127.0.0.1:8000", f"127.0.0.1:{route}")
    script = ["set -euo pipefail"]
    for block in _BLOCK.finditer(page):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["code"], encoding="utf-8")
        elif block["language"] == "bash":
            script.append(block["code"])
    script.append(".venv/bin/observatory collectors")
    command = ["bash", "-c", "\n".join(script)]
    answer = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert all(f"{kind}: " in answer.stdout for kind in collect.KINDS)
    looked = [line.split() for line in answer.stdout.splitlines() if line.endswith(" ok")]
    assert [line[:2] for line in looked] == [["cache", "redis"], ["health-route", "http"]] * 2
    assert "the-password" not in answer.stdout + answer.stderr


def test_the_example_is_one_that_the_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_PASSWORD", "POSTGRES_PASSWORD"):
        monkeypatch.setenv(name, "of a test")
    targets = collect.load(ROOT / "deploy" / "collectors.yaml")
    assert {target.KIND for target in targets} == set(collect.KINDS)


def test_a_target_that_cannot_be_read_ends_the_command_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "collectors.yaml"
    file.write_text("targets: [{name: gone, kind: redis, host: 127.0.0.1, port: 1}]")
    command = [sys.executable, "-m", "observatory.cli", "collectors", f"{file}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "unreachable" in answer.stdout
    assert answer.stderr == ""
