"""Asking for a budget before spending: what is told, and that a bad server costs the host next to nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import observatory_sdk as obs
from observatory_sdk import spending

DENIED: dict[str, Any] = {
    "verdict": "denied",
    "state": "exhausted",
    "reasons": ["101.0 % of 3000 USD is spent"],
    "budgets": [
        {"name": "AI", "amount_usd": "3000", "spent_usd": 3_030.0, "resets_at": "2026-02-01T00:00:00.000Z"},
    ],
    "age_s": 2.1,
}
# The longest that may be asked for: what is not about time may take its time.
PATIENT_S = 20.0
ALLOWED: dict[str, Any] = {"verdict": "allowed", "state": "no budget set", "reasons": [], "budgets": [], "age_s": None}


class Answers:
    """A server that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps(ALLOWED).encode()
        self.asked: list[tuple[dict[str, list[str]], str | None]] = []
        self.drip_s = 0.0
        self.url = ""


class Quiet(ThreadingHTTPServer):
    """Callers that went away are no news."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None


@contextmanager
def answering() -> Iterator[Answers]:
    told = Answers()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((parse_qs(urlsplit(self.path).query), self.headers["Authorization"]))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            for byte in told.body:
                self.wfile.write(bytes([byte]))
                time.sleep(told.drip_s)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = Quiet(("127.0.0.1", 0), Door)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def answers() -> Iterator[Answers]:
    with answering() as told:
        yield told


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(url: str) -> None:
        monkeypatch.setenv("OBSERVATORY_API_URL", url)
        monkeypatch.setenv("OBSERVATORY_TOKEN", "obs_secret")
        monkeypatch.setenv("OBSERVATORY_ENVIRONMENT", "staging")
        spending._DESK.forget()

    yield use
    # What is still on its way would be counted in another test.
    for thread in threading.enumerate():
        if thread.name == "observatory-budget":
            thread.join(30)
    spending._DESK.forget()


def took(ask: Callable[[], obs.BudgetAnswer]) -> tuple[obs.BudgetAnswer, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


def test_a_denial_names_the_budget_its_amount_and_when_it_begins_anew(answers: Answers, at: Any) -> None:
    at(answers.url)
    answers.body = json.dumps(DENIED).encode()
    found = obs.check_budget(category="ai", user_id="u-1", timeout_s=PATIENT_S)
    assert (found.allowed, found.verdict, found.failed_open, found.state) == (False, "denied", False, "exhausted")
    assert (found.budget, found.amount_usd, found.spent_usd) == ("AI", Decimal(3_000), Decimal("3030.0"))
    assert (found.resets_at, found.age_s) == ("2026-02-01T00:00:00.000Z", 2.1)
    asked, token = answers.asked[0]
    assert asked == {"environment": ["staging"], "category": ["ai"], "user": ["u-1"]}
    assert token == "Bearer obs_secret"


def test_user_and_feature_at_work_are_named_by_themselves(answers: Answers, at: Any) -> None:
    at(answers.url)
    with obs.feature("chat", user_id="u-7", user_cohort="2026-01"):
        obs.check_budget(category="ai", timeout_s=PATIENT_S)
    assert answers.asked[0][0] == {
        "environment": ["staging"],
        "category": ["ai"],
        "user": ["u-7"],
        "cohort": ["2026-01"],
        "feature": ["chat"],
    }


def test_an_answer_is_kept_so_that_asking_often_costs_nothing(
    answers: Answers, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(answers.url)
    monkeypatch.setattr(spending, "KEPT_S", 600.0)
    assert obs.check_budget(category="ai", timeout_s=PATIENT_S).state == "no budget set"
    for _ in range(1_000):
        obs.check_budget(category="ai")
    assert len(answers.asked) == 1


def test_without_a_server_nothing_is_asked_and_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBSERVATORY_API_URL", raising=False)
    monkeypatch.delenv("OBSERVATORY_ENDPOINT", raising=False)
    spending._DESK.forget()
    found = obs.check_budget(category="ai")
    assert (found.allowed, found.verdict, found.failed_open, found.reasons) == (
        True,
        "unknown",
        True,
        ("no server is set",),
    )


@pytest.mark.parametrize("status", [500, 404, 401, 302])
def test_a_server_that_answers_with_an_error_lets_it_pass_with_the_flag(answers: Answers, at: Any, status: int) -> None:
    at(answers.url)
    answers.status = status
    found = obs.check_budget(category="ai", timeout_s=PATIENT_S)
    assert (found.allowed, found.verdict, found.failed_open) == (True, "unknown", True)
    for number in range(20):
        assert obs.check_budget(category=f"c{number}").failed_open
    assert len(answers.asked) == 1
    assert obs.losses()["budget checks without an answer"] >= 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"\xff", b'{"verdict": "perhaps"}', b'{"verdict": "denied", "budgets": [3]}', b"x" * 300_000],
)
def test_an_answer_that_makes_no_sense_lets_it_pass(answers: Answers, at: Any, body: bytes) -> None:
    at(answers.url)
    answers.body = body
    assert obs.check_budget(category="ai").failed_open


def test_a_dead_server_costs_nothing(at: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    at(f"http://127.0.0.1:{port}")
    found, spent_s = took(lambda: obs.check_budget(category="ai"))
    assert found.failed_open
    assert spent_s < 10


def test_a_server_that_hangs_costs_one_short_wait_and_then_none(at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        found, first_s = took(lambda: obs.check_budget(category="ai"))
        assert (found.allowed, found.failed_open, found.reasons) == (True, True, ("no answer in time",))
        assert 0.2 < first_s < 15
        before = threading.active_count()
        _, then_s = took(lambda: [obs.check_budget(category=f"c{number}") for number in range(200)][-1])
        # Waiting each time would take more than 40 s.
        assert then_s < 20
        assert threading.active_count() <= before


def test_a_server_that_drips_is_not_waited_for(answers: Answers, at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(answers.url)
    monkeypatch.setattr(spending, "_LONGEST_S", 2.0)
    answers.drip_s = 0.1
    answers.body += b" " * 400  # 40 s, were it waited for
    found, spent_s = took(lambda: obs.check_budget(category="ai", timeout_s=0.3))
    assert found.failed_open
    assert spent_s < 15


def test_many_at_once_ask_once(answers: Answers, at: Any) -> None:
    at(answers.url)
    answers.drip_s = 0.001
    found: list[obs.BudgetAnswer] = []
    threads = [
        threading.Thread(target=lambda: found.append(obs.check_budget(category="ai", timeout_s=PATIENT_S)))
        for _ in range(30)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(answers.asked) == 1
    assert {each.verdict for each in found} == {"allowed"}


async def test_asking_holds_up_no_other_task(at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        other = asyncio.create_task(turn())
        found = await obs.check_budget_async(category="ai", timeout_s=1)
        other.cancel()
    assert found.failed_open
    assert turns > 5


async def test_the_answer_comes_to_async_callers_too(answers: Answers, at: Any) -> None:
    at(answers.url)
    answers.body = json.dumps(DENIED).encode()
    found = await asyncio.gather(*(obs.check_budget_async(category="ai", timeout_s=PATIENT_S) for _ in range(5)))
    assert {each.verdict for each in found} == {"denied"}
    assert len(answers.asked) == 1


def test_a_denial_outlives_a_server_that_goes_away(answers: Answers, at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at(answers.url)
    answers.body = json.dumps(DENIED).encode()
    assert not obs.check_budget(category="ai", timeout_s=PATIENT_S).allowed
    monkeypatch.setattr(spending, "KEPT_S", 0.0)
    answers.status = 500
    assert obs.check_budget(category="ai", timeout_s=PATIENT_S).failed_open
    assert not obs.check_budget(category="ai").allowed


@pytest.mark.parametrize("value", [3, b"x", object(), "\ud800", "a" * 10_000])
def test_an_odd_argument_never_raises(answers: Answers, at: Any, value: Any) -> None:
    at(answers.url)
    assert obs.check_budget(category=value).allowed
    assert obs.check_budget(timeout_s=value).allowed
