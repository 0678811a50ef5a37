"""Processes that fork: each child reports itself, once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import observatory_sdk as obs

BINDINGS = "platform: throwaway\npackages: [plat]\nservices:\n  desk: {targets: plat.desk:Desk}\n"
COMMAND = (sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "bound.yaml", "--")
POOL = """
import multiprocessing, sys
from plat.desk import Desk, single

if __name__ == "__main__":
    single.act(0)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert sorted(pool.map(single.act, range(8), chunksize=1)) == list(range(8))
        pool.close()
        pool.join()
    print("done")
"""


@pytest.fixture
def host(platform: Any) -> Any:
    platform.write(
        "plat.desk",
        """
        import time
        class Desk:
            def act(self, number):
                time.sleep(0.05)
                return number
        single = Desk()
        """,
    )
    platform.write("pool", POOL)
    (platform.folder / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return platform


def by_instance(server: Any) -> dict[str, int]:
    """How many spans each instance sent."""
    found: dict[str, int] = {}
    for message in server.messages("/v1/traces"):
        for each in message.resource_spans:
            keys = {key.key: key.value.string_value for key in each.resource.attributes}
            count = sum(len(scope.spans) for scope in each.scope_spans)
            found[keys["service.instance.id"]] = found.get(keys["service.instance.id"], 0) + count
    return found


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_report_each_call_once(host: Any, otlp_server: Any, way: str) -> None:
    done = host.run(*COMMAND, sys.executable, "pool.py", way, OBSERVATORY_ENDPOINT=otlp_server.url, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")
    counts = by_instance(otlp_server)
    assert sum(counts.values()) == 9
    assert 2 <= len(counts) <= 3


def test_forked_workers_that_live_on_report_under_ids_of_their_own(host: Any, otlp_server: Any) -> None:
    host.write(
        "forks",
        """
        import os, time
        from plat.desk import single
        single.act(0)
        children = []
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                for _ in range(5):
                    single.act(number)
                time.sleep(1.5)
                os._exit(0)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
        """,
    )
    done = host.run(*COMMAND, sys.executable, "forks.py", OBSERVATORY_ENDPOINT=otlp_server.url, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert sorted(by_instance(otlp_server).values()) == [1, 5, 5, 5]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_gunicorn_with_preload_reports_from_each_worker(host: Any, otlp_server: Any) -> None:
    host.write(
        "plat.web",
        """
        import os
        from plat.desk import single
        def app(environ, start_response):
            single.act(1)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(os.getpid()).encode()]
        """,
    )
    port = _free_port()
    command = [
        *COMMAND,
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "-w",
        "2",
        "-b",
        f"127.0.0.1:{port}",
        "plat.web:app",
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(obs.__file__).parents[1]),
        "OBSERVATORY_ENDPOINT": otlp_server.url,
    }
    process = subprocess.Popen(command, cwd=host.folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        workers = [_ask(port) for _ in range(24)]
    finally:
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert "Traceback" not in stderr
    counts = by_instance(otlp_server)
    assert len(counts) == len(set(workers)) == 2
    assert sorted(counts.values()) == sorted(workers.count(each) for each in set(workers))
    beats = "observatory.service.heartbeat"
    assert otlp_server.metric_names().count(beats) >= 2


def _ask(port: int) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
