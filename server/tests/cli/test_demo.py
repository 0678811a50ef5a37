"""The demo as a person runs it: what it announces, what it shows, and that nothing is left of it when it ends."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import running

from observatory.cli.summary import summary

_BESIDE_NUMBERS = {"status", "priority", "since", "warnings", "reasons", "provenance"}
_FIELDS = {
    "ai_systems": {"response_time_p95_ms", "active_models", "error_rate_5m", "cost_last_hour_usd"},
    "signal_intelligence": {"signals_generated_5m", "delivery_success_rate", "avg_signal_latency_ms"},
    "trading_execution": {"orders_executed_5m", "execution_success_rate", "avg_slippage_bps", "warnings"},
    "market_data": {"exchanges_connected", "data_staleness_max_ms", "websocket_uptime"},
    "risk_management": {"risk_calcs_5m", "avg_calc_time_ms", "breaches_5m"},
    "credits": set(),
    "strategies": set(),
    "costs": set(),
    "emergency": set(),
    "resources": set(),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one demo from its start to Ctrl-C."""

    folder: Path
    mode: int
    facts: dict[str, Any]
    statuses: dict[str, int]
    budgets: dict[str, Any]
    login: httpx.Response
    second: running.Demo
    health: dict[str, Any]
    status: int
    said: str
    children: list[int]


def answer(facts: dict[str, Any], scope: str) -> int:
    """What system-health says to the token with the scope."""
    headers = {"Authorization": f"Bearer {facts['tokens'][scope]}"}
    return httpx.get(f"{facts['url']}/api/v1/monitoring/system-health", headers=headers).status_code


def budgets_of(facts: dict[str, Any]) -> dict[str, Any] | None:
    """What is told of the budgets once each was looked at and something was spent; None before."""
    headers = {"Authorization": f"Bearer {facts['tokens']['read']}"}
    found: dict[str, Any] = httpx.get(f"{facts['url']}/api/v1/monitoring/costs/budgets", headers=headers).json()
    return found if all(each["spent_usd"] for each in found["items"]) else None


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("demo") / "var"
    with running.demo(folder) as demo:
        facts = demo.facts()
        mode = stat.S_IMODE((folder / "demo.json").stat().st_mode)
        health = running.until(lambda: running.reporting(facts["url"], facts["tokens"]["read"]), "65 of 65 services")
        with running.demo(folder) as second:
            second.process.wait(running.WAIT_S)
        statuses = {scope: answer(facts, scope) for scope in facts["tokens"]}
        login = httpx.get(facts["login_url"])
        budgets = running.until(lambda: budgets_of(facts), "standings of the budgets")
        children = demo.children()
        status = demo.interrupt()
        yield Seen(folder, mode, facts, statuses, budgets, login, second, health, status, demo.said, children)


def test_demo_json_is_for_its_owner_alone_and_has_a_token_for_each_scope(seen: Seen) -> None:
    assert seen.mode == 0o600
    assert seen.facts["url"].startswith("http://127.0.0.1:")
    assert seen.statuses == {"ingest": 403, "read": 200, "operate": 200, "admin": 200, "user:u-0001": 403}


def test_it_sets_an_ai_budget_and_one_for_everything_and_a_calm_day_stays_within(seen: Seen) -> None:
    assert [(each["name"], each["scope"], each["state"]) for each in seen.budgets["items"]] == [
        ("AI", "category", "within"),
        ("everything", "all", "within"),
    ]
    assert seen.budgets["coverage"]["covered_ratio"] == 1


def test_its_login_link_opens_a_session(seen: Seen) -> None:
    assert seen.facts["login_url"].startswith(f"{seen.facts['url']}/login/")
    assert seen.login.status_code == 303
    assert seen.login.headers["location"] == "/"


def test_all_services_report_and_all_areas_have_the_fields_that_were_asked_for(seen: Seen) -> None:
    assert (seen.health["services_reporting"], seen.health["services_total"]) == (65, 65)
    assert seen.health["services_silent"] == seen.health["services_never_loaded"] == []
    assert list(seen.health["services"]) == list(_FIELDS)
    for area, fields in _FIELDS.items():
        assert fields <= seen.health["services"][area].keys(), area


def test_every_number_tells_where_it_comes_from(seen: Seen) -> None:
    for area, fields in seen.health["services"].items():
        numbers = {name for name, value in fields.items() if name not in _BESIDE_NUMBERS and type(value) is not list}
        assert numbers == fields["provenance"].keys(), area
        for name, told in fields["provenance"].items():
            assert told["source"], (area, name)
            assert told["window_s"] > 0, (area, name)
            assert told["samples"] > 0 or not fields[name], (area, name)


def test_without_a_terminal_it_prints_plain_lines(seen: Seen) -> None:
    assert "\x1b" not in seen.said
    assert f"Observatory: {seen.facts['url']}\n" in seen.said
    assert f"\n{seen.facts['login_url']}\n" in seen.said
    assert "65 of 65 services report" in seen.said


@pytest.mark.parametrize(("width", "height"), [(120, 34), (80, 18)])
def test_what_it_shows_fits_one_screen_and_has_a_number_of_every_area(seen: Seen, width: int, height: int) -> None:
    lines = [line.plain for line in summary(seen.health, width, height)]
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if line[2:].startswith(("AI", "Signal", "Trad", "Mark", "Risk", "Cred", "Strat"))]
    assert len(rows) == 7
    assert all(any(mark.isdigit() for mark in row) for row in rows)


def test_a_second_demo_on_the_folder_is_refused_and_takes_nothing_from_the_first(seen: Seen) -> None:
    assert seen.second.process.returncode == 1
    assert f"another demo runs on {seen.folder}" in seen.second.said
    assert "Traceback" not in seen.second.said
    assert seen.statuses["read"] == 200


def test_ctrl_c_stops_all_of_it_and_loses_nothing(seen: Seen) -> None:
    assert seen.status == 0, seen.said
    assert seen.said.endswith("Stopped.\n")
    assert len(seen.children) == 2
    assert running.gone(seen.children)
    assert not (seen.folder / "demo.json").exists()
    # The universe says so when the server did not take all it had.
    assert (seen.folder / "universe.log").read_text().endswith("\nstopped\n")


def test_the_next_demo_keeps_the_numbers_and_says_how_the_universe_died(seen: Seen) -> None:
    with running.demo(seen.folder) as demo:
        facts = demo.facts()
        kept = running.until(lambda: running.system_health(facts["url"], facts["tokens"]["read"]), "a first round")
        assert kept["services"]["credits"]["transactions_5m"] >= seen.health["services"]["credits"]["transactions_5m"]
        assert answer({**facts, "tokens": seen.facts["tokens"]}, "read") == 401
        children = demo.children()
        running.until((seen.folder / "universe.log").read_text, "the universe's first words")
        os.kill(_universe(children), signal.SIGKILL)
        assert demo.process.wait(running.WAIT_S) == 1
        assert "observatory: the universe ended by SIGKILL" in demo.said
        assert "faults are started and ended at" in demo.said.partition("ended by SIGKILL")[2]
        assert "Traceback" not in demo.said
        assert running.gone(children)


def test_a_killed_demo_leaves_no_process_behind(seen: Seen) -> None:
    with running.demo(seen.folder) as demo:
        demo.facts()
        children = demo.children()
        assert len(children) == 2
        demo.process.kill()
        running.until(lambda: running.gone(children), "the children of a killed demo to end")


def _universe(children: list[int]) -> int:
    return next(pid for pid in children if b"observatory_universe" in Path(f"/proc/{pid}/cmdline").read_bytes())
