"""Faults set from outside: over HTTP, from a page, from single commands and from the menu of a terminal."""

import asyncio
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from observatory_universe.clock import Clock
from observatory_universe.faults import KINDS, FaultError, Faults
from observatory_universe.faults.control import control_server
from observatory_universe.faults.menu import faults_app
from observatory_universe.faults.timing import keep
from observatory_universe.faults.truth import Truth, read

JSON = {"Content-Type": "application/json"}


@dataclass
class Controlled:
    """Faults behind a control server, and one who asks it."""

    faults: Faults
    url: str
    http: httpx.AsyncClient
    path: Path

    async def start(self, **wish: object) -> httpx.Response:
        return await self.http.post("/faults", json=wish)


@asynccontextmanager
async def _served(path: Path) -> AsyncIterator[Controlled]:
    clock = Clock()
    with Truth(path) as truth:
        faults = Faults(clock.now_ns, truth)
        keeping = asyncio.create_task(keep(faults, clock))
        async with control_server(faults, truth) as control, httpx.AsyncClient(base_url=control.url) as http:
            yield Controlled(faults, control.url, http, path)
        keeping.cancel()


@pytest.fixture
async def controlled(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with _served(tmp_path / "truth.jsonl") as served:
        yield served


def _problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    detail: str = problem["detail"]
    assert len(detail) < 2_000
    return detail


async def test_every_kind_is_listed_and_nothing_runs(controlled: Controlled) -> None:
    answer = await controlled.http.get("/faults")
    assert answer.status_code == 200
    listed = answer.json()
    assert [kind["kind"] for kind in listed] == list(KINDS)
    assert all(kind["active"] == [] for kind in listed)
    slow = next(kind for kind in listed if kind["kind"] == "exchange_slow")
    assert slow == {
        "kind": "exchange_slow",
        "group": "trading",
        "sentence": "A venue answers several times slower.",
        "grades": {"least": 3, "default": 12, "most": 60, "sentence": "times the usual time"},
        "targets": ["binance", "kraken", "kucoin", "coinbase"],
        "default_target": None,
        "is_fault": True,
        "expected_areas": ["trading_execution", "market_data"],
        "permitted_areas": ["signal_intelligence", "strategies", "risk_management"],
        "active": [],
    }


async def test_a_fault_is_started_seen_and_ended(controlled: Controlled) -> None:
    answer = await controlled.start(kind="exchange_slow", target="kraken", grade=20, seconds=600)
    assert answer.status_code == 201
    fault = answer.json()
    assert (fault["grade"], fault["seconds"], fault["source"], fault["end"]) == (20, 600, "http", None)
    assert fault["attributes"] == {"exchange.id": "kraken"}
    assert controlled.faults.grade("exchange_slow", "kraken") == 20
    assert controlled.faults.grade("exchange_slow", "binance") is None
    assert (await controlled.http.get(answer.headers["Location"])).json() == fault
    listed = {kind["kind"]: kind["active"] for kind in (await controlled.http.get("/faults")).json()}
    assert {kind: active for kind, active in listed.items() if active} == {"exchange_slow": [fault]}
    ended = await controlled.http.delete(answer.headers["Location"])
    assert ended.status_code == 200
    assert ended.json()["end_ns"] >= fault["start_ns"]
    assert controlled.faults.grade("exchange_slow", "kraken") is None
    truth = (await controlled.http.get("/faults/truth")).json()
    assert truth == [ended.json()] == [json.loads(record.model_dump_json()) for record in read(controlled.path)]


async def test_a_kind_is_all_that_is_needed(controlled: Controlled) -> None:
    for kind in KINDS.values():
        answer = await controlled.start(kind=kind.id)
        assert answer.status_code == 201
        target = kind.targets[0] if kind.one_target else None
        assert (answer.json()["target"], answer.json()["grade"]) == (target, kind.grade.default)
    assert (await controlled.start(kind="feed_gap", target="kucoin", grade=None, seconds=None)).status_code == 201
    truth = (await controlled.http.get("/faults/truth")).json()
    assert [record["kind"] for record in truth] == [*KINDS, "feed_gap"]


async def test_a_fault_ends_when_its_time_is_over(controlled: Controlled) -> None:
    fault = (await controlled.start(kind="smtp_down", seconds=0.05)).json()
    async with asyncio.timeout(60):
        while (await controlled.http.get(f"/faults/{fault['id']}")).json()["end"] is None:
            await asyncio.sleep(0.01)
    assert controlled.faults.grade("smtp_down") is None


async def test_the_same_kind_on_the_same_target_is_a_conflict_that_names_the_running_one(
    controlled: Controlled,
) -> None:
    first = (await controlled.start(kind="exchange_slow", target="kraken")).json()
    again = await controlled.start(kind="exchange_slow", target="kraken", grade=50)
    assert "exchange_slow runs on kraken already, as fault-0001" in _problem(again, 409)
    assert again.json()["running"] == first["id"]
    assert (await controlled.start(kind="exchange_slow")).status_code == 201
    assert controlled.faults.grade("exchange_slow", "kraken") == 12


@pytest.mark.parametrize(
    ("wish", "detail"),
    [
        ({}, "kind is missing, and is needed"),
        ({"kind": "exchange_slo"}, "kind is 'exchange_slo', which is no fault; is it exchange_slow"),
        ({"kind": 7}, "kind is 7, must be a text"),
        ({"kind": None}, "kind is None, must be a text"),
        ({"kind": ["smtp_down"]}, "kind is ['smtp_down'], must be a text"),
        ({"kind": "exchange_slow", "grade": 2.9}, "grade is 2.9, must be from 3 to 60 for exchange_slow (times the"),
        ({"kind": "exchange_slow", "grade": 61}, "grade is 61, must be from 3 to 60"),
        ({"kind": "exchange_slow", "grade": -1e300}, "grade is -1e+300, must be from 3"),
        ({"kind": "exchange_slow", "grade": 10**400}, "grade is 1000000000"),
        ({"kind": "exchange_slow", "grade": "12"}, "grade is '12', must be a number"),
        ({"kind": "exchange_slow", "grade": True}, "grade is True, must be a number"),
        ({"kind": "exchange_slow", "grade": {"least": 3}}, "grade is {'least': 3}, must be a number"),
        ({"kind": "exchange_slow", "target": "nyse"}, "target is 'nyse', must be one of binance, kraken, kucoin"),
        ({"kind": "exchange_slow", "target": ""}, "target is '', must be one of"),
        ({"kind": "exchange_slow", "target": 1}, "target is 1, must be a text"),
        ({"kind": "smtp_down", "target": "kraken"}, "target is 'kraken', but smtp_down has no target"),
        ({"kind": "smtp_down", "seconds": 0}, "seconds is 0, must be above 0 and at most 2592000 (30 days)"),
        ({"kind": "smtp_down", "seconds": -5}, "seconds is -5, must be above 0"),
        ({"kind": "smtp_down", "seconds": 1e9}, "seconds is 1e+09, must be above 0"),
        ({"kind": "smtp_down", "seconds": "5"}, "seconds is '5', must be a number"),
        ({"kind": "smtp_down", "second": 5}, "second is no field; fields are kind, target, grade, seconds"),
        ({"kind": "smtp_down", "source": "schedule"}, "source is no field"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_with_what_is_allowed(
    controlled: Controlled, wish: dict[str, object], detail: str
) -> None:
    assert detail in _problem(await controlled.start(**wish), 400)
    assert controlled.faults.active() == []
    assert not read(controlled.path)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is no JSON object with the fields kind, target, grade, seconds"),
        (b"{", "the body is no JSON object"),
        (b"smtp_down", "the body is no JSON object"),
        (b"\xff\xfe", "the body is no JSON object"),
        (b"[]", "the body is [], must be a mapping"),
        (b"null", "the body is None, must be a mapping"),
        (b'"smtp_down"', "the body is 'smtp_down', must be a mapping"),
        (b'{"kind": "smtp_down", "grade": NaN}', "NaN is no number"),
        (b'{"kind": "smtp_down", "grade": -Infinity}', "-Infinity is no number"),
        (b'{"kind": "smtp_down", "grade": 1e999}', "grade is inf, must be a finite number"),
        (b'{"kind": "smtp_down", "kind": "cpu_hog"}', "a field stands twice"),
        (b"[" * 4_000, "the body is no JSON object"),
        (b'{"kind": "smtp_down"} {}', "the body is no JSON object"),
    ],
)
async def test_a_body_that_is_no_wish_is_refused(controlled: Controlled, body: bytes, detail: str) -> None:
    answer = await controlled.http.post("/faults", content=body, headers=JSON)
    assert detail in _problem(answer, 400)
    assert controlled.faults.active() == []


async def test_a_long_body_is_refused(controlled: Controlled) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    for body in (b" " * 4_097, endless()):
        answer = await controlled.http.post("/faults", content=body, headers=JSON)
        assert _problem(answer, 413) == "the body is longer than 4096 bytes"


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", "", "nonsense"])
async def test_another_type_than_json_is_refused(controlled: Controlled, given: str) -> None:
    answer = await controlled.http.post("/faults", content=b'{"kind": "smtp_down"}', headers={"Content-Type": given})
    assert "must be application/json" in _problem(answer, 415)
    assert controlled.faults.active() == []
    with_charset = {"Content-Type": "application/json; charset=utf-8"}
    answer = await controlled.http.post("/faults", content=b'{"kind": "smtp_down"}', headers=with_charset)
    assert answer.status_code == 201


async def test_unknown_paths_methods_and_faults_are_named(controlled: Controlled) -> None:
    assert "path is '/fault'; there are /, /faults" in _problem(await controlled.http.get("/fault"), 404)
    assert "there was no fault 'fault-0001'" in _problem(await controlled.http.get("/faults/fault-0001"), 404)
    assert "no fault 'x/y' is running" in _problem(await controlled.http.delete("/faults/x%2Fy"), 404)
    answer = await controlled.http.put("/faults", json={"kind": "smtp_down"})
    assert _problem(answer, 405) == "method is 'PUT', must be one of GET, HEAD, POST for /faults"
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert "must be one of DELETE, GET, HEAD" in _problem(await controlled.http.post("/faults/fault-0001"), 405)
    fault = (await controlled.start(kind="smtp_down")).json()
    await controlled.http.delete(f"/faults/{fault['id']}")
    again = await controlled.http.delete(f"/faults/{fault['id']}")
    assert re.fullmatch(r"no fault 'fault-0001' is running; it ended at \d{4}-.*Z", _problem(again, 404))


async def test_no_page_of_another_site_starts_or_reads_faults(controlled: Controlled) -> None:
    body = {"kind": "smtp_down"}
    for host in ("evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "[", ""):
        answer = await controlled.http.post("/faults", json=body, headers={"Host": host})
        assert answer.status_code in (400, 403)
        assert (await controlled.http.get("/faults/truth", headers={"Host": host})).status_code in (400, 403)
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", controlled.url.replace("http", "https")):
        answer = await controlled.http.post("/faults", json=body, headers={"Origin": origin})
        assert "Origin is " in _problem(answer, 403)
        answer = await controlled.http.delete("/faults/fault-0001", headers={"Origin": origin})
        assert "Origin is " in _problem(answer, 403)
    assert controlled.faults.active() == []
    port = controlled.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"[::1]:{port}", f"127.0.0.1:{port}"):
        answer = await controlled.http.get("/faults", headers={"Host": host, "Origin": f"http://{host}"})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_start_that_cannot_be_written_down_is_a_problem(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = await controlled.start(kind="smtp_down")
    assert "cannot be written" in _problem(answer, 500)
    assert controlled.faults.active() == []


async def test_the_page_has_no_asset_of_elsewhere_and_asks_only_here(controlled: Controlled) -> None:
    page = await controlled.http.get("/")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "://" not in page.text


async def test_a_port_that_is_taken_is_named(controlled: Controlled, tmp_path: Path) -> None:
    port = int(controlled.url.rpartition(":")[2])
    with Truth(tmp_path / "other") as truth, pytest.raises(FaultError, match=f"port is {port}, which cannot be had: "):
        async with control_server(controlled.faults, truth, port=port):
            pytest.fail("two servers on one port")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[tuple[str, Faults]]:
    """A control server on a loop of its own, with the demo's file that leads to it, in the current folder."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def live() -> None:
        async with _served(tmp_path / "var" / "truth.jsonl") as served:
            found.extend([served.url, served.faults, asyncio.get_running_loop()])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[live()])
    thread.start()
    assert ready.wait(60)
    (tmp_path / "var" / "demo.json").write_text(json.dumps({"universe_url": found[0]}))
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        yield found[0], found[1]
    finally:
        os.chdir(before)
        found[2].call_soon_threadsafe(stop.set)
        thread.join()


def _typed(*arguments: str, keys: str = "") -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(faults_app, list(arguments), input=keys)


def test_single_commands_start_show_and_end_faults(there: tuple[str, Faults]) -> None:
    _, faults = there
    listed = _typed("list")
    assert listed.exit_code == 0
    assert all(kind in listed.output for kind in KINDS)
    started = _typed("start", "exchange_slow", "--target", "kraken", "--grade", "20", "--seconds", "600")
    assert (started.exit_code, started.output) == (
        0,
        "fault-0001: exchange_slow on kraken, grade 20, runs for 600 s\n",
    )
    assert faults.grade("exchange_slow", "kraken") == 20
    assert _typed("start", "smtp_down").output == "fault-0002: smtp_down, grade 1, runs until it is ended\n"
    assert "fault-0001 (kraken)" in _typed("list").output
    assert _typed("stop", "1").output == "fault-0001: exchange_slow on kraken, grade 20, has ended\n"
    truth = _typed("truth").output.splitlines()
    assert re.fullmatch(r"fault-0001  \S+Z to \S+Z  exchange_slow on kraken, grade 20, set by menu", truth[0])
    assert re.fullmatch(r"fault-0002  \S+Z to now  smtp_down, grade 1, set by menu", truth[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("start", "exchange_slo"), "kind is 'exchange_slo', which is no fault; is it exchange_slow"),
        (("start", "exchange_slow", "--grade", "99"), "grade is 99, must be from 3 to 60"),
        (("start", "exchange_slow", "--grade", "nan"), "the wish is no JSON"),
        (("start", "exchange_slow", "--target", "nyse"), "target is 'nyse', must be one of binance"),
        (("start", "smtp_down", "--seconds", "-1"), "seconds is -1, must be above 0"),
        (("stop", "9"), "no fault 'fault-0009' is running"),
        (("stop", "../faults"), "no fault '../faults' is running"),
        (("--url", "http://127.0.0.1:9", "list"), "no universe answers at http://127.0.0.1:9 ("),
        (("list", "--url", "http://127.0.0.1:9"), "no universe answers at http://127.0.0.1:9 ("),
        (("list", "--url", "ftp://127.0.0.1"), "url is 'ftp://127.0.0.1', must be such as http://127.0.0.1:8700"),
        (("list", "--url", "http://127.0.0.1:x"), "url is 'http://127.0.0.1:x', must be such as"),
        (("plan", "no such file"), "cannot read the schedule no such file"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    there: tuple[str, Faults], arguments: tuple[str, ...], message: str
) -> None:
    ended = _typed(*arguments)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: ")
    assert message in ended.stderr
    assert "Traceback" not in ended.output


def test_without_a_demo_the_commands_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "var/demo.json is not there: start the demo (make demo), or give --url" in _typed("list").stderr
    (tmp_path / "var").mkdir()
    for text in ("{", "[]", "{}"):
        (tmp_path / "var" / "demo.json").write_text(text)
        assert "var/demo.json names no universe_url" in _typed("list").stderr


def test_another_server_is_not_taken_for_a_universe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ended = _typed("list", "--url", url)
        thread.join()
    assert ended.stderr == f"Error: what answers at {url} is no universe (status 200)\n"


def test_a_plan_is_shown_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("faults: [{at: 90s, kind: feed_frozen, seconds: 30}]")
    shown = _typed("plan", str(tmp_path / "s.yaml"))
    assert shown.output == "     90.0 s  feed_frozen on binance, grade 1, for 30 s\n"
    evening = str(Path(__file__).parents[1] / "schedules" / "evening.yaml")
    assert _typed("plan", evening, "--seed", "7").output == _typed("plan", evening, "--seed", "7").output
    assert _typed("plan", evening, "--seed", "7").output != _typed("plan", evening, "--seed", "8").output


def test_the_menu_goes_on_after_what_cannot_be(there: tuple[str, Faults]) -> None:
    _, faults = there
    number = list(KINDS).index("exchange_slow") + 1
    keys = ["nonsense", "99", "e", "e 5", f"{number}", "nyse", "", "", f"{number}", "", "often", "smtp_down", "", "x"]
    keys += [f"{number}", "kraken", "20", "600", "cpu_hog", "", "", "", "t", "e 1", "q"]
    ended = _typed(keys="".join(f"{key}\n" for key in keys))
    assert ended.exit_code == 0
    for message in (
        "'nonsense' is neither a kind nor a number from 1 to 55",
        "'99' is neither",
        "the id is missing",
        "no fault 'fault-0005' is running",
        "target is 'nyse', must be one of",
        "grade is 'often', must be a number",
        "seconds is 'x', must be a number",
        "fault-0001: exchange_slow on kraken, grade 20, runs for 600 s",
        "fault-0002: cpu_hog, grade 0.6, runs until it is ended",
        "fault-0001: exchange_slow on kraken, grade 20, has ended",
    ):
        assert message in ended.output
    assert [fault.kind for fault in faults.active()] == ["cpu_hog"]


def test_the_end_of_the_input_leaves_the_menu(there: tuple[str, Faults]) -> None:
    assert _typed(keys="").exit_code == 0
    assert _typed(keys="cpu_hog\n").exit_code == 0
    assert there[1].active() == []


def test_the_menu_works_in_a_real_terminal(there: tuple[str, Faults]) -> None:
    url, faults = there
    program = "from observatory_universe.faults.menu import faults_app; faults_app()"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, "--url", url],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            shown = _until(ours, "faults: ")
            assert "exchange_slow" in shown
            for keys, answer in (
                ("exchange_slow", "target"),
                ("kraken", "grade"),
                ("", "seconds"),
                ("60", "runs for 60 s"),
                ("e 1", "has ended"),
            ):
                os.write(ours, f"{keys}\n".encode())
                _until(ours, answer)
            assert faults.active() == []
            os.write(ours, b"\x04")
            assert process.wait(60) == 0
        finally:
            process.kill()
            os.close(ours)


def _until(terminal: int, wanted: str) -> str:
    shown, until = "", time.monotonic() + 90
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
        assert ready, shown
        shown += os.read(terminal, 65_536).decode(errors="replace")
    return shown
