"""The seven questions, asked in the terminal of a server that watches the universe: each is answered, and truly."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from running import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]
EXCHANGE, PROVIDER = "binance", "openai"
_WAIT_S = 420


def ask(scene: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", "ask", *words],
        env=os.environ | {"OBSERVATORY_DATA_DIR": str(scene.server.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answered(scene: Any, *words: str, says: str = "") -> str:
    """The answer, once it says what it must; faults take their time to show."""
    last = ""

    def found() -> str:
        nonlocal last
        told = ask(scene, *words)
        last = told.stdout + told.stderr
        return told.stdout if told.returncode == 0 and says in told.stdout else ""

    try:
        return str(until(found, f"an answer with {says!r}", _WAIT_S))
    except AssertionError as error:
        raise AssertionError(f"{error}; the last was:\n{last}") from None


def test_why_is_a_feature_slow(scene: Any) -> None:
    told = answered(scene, "why is the feature chat slow?", "--window", "2m", says=PROVIDER)
    assert "confidence" in told.splitlines()[0]
    assert "path:" in told


def test_which_exchange_is_having_issues(scene: Any) -> None:
    first = answered(scene, "which exchange is having issues?", says=f"{EXCHANGE} is in trouble").splitlines()[0]
    assert "exchanges over the last 5 m" in first


def test_is_my_system_healthy_right_now(scene: Any) -> None:
    told = answered(scene, "is my system healthy right now?", says="trading_execution critical")
    assert "of 65 services report" in told.splitlines()[0]
    assert EXCHANGE in told


def test_how_much_does_this_user_cost(scene: Any) -> None:
    rows = until(lambda: scene.read("/costs/breakdown", by="user", window="1h")["items"], "users with costs")
    user = next(each["key"]["user"] for each in rows if each["key"].get("user"))
    told = answered(scene, f"how much is user {user} costing me?")
    assert told.startswith(f"user {user} cost $")
    assert "samples" in told.splitlines()[0]


def test_are_signals_being_delivered(scene: Any) -> None:
    told = answered(scene, "are signals being delivered?", says="deliveries in the last 1 h")
    assert "accepted" in told.splitlines()[0]


def test_is_ai_spending_within_budget(scene: Any) -> None:
    told = answered(scene, "is AI spending within budget?", says="Yes.")
    assert "of $1,000.00 this month" in told


def test_what_caused_the_incident(scene: Any) -> None:
    told = answered(scene, "what caused the incident", "--window", "1h", says=EXCHANGE)
    assert "alert:" in told
