"""The page on faults does what it says, and the list of faults agrees with the catalogue and the conventions."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from observatory import areas, catalogue
from observatory_sdk import conventions
from observatory_universe.clock import Clock
from observatory_universe.faults import KINDS, Faults
from observatory_universe.faults.control import control_server
from observatory_universe.faults.schedule import parse
from observatory_universe.faults.truth import Record, Truth, read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "faults.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w.-]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder as the demo's is, with a control server where its file says."""
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[Any] = []

    async def live() -> None:
        with Truth(tmp_path / "var" / "truth.jsonl") as truth:
            faults = Faults(Clock().now_ns, truth)
            async with control_server(faults, truth) as control:
                (tmp_path / "var" / "demo.json").write_text(json.dumps({"universe_url": control.url}))
                loops.append(asyncio.get_running_loop())
                ready.set()
                await stop.wait()

    (tmp_path / ".venv").symlink_to(sys.prefix)
    thread = threading.Thread(target=asyncio.run, args=[live()])
    thread.start()
    assert ready.wait(60)
    yield tmp_path
    loops[0].call_soon_threadsafe(stop.set)
    thread.join()


def _run(home: Path, script: list[str]) -> str:
    environment = os.environ | {"COLUMNS": "160"}
    answer = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=home, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def test_the_readme_starts_a_fault(home: Path) -> None:
    # The other commands of the README want a server, and are run by the tests of the how-to.
    script = [block["code"] for block in _BLOCK.finditer(README) if block["language"] == "sh"]
    started = json.loads(_run(home, ["set -euo pipefail", *script]))
    assert (started["kind"], started["target"], started["seconds"]) == ("exchange_rejects", "kraken", 60)
    assert "trading_execution" in started["expected_areas"]


def test_the_page_on_faults_does_what_it_says(home: Path) -> None:
    script = ["set -euo pipefail"]
    for block in _BLOCK.finditer(PAGE):
        if block["file"]:
            (home / block["file"]).write_text(block["code"], encoding="utf-8")
        elif block["language"] == "bash":
            script.append(block["code"])
    assert len(script) == 4
    printed = _run(home, script)
    assert "fault-0001: exchange_slow on kraken, grade 12, runs for 60 s" in printed
    assert "90.0 s  feed_frozen on kucoin, grade 1, for 120 s" in printed
    assert [(record.kind, record.source, record.runs) for record in read(home / "var" / "truth.jsonl")] == [
        ("exchange_slow", "menu", False),
        ("smtp_down", "http", False),
    ]


def test_the_page_names_every_field_of_a_record_and_every_knob_of_a_draw() -> None:
    section = PAGE.partition("## The ground truth")[2]
    assert [name for name in Record.model_fields if f"`{name}`" not in section] == []
    draw = parse(next(block["code"] for block in _BLOCK.finditer(PAGE) if block["file"])).draw
    assert draw is not None
    assert draw.model_fields_set == set(type(draw).model_fields)


def test_every_fault_names_services_areas_and_attributes_that_there_are() -> None:
    services = {service.id for service in catalogue.load().services}
    known = {area.id for area in areas.load()}
    attributes = {str(attribute) for attribute in conventions.ATTRIBUTES}
    for kind in KINDS.values():
        assert kind.service in services, kind.id
        assert {*kind.expected, *kind.permitted} <= known, kind.id
        if kind.attribute is not None:
            assert kind.attribute in attributes, kind.id
        if kind.attribute == "observatory.service":
            assert set(kind.targets) <= services, kind.id


def test_every_area_has_a_fault_that_moves_it() -> None:
    assert {area for kind in KINDS.values() for area in kind.expected} == {area.id for area in areas.load()}
