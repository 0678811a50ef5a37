"""Who is at work goes from process to process: by the headers of requests and of Celery's tasks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import observatory_sdk as obs

BINDINGS = """
platform: throwaway
packages: [plat]
user: [args.user_id]
services:
  desk: {targets: plat.desk:Desk}
  ledger: {targets: plat.ledger:Ledger}
"""
COMMAND = (sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "bound.yaml", "--", sys.executable)
LEDGER = "class Ledger:\n    def book(self): return 1\nsingle = Ledger()\n"
JOBS = """
from celery import Celery
from opentelemetry import baggage
from plat.ledger import single
app = Celery("jobs", broker="filesystem://", backend="file://{folder}/results")
folders = {{"data_folder_in": "{folder}/queue", "data_folder_out": "{folder}/queue"}}
app.conf.broker_transport_options = folders | {{"polling_interval": 0.1}}
app.conf.broker_connection_retry_on_startup = True

@app.task(name="book")
def book():
    single.book()
    return sorted(baggage.get_all())
"""
DESK = """
import observatory_sdk as obs
from plat.jobs import app, book

class Desk:
    def order(self, user_id):
        return book.delay().get(20)
    def order_by_name(self, user_id):
        return app.send_task("book").get(20)

if __name__ == "__main__":
    from plat.desk import Desk
    with obs.feature("chat", decision_id="d1"):
        print(Desk().order("u1"))
        print(Desk().order_by_name("u2"))
"""
WEB = """
from fastapi import FastAPI
from plat.ledger import single
app = FastAPI()

@app.get("/book")
async def book():
    return single.book()

@app.get("/plain")
def plain():
    return single.book()
"""
CALLER = """
import asyncio, sys
import aiohttp, httpx, requests
import observatory_sdk as obs

class Desk:
    def order(self, url):
        httpx.get(url + "/book").raise_for_status()
        requests.get(url + "/plain").raise_for_status()
        asyncio.run(self.later(url))
    async def later(self, url):
        async with aiohttp.ClientSession() as session, session.get(url + "/book") as answer:
            answer.raise_for_status()
        async with httpx.AsyncClient() as client:
            (await client.get(url + "/plain")).raise_for_status()

if __name__ == "__main__":
    from plat.desk import Desk
    with obs.feature("chat", user_id="u1", decision_id="d1"):
        Desk().order(sys.argv[1])
"""


@pytest.fixture
def host(platform: Any) -> Any:
    platform.write("plat.ledger", LEDGER)
    (platform.folder / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return platform


Beside = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def beside(host: Any, otlp_server: Any) -> Beside:
    """Runs a Python program under the command, as long as a block lasts."""

    @contextmanager
    def run(*arguments: str, **environment: str) -> Iterator[Any]:
        settings = {"PYTHONPATH": str(Path(obs.__file__).parents[1]), "OBSERVATORY_ENDPOINT": otlp_server.url}
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=host.folder,
            env={**os.environ, **settings, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(60)

    return run


def booked(server: Any) -> list[dict[str, str]]:
    """What is known of each call of the far side's service, with its trace."""
    return [
        {each.key: each.value.string_value for each in span.attributes} | {"trace": span.trace_id.hex()}
        for span in server.spans()
        if span.name == "ledger.book"
    ]


def traces(server: Any, name: str) -> list[str]:
    return [span.trace_id.hex() for span in server.spans() if span.name == name]


@pytest.mark.parametrize("without", ["", "celery"], ids=["beside OpenTelemetry's", "alone"])
def test_a_task_of_celery_knows_its_trace_caller_feature_user_and_decision(
    host: Any, otlp_server: Any, beside: Beside, without: str
) -> None:
    (host.folder / "queue").mkdir()
    (host.folder / "results").mkdir()
    host.write("plat.jobs", JOBS.format(folder=host.folder))
    host.write("plat.desk", DESK)
    options = ("-P", "threads", "-c", "1", "--without-gossip", "--without-mingle", "--without-heartbeat")
    settings = {"C_FORCE_ROOT": "1", "OBSERVATORY_WITHOUT": without, "OBSERVATORY_ENDPOINT": otlp_server.url}
    with beside("-m", "celery", "-A", "plat.jobs", "worker", *options, **settings):
        done = host.run(*COMMAND, "-m", "plat.desk", **settings)
    # The user is known from an argument only: he goes to the broker, and into no header of a request from there.
    known = str(["decision.id", "observatory.feature"])
    assert (done.stdout, done.stderr) == (f"{known}\n{known}\n", "")
    first, second = booked(otlp_server)
    assert [first["user.id"], second["user.id"]] == ["u1", "u2"]
    for found in (first, second):
        assert (found["observatory.feature"], found["decision.id"]) == ("chat", "d1")
        assert (found["observatory.service"], found["observatory.caller"]) == ("ledger", "desk")
    assert [first["trace"]] == traces(otlp_server, "desk.order")
    assert [second["trace"]] == traces(otlp_server, "desk.order_by_name")
    runs = traces(otlp_server, "run/book")
    assert len(runs) == (0 if without else 2)


def test_a_broker_that_refuses_a_task_leaves_nothing_of_it_at_work(host: Any, otlp_server: Any) -> None:
    host.write(
        "main",
        """
        from plat.ledger import single
        from celery import Celery
        from opentelemetry import context
        app = Celery("jobs", broker="filesystem://")
        app.conf.broker_transport_options = {"data_folder_out": "/dev/null/none", "data_folder_in": "/dev/null/none"}

        @app.task(name="book")
        def book():
            pass

        for _ in range(2):
            try:
                book.apply_async(retry=False)
            except Exception as error:
                print(type(error).__name__)
        print(context.get_current())
        single.book()
        """,
    )
    done = host.run(*COMMAND, "main.py", OBSERVATORY_ENDPOINT=otlp_server.url)
    assert (done.stdout, done.stderr) == ("NotADirectoryError\nNotADirectoryError\n{}\n", "")
    (span,) = [span for span in otlp_server.spans() if span.name == "ledger.book"]
    assert not span.parent_span_id
    assert len(traces(otlp_server, "apply_async/book")) == 2


def test_a_request_of_each_client_brings_trace_caller_feature_user_and_decision(
    host: Any, otlp_server: Any, beside: Beside
) -> None:
    host.write("main", WEB)
    host.write("plat.desk", CALLER)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with beside("-m", "uvicorn", "main:app", "--port", str(port)):
        _until_open(port)
        done = host.run(*COMMAND, "-m", "plat.desk", url, OBSERVATORY_ENDPOINT=otlp_server.url)
    assert (done.stdout, done.stderr) == ("", "")
    found_there = booked(otlp_server)
    assert len(found_there) == 4
    (trace,) = traces(otlp_server, "desk.order")
    for found in found_there:
        # There the process is at work, and is what calls its services.
        assert found == {
            "observatory.service": "ledger",
            "observatory.caller": "throwaway",
            "observatory.feature": "chat",
            "user.id": "u1",
            "decision.id": "d1",
            "trace": trace,
        }
    callers = [
        {each.key: each.value.string_value for each in span.attributes}.get("observatory.caller")
        for span in otlp_server.spans()
        if span.kind == span.SPAN_KIND_SERVER
    ]
    assert callers == ["desk"] * 4


def _until_open(port: int) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
