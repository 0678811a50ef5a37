"""Servers, workers and pools as platforms run them: each process reports itself, to its end, and only once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import observatory_sdk as obs

BINDINGS = "platform: throwaway\npackages: [plat]\nservices:\n  desk: {targets: plat.desk:Desk}\n"
COMMAND = (sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "bound.yaml", "--", sys.executable)
HEARTBEAT = "observatory.service.heartbeat"
DESK = """
import os, time
class Desk:
    def act(self, number=0):
        return number
    def pid(self):
        return os.getpid()
    def slow(self):
        print("working", flush=True)
        time.sleep(30)
single = Desk()
"""
ASGI = """
from plat.desk import single
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                single.act()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = str(single.pid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
WSGI = """
from plat.desk import single
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(single.pid()).encode()]
"""
CELERY = """
from celery import Celery
from plat.desk import single
app = Celery("jobs", broker="filesystem://", backend="file://{folder}/results")
folders = {{"data_folder_in": "{folder}/queue", "data_folder_out": "{folder}/queue"}}
app.conf.broker_transport_options = folders | {{"polling_interval": 0.1}}
app.conf.broker_connection_retry_on_startup = True

@app.task(name="act")
def act():
    return single.pid()
"""


@pytest.fixture
def host(platform: Any) -> Any:
    platform.write("plat.desk", DESK)
    (platform.folder / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return platform


Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def started(host: Any, otlp_server: Any) -> Iterator[Started]:
    """Starts Python programs under the command, and ends what is left of them."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        sources = str(Path(obs.__file__).parents[1])
        settings = {"PYTHONPATH": sources, "OBSERVATORY_ENDPOINT": otlp_server.url, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=host.folder,
            env={**os.environ, **settings, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def spans(server: Any, name: str) -> dict[str, int]:
    """How many spans of a name each instance sent."""
    found: dict[str, int] = {}
    for message in server.messages("/v1/traces"):
        for each in message.resource_spans:
            instance = _instance(each)
            count = sum(span.name == name for scope in each.scope_spans for span in scope.spans)
            if count:
                found[instance] = found.get(instance, 0) + count
    return found


def beating(server: Any) -> set[str]:
    """The instances that sent heartbeats."""
    return {
        _instance(each)
        for message in server.messages("/v1/metrics")
        for each in message.resource_metrics
        if any(metric.name == HEARTBEAT for scope in each.scope_metrics for metric in scope.metrics)
    }


def _instance(each: Any) -> str:
    keys: Mapping[str, str] = {key.key: key.value.string_value for key in each.resource.attributes}
    return keys["service.instance.id"]


def until(condition: Callable[[], object], timeout_s: float = 90.0) -> None:
    """Wait for something to come true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def ask(port: int) -> str:
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)


def asked_of_both(port: int) -> list[str]:
    """The process ids that answered, at least two."""
    found = [ask(port)]
    deadline = time.monotonic() + 90
    while len(set(found)) < 2:
        assert time.monotonic() < deadline, "only one worker answers"
        found.append(ask(port))
    return found


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    """End a process, and what it printed."""
    process.send_signal(number)
    return process.communicate(timeout=30)[0]


def test_uvicorn_sends_what_its_shutdown_did_although_it_ends_by_the_signal(
    host: Any, otlp_server: Any, started: Started
) -> None:
    host.write("plat.web", ASGI)
    port = free_port()
    process = started("-m", "uvicorn", "plat.web:app", "--port", str(port))
    answered = [ask(port) for _ in range(3)]
    printed = stop(process)
    assert process.returncode == -signal.SIGTERM
    assert "Traceback" not in printed
    assert set(answered) == {str(process.pid)}
    assert list(spans(otlp_server, "desk.pid").values()) == [3]
    assert list(spans(otlp_server, "desk.act").values()) == [1]
    assert beating(otlp_server) == set(spans(otlp_server, "desk.pid"))


def test_each_worker_of_uvicorn_reports_itself_and_their_parent_nobody(
    host: Any, otlp_server: Any, started: Started
) -> None:
    host.write("plat.web", ASGI)
    port = free_port()
    process = started("-m", "uvicorn", "plat.web:app", "--port", str(port), "--workers", "2")
    answered = asked_of_both(port)
    assert "Traceback" not in stop(process)
    assert str(process.pid) not in answered
    counts = spans(otlp_server, "desk.pid")
    assert sorted(counts.values()) == sorted(answered.count(each) for each in set(answered))
    assert spans(otlp_server, "desk.act") == dict.fromkeys(counts, 1)
    assert beating(otlp_server) == set(counts)


@pytest.mark.parametrize("kind", ["sync", "uvicorn.workers.UvicornWorker"])
def test_each_worker_of_gunicorn_reports_itself_and_the_master_that_loaded_them_nobody(
    host: Any, otlp_server: Any, started: Started, kind: str
) -> None:
    host.write("plat.web", WSGI if kind == "sync" else ASGI)
    port = free_port()
    given = ("--preload", "-w", "2", "-k", kind, "-b", f"127.0.0.1:{port}", "plat.web:app")
    process = started("-W", "ignore::DeprecationWarning", "-m", "gunicorn", *given)
    answered = asked_of_both(port)
    # Longer than the interval at which a master would have sent its own.
    until(lambda: len(beating(otlp_server)) >= 2)
    time.sleep(1.0)
    assert "Traceback" not in stop(process)
    counts = spans(otlp_server, "desk.pid")
    assert sorted(counts.values()) == sorted(answered.count(each) for each in set(answered))
    assert beating(otlp_server) == set(counts)
    assert sum(spans(otlp_server, "desk.act").values()) == (0 if kind == "sync" else 2)


@pytest.mark.parametrize(("pool", "instances"), [("prefork", 2), ("solo", 1), ("threads", 1)])
def test_workers_of_celery_report_what_they_ran_when_they_are_stopped(
    host: Any, otlp_server: Any, started: Started, pool: str, instances: int
) -> None:
    (host.folder / "queue").mkdir()
    (host.folder / "results").mkdir()
    host.write("plat.jobs", CELERY.format(folder=host.folder))
    options = ("-P", pool, "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat")
    process = started("-m", "celery", "-A", "plat.jobs", "worker", *options, C_FORCE_ROOT="1")
    send = "from plat.jobs import act\nsent = [act.delay() for _ in range(6)]\nprint([r.get(20) for r in sent])"
    done = host.run(sys.executable, "-W", "ignore", "-c", send)
    ran = [int(each) for each in done.stdout.strip("[]\n").split(",")]
    printed = stop(process)
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    counts = spans(otlp_server, "desk.pid")
    assert sorted(counts.values()) == sorted(ran.count(each) for each in set(ran))
    assert len(counts) <= instances
    assert (process.pid in ran) == (pool != "prefork")
    # Of prefork, the parent has the service loaded too.
    assert set(counts) <= beating(otlp_server)
    assert len(beating(otlp_server)) <= instances


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_workers_of_a_process_pool_executor_report_each_call_once(host: Any, otlp_server: Any, way: str) -> None:
    host.write(
        "pool",
        """
        import multiprocessing, sys
        from concurrent.futures import ProcessPoolExecutor
        from plat.desk import single
        if __name__ == "__main__":
            with ProcessPoolExecutor(2, multiprocessing.get_context(sys.argv[1])) as pool:
                print(sorted(pool.map(single.act, range(6))))
        """,
    )
    done = host.run(*COMMAND, "-W", "ignore", "pool.py", way, OBSERVATORY_ENDPOINT=otlp_server.url, check=False)
    assert (done.stdout, done.stderr) == ("[0, 1, 2, 3, 4, 5]\n", "")
    assert sum(spans(otlp_server, "desk.act").values()) == 6


def test_a_worker_that_imports_the_platform_only_in_its_work_reports_it(host: Any, otlp_server: Any) -> None:
    host.write(
        "late",
        """
        import multiprocessing
        def work():
            from plat.desk import single
            single.act()
        if __name__ == "__main__":
            for way in ("fork", "spawn"):
                process = multiprocessing.get_context(way).Process(target=work)
                process.start()
                process.join()
                print(process.exitcode)
        """,
    )
    done = host.run(*COMMAND, "late.py", OBSERVATORY_ENDPOINT=otlp_server.url)
    assert (done.stdout, done.stderr) == ("0\n0\n", "")
    assert list(spans(otlp_server, "desk.act").values()) == [1, 1]


def test_a_pool_that_is_terminated_as_with_blocks_do_sends_what_its_workers_did(host: Any, otlp_server: Any) -> None:
    host.write(
        "pool",
        """
        import multiprocessing
        from plat.desk import single
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(sum(pool.map(single.act, range(8), chunksize=1)))
        """,
    )
    done = host.run(*COMMAND, "pool.py", OBSERVATORY_ENDPOINT=otlp_server.url)
    assert (done.stdout, done.stderr) == ("28\n", "")
    assert sum(spans(otlp_server, "desk.act").values()) == 8


def test_sigterm_ends_a_program_as_without_us_and_what_it_did_is_sent(
    host: Any, otlp_server: Any, started: Started
) -> None:
    code = "from plat.desk import single; single.act(); single.slow()"
    process = started("-c", code)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    assert stop(process) == ""
    assert process.returncode == -signal.SIGTERM
    assert list(spans(otlp_server, "desk.act").values()) == [1]


def test_a_host_that_handles_sigterm_itself_is_left_to_it(host: Any, otlp_server: Any) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "from plat.desk import single\nsingle.act()\nos.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = host.run(*COMMAND, "-c", code, check=False, OBSERVATORY_ENDPOINT=otlp_server.url)
    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")
    assert list(spans(otlp_server, "desk.act").values()) == [1]


def test_a_process_that_imports_nothing_of_the_platform_has_nothing_of_us_in_it(host: Any, otlp_server: Any) -> None:
    code = (
        "import sys, json, threading\n"
        "ours = [name for name in sys.modules if name.startswith(('observatory_sdk.', 'opentelemetry.', 'yaml'))]\n"
        "print(ours, threading.active_count())\n"
        "import plat.desk\n"
        "print('observatory_sdk.attach' in sys.modules, threading.active_count() > 1)\n"
    )
    done = host.run(*COMMAND, "-c", code, OBSERVATORY_ENDPOINT=otlp_server.url)
    assert (done.stdout, done.stderr) == ("[] 1\nTrue True\n", "")
