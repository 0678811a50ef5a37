"""The ground truth: on disk before it is true, and whole after a kill."""

import json
import logging
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory_universe.faults import Active, FaultError, Faults
from observatory_universe.faults.truth import Record, Truth, TruthError, read

NOW_NS = 1_760_000_000_123_456_789
# Starts two faults, ends one, says so, and waits to be killed.
PROGRAM = """
import sys, time
from pathlib import Path
from observatory_universe.faults import Faults
from observatory_universe.faults.truth import Truth

with Truth(Path(sys.argv[1])) as truth:
    faults = Faults(time.time_ns, truth)
    ended = faults.begin("smtp_down")
    faults.begin("exchange_slow", "kraken", seconds=60)
    faults.end(ended.id)
    print("under way", flush=True)
    sys.stdin.read()
"""


class Hands:
    """A clock's face whose hands are set."""

    def __init__(self) -> None:
        self.ns = NOW_NS

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "truth.jsonl"


@contextmanager
def _opened(path: Path, hands: Hands | None = None, most: int = 10_000) -> Iterator[tuple[Faults, Truth]]:
    with Truth(path, most) as truth:
        yield Faults(hands or Hands(), truth), truth


def test_a_record_says_all_there_is_to_know(path: Path) -> None:
    hands = Hands()
    with _opened(path, hands) as (faults, truth):
        fault = faults.begin("exchange_slow", "kraken", seconds=1.5, source="http")
        assert truth.records()[0].end is None
        hands.ns += 1_000_000_000
        faults.end(fault.id)
        assert [record.model_dump() for record in truth.records()] == [
            {
                "id": "fault-0001",
                "kind": "exchange_slow",
                "service": "trade_execution_service",
                "target": "kraken",
                "attributes": {"exchange.id": "kraken"},
                "grade": 12.0,
                "is_fault": True,
                "start": "2025-10-09T08:53:20.123456789Z",
                "end": "2025-10-09T08:53:21.123456789Z",
                "start_ns": NOW_NS,
                "end_ns": NOW_NS + 1_000_000_000,
                "seconds": 1.5,
                "source": "http",
                "expected_areas": ("trading_execution", "market_data"),
                "permitted_areas": ("signal_intelligence", "strategies", "risk_management"),
                "aborted": False,
            }
        ]
        assert read(path) == truth.records()


def test_a_fault_that_strikes_a_service_is_found_at_that_service(path: Path) -> None:
    with _opened(path) as (faults, truth):
        faults.begin("dependency_slow", "credit_ledger")
        faults.begin("smtp_down")
        aimed, other = truth.records()
    assert (aimed.service, aimed.attributes) == ("credit_ledger", {"observatory.service": "credit_ledger"})
    assert (other.service, other.attributes) == ("email_service", {})


def test_a_start_is_on_disk_before_the_fault_strikes(path: Path) -> None:
    seen: list[tuple[str, float | None]] = []

    class Watched(Truth):
        def begins(self, fault: Active) -> None:
            super().begins(fault)
            seen.append((read(path)[-1].kind, faults.grade(fault.kind)))

    with Watched(path) as truth:
        faults = Faults(Hands(), truth)
        faults.begin("smtp_down")
        assert faults.grade("smtp_down") == 1.0
    assert seen == [("smtp_down", None)]


@contextmanager
def _full_disk(path: Path, more_bytes: int) -> Iterator[None]:
    """No file may grow beyond what this one has and so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_cannot_be_written_down_does_not_start(path: Path) -> None:
    with _opened(path) as (faults, truth):
        first = faults.begin("smtp_down")
        whole = path.read_bytes()
        with (
            _full_disk(path, 100),
            pytest.raises(TruthError, match="truth cannot be written to"),
        ):
            faults.begin("dead_letters")
        assert faults.grade("dead_letters") is None
        # Nor is half a line left, before which the next one would stand.
        assert path.read_bytes() == whole
        assert [record.kind for record in truth.records()] == ["smtp_down"]
        faults.end(first.id)
    assert [record.runs for record in read(path)] == [False]


def test_an_end_that_cannot_be_written_is_an_end_all_the_same(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with _opened(path) as (faults, truth):
        fault = faults.begin("smtp_down")
        with _full_disk(path, 100), caplog.at_level(logging.ERROR):
            faults.end(fault.id)
        assert faults.active() == []
        assert not truth.records()[0].runs
    assert "the end of fault-0001: the ground truth cannot be written" in caplog.text
    assert read(path)[0].runs


def test_what_a_killed_universe_left_running_is_aborted(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "under way\n"
            with pytest.raises(TruthError, match="another universe writes its ground truth to"):
                Truth(path)
            assert [record.runs for record in read(path)] == [False, True]
        finally:
            process.send_signal(signal.SIGKILL)
    later = Hands()
    later.ns = 2 * NOW_NS
    with _opened(path, later) as (faults, truth):
        ended, killed = truth.records()
        assert (ended.end_ns is not None, ended.aborted) == (True, False)
        assert (killed.end, killed.end_ns, killed.aborted, killed.runs) == (None, None, True, False)
        assert faults.active() == []
        # Ids go on where they ended.
        assert faults.begin("smtp_down").id == "fault-0003"
        assert truth.record("fault-0002") == killed
        assert read(path) == truth.records()
    with Truth(path) as again:
        assert [record.aborted for record in again.records()] == [False, True, True]


def test_opening_an_untouched_file_again_changes_nothing(path: Path) -> None:
    with _opened(path) as (faults, _):
        faults.begin("smtp_down")
        faults.end_all()
    before = path.read_bytes()
    with Truth(path) as truth:
        assert truth.begun == 1
    assert path.read_bytes() == before


@given(st.data())
def test_a_kill_at_any_byte_loses_at_most_what_was_not_yet_true(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.jsonl"
        with _opened(path) as (faults, _):
            for kind in ("smtp_down", "dead_letters"):
                faults.begin(kind, seconds=60)
            faults.end("fault-0001")
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        lines = whole[:cut].count(b"\n")
        with Truth(path) as truth:
            records = truth.records()
            assert truth.begun == min(lines, 2)
        assert [record.aborted for record in records] == [[], [True], [True, True], [False, True]][lines]
        assert read(path) == records


def test_memory_is_bounded_and_the_file_keeps_all(path: Path) -> None:
    with _opened(path, most=3) as (faults, truth):
        faults.begin("cpu_hog")
        for _ in range(5):
            faults.end(faults.begin("smtp_down").id)
        assert [record.id for record in truth.records()] == ["fault-0001", "fault-0004", "fault-0005", "fault-0006"]
        assert truth.record("fault-0002") is None
        assert len(read(path)) == 6
    with Truth(path, most=3) as again:
        assert len(again.records()) == 3
        assert again.begun == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grade": "12"}, "line 2 is no record of a fault: grade is '12', must be a number"),
        ({"colour": "red"}, "line 2 is no record of a fault: colour is no field"),
        ({"start_ns": 1.5}, "line 2 is no record of a fault: start_ns is 1.5"),
        (None, "line 2 is no record of a fault: the document is "),
    ],
)
def test_a_file_of_something_else_is_refused_with_the_line(
    path: Path, change: dict[str, object] | None, message: str
) -> None:
    with _opened(path) as (faults, _):
        faults.begin("smtp_down")
    line = path.read_text()
    bad = "hello" if change is None else json.dumps(json.loads(line) | change)
    path.write_text(f"{line}{bad}\n")
    for open_it in (Truth, read):
        with pytest.raises(TruthError) as refused:
            open_it(path)
        assert message in str(refused.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "truth.jsonl"):
        with pytest.raises(FaultError, match=f"the ground truth cannot be written to {place}: "):
            Truth(place)
    with pytest.raises(TruthError, match="the ground truth cannot be read from"):
        read(tmp_path / "nowhere")


def test_a_record_is_the_same_after_its_way_through_the_file(path: Path) -> None:
    with _opened(path) as (faults, truth):
        faults.begin("ai_provider_slow", "gcp.gemini", 2.000_000_1, 0.1)
        record = truth.records()[0]
        assert Record.model_validate_json(path.read_bytes()) == record
        assert record.seconds == 0.1
