"""What can go wrong, what does now, and how other processes are told."""

import asyncio
import json
import logging
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory_universe.faults import GROUPS, KINDS, Active, AlreadyRunningError, FaultError, Faults, NotRunningError
from observatory_universe.faults.kinds import decode as decode_kinds
from observatory_universe.faults.reading import DocumentError
from observatory_universe.faults.wire import WireError, decode, encode, follow_lines

NOW_NS = 1_760_000_000_000_000_000
KIND = "{sentence: It fails., grade: [1, 2, 3, times], service: oauth_service, expected: [credits], mark: none"


class Hands:
    """A clock's face whose hands are set."""

    def __init__(self) -> None:
        self.ns = NOW_NS

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def faults(hands: Hands) -> Faults:
    return Faults(hands)


@st.composite
def wishes(draw: st.DrawFn) -> tuple[str, str | None, float]:
    """A kind with a target and a grade that it allows."""
    kind = draw(st.sampled_from(list(KINDS.values())))
    target = draw(st.sampled_from([None, *kind.targets]))
    return kind.id, target, draw(st.floats(kind.grade.least, kind.grade.most))


def test_nothing_is_wrong_by_itself(faults: Faults) -> None:
    assert faults.active() == []
    assert {faults.grade(kind, target) for kind in KINDS for target in (None, *KINDS[kind].targets)} == {None}


@given(wishes())
def test_every_kind_strikes_what_it_is_aimed_at_and_nothing_else(wish: tuple[str, str | None, float]) -> None:
    faults = Faults(Hands())
    id_, target, grade = wish
    kind = KINDS[id_]
    fault = faults.begin(id_, target, grade)
    struck = {each for each in kind.targets if faults.grade(id_, each) == grade}
    if target is None and not kind.one_target:
        assert struck == set(kind.targets)
        assert faults.grade(id_) == grade
    else:
        assert struck == {target or kind.targets[0]}
        assert faults.grade(id_) is None
    assert all(faults.grade(other, each) is None for other in KINDS if other != id_ for each in (None, target))
    faults.end(fault.id)
    assert {faults.grade(id_, each) for each in (None, *kind.targets)} == {None}


@given(st.sampled_from(list(KINDS.values())), st.floats())
def test_a_grade_outside_of_its_bounds_is_refused_with_the_bounds(kind: object, grade: float) -> None:
    known = next(each for each in KINDS.values() if each == kind)
    faults = Faults(Hands())
    if known.grade.least <= grade <= known.grade.most:
        assert faults.begin(known.id, grade=grade).grade == grade
        return
    with pytest.raises(FaultError, match=rf"grade is .*, must be from {known.grade.least:g} to {known.grade.most:g} "):
        faults.begin(known.id, grade=grade)
    assert faults.active() == []


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 30 * 86_400 + 1])
def test_a_duration_out_of_range_is_refused(faults: Faults, seconds: float) -> None:
    with pytest.raises(FaultError, match=r"seconds is .*, must be above 0 and at most 2592000"):
        faults.begin("smtp_down", seconds=seconds)


def test_unknown_kinds_and_targets_are_refused_with_what_there_is(faults: Faults) -> None:
    with pytest.raises(FaultError, match="kind is 'exchange_slo', which is no fault; is it exchange_slow"):
        faults.begin("exchange_slo")
    with pytest.raises(FaultError, match=r"kind is 'xyz', which is no fault; there are ai_provider_slow, .*growth"):
        faults.begin("xyz")
    with pytest.raises(FaultError, match="target is 'nyse', must be one of binance, kraken, kucoin, coinbase for exch"):
        faults.begin("exchange_slow", "nyse")
    with pytest.raises(FaultError, match="target is 'x', but smtp_down has no target"):
        faults.begin("smtp_down", "x")
    with pytest.raises(FaultError, match=r"kind is 'y{79}\.\.\., which"):
        faults.begin("y" * 100_000)


def test_asking_for_a_kind_that_there_is_not_is_a_slip_and_says_so(faults: Faults) -> None:
    with pytest.raises(KeyError):
        faults.grade("exchange_slo", "kraken")


def test_the_worse_of_two_grades_holds(faults: Faults) -> None:
    everywhere = faults.begin("exchange_slow", grade=10)
    faults.begin("exchange_slow", "kraken", grade=20)
    faults.begin("exchange_slow", "binance", grade=5)
    assert [faults.grade("exchange_slow", venue) for venue in ("kraken", "binance", "kucoin")] == [20, 10, 10]
    faults.end(everywhere.id)
    assert [faults.grade("exchange_slow", venue) for venue in ("kraken", "binance", "kucoin")] == [20, 5, None]


def test_the_same_kind_runs_once_on_a_target(faults: Faults) -> None:
    first = faults.begin("feed_frozen")
    with pytest.raises(AlreadyRunningError, match=f"feed_frozen runs on binance already, as {first.id}: end that one"):
        faults.begin("feed_frozen", "binance")
    faults.begin("feed_frozen", "kraken")
    faults.end(first.id)
    assert faults.begin("feed_frozen", "binance").id != first.id


def test_two_listeners_hear_every_start_and_end_even_when_one_fails(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[str, bool, float | None]] = []

    def fails(fault: Active, started: bool) -> None:
        raise RuntimeError("out of order")

    def hears(fault: Active, started: bool) -> None:
        # What is told is true already.
        heard.append((fault.kind, started, faults.grade(fault.kind)))

    faults.listen(fails)
    listen_no_more = faults.listen(hears)
    with caplog.at_level(logging.ERROR):
        fault = faults.begin("smtp_down")
        faults.end(fault.id)
    listen_no_more()
    faults.begin("smtp_down")
    assert heard == [("smtp_down", True, 1.0), ("smtp_down", False, None)]
    assert len(caplog.records) == 3


def test_faults_end_when_their_time_is_over(faults: Faults, hands: Hands) -> None:
    short, long = faults.begin("smtp_down", seconds=1.5), faults.begin("dead_letters", seconds=3)
    faults.begin("cpu_hog")
    assert faults.next_end_ns() == short.ends_ns == NOW_NS + 1_500_000_000
    hands.ns += 1_499_999_999
    faults.expire()
    assert len(faults.active()) == 3
    hands.ns += 1
    faults.expire()
    assert faults.next_end_ns() == long.ends_ns
    hands.ns += 86_400_000_000_000
    faults.expire()
    assert [fault.kind for fault in faults.active()] == ["cpu_hog"]
    assert faults.next_end_ns() is None
    faults.end_all()
    assert faults.active() == []


def test_a_fault_ends_once(faults: Faults) -> None:
    fault = faults.begin("smtp_down")
    faults.end(fault.id)
    with pytest.raises(NotRunningError, match="no fault 'fault-0001' is running"):
        faults.end(fault.id)


def test_the_kinds_are_those_of_the_contract_with_their_groups() -> None:
    assert len(KINDS) == 55
    assert [kind.id for kind in KINDS.values() if not kind.is_fault] == [
        "quiet_market",
        "planned_deployment",
        "traffic_growth",
    ]
    assert all(before == after or before not in GROUPS[GROUPS.index(after) :] for before, after in _group_changes())


def _group_changes() -> list[tuple[str, str]]:
    return list(pairwise(kind.group for kind in KINDS.values()))


def test_a_target_says_how_its_telemetry_is_recognised() -> None:
    assert KINDS["exchange_slow"].attributes("kraken") == {"exchange.id": "kraken"}
    assert KINDS["exchange_slow"].attributes(None) == {}
    assert KINDS["ai_provider_slow"].attributes("gcp.gemini") == {"gen_ai.provider.name": "gcp.gemini"}
    assert KINDS["dependency_slow"].service_of("credit_ledger") == "credit_ledger"
    assert KINDS["exchange_slow"].service_of("kraken") == "trade_execution_service"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {b: " + KIND + "}, c: 1}", "kinds.yaml: a.c is 1, must be a mapping"),
        ("a: {b: " + KIND + ", colour: red}}", "a.b.colour is no field"),
        ("a: {b: {sentence: It fails.}}", "a.b.grade is missing, and is needed"),
        ("a: {b: " + KIND.replace("[1, 2, 3, times]", "[3, 2, 1, times]") + "}}", "grade is 3, 2, 1: must be above 0"),
        ("a: {b: " + KIND.replace("times]", "on]") + "}}", "a.b.grade, entry 4 is True, must be a text"),
        ("a: {b: " + KIND.replace("[1,", "['1',") + "}}", "a.b.grade, entry 1 is '1', must be a number"),
        ("a: {b: " + KIND.replace("credits", "weather") + "}}", "a.b.expected, entry 1 is 'weather', must be 'ai_sys"),
        ("a: {b: " + KIND + ", targets: [x]}}", "a list of targets needs the attribute"),
        ("a: {b: " + KIND + ", attribute: exchange.id}}", "a list of targets needs the attribute"),
        ("a: {b: " + KIND + ", targets: venues, attribute: exchange.id}}", "venues have theirs already"),
        ("a: {b: " + KIND + ", one_target: true}}", "one_target is true and there are no targets"),
        ("a: {b: " + KIND + ", permitted: [credits]}}", "credits is expected and permitted"),
        ("a: {b: " + KIND + ", is_fault: false}}", "expected: a fault moves an area"),
        ("a: {b: " + KIND + "}}\nc: {b: " + KIND + "}}", "b stands in a and in c"),
        ("a: {b: 1, b: 2}", "kinds.yaml: line 1: 'b' stands twice"),
        ("a: {B: " + KIND + "}}", "a key is 'B', must match pattern"),
        ("1: {}", "a key is 1, must be a text"),
        ("- a", "the document is ['a'], must be a mapping"),
        ("a: [", "kinds.yaml: line 1: expected"),
        ("a: &x {b: *x}", "aliases are not read"),
        ("? [a]\n: 1", "a key must be a text"),
        ("[" * 5_000, "nested too deeply"),
        ("a: \x07", "is no YAML"),
        ("#" * 1_000_001, "must have at most 1000000"),
    ],
)
def test_a_bad_file_of_kinds_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        decode_kinds(text)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 500


def _everything() -> list[Active]:
    faults = Faults(Hands())
    for kind in KINDS.values():
        for target in kind.targets if kind.one_target else (None, *kind.targets):
            faults.begin(kind.id, target, seconds=3, source="http")
    return faults.active()


@given(st.lists(wishes(), unique_by=lambda wish: wish[:2], max_size=8))
def test_a_line_says_what_is_wrong(wanted: list[tuple[str, str | None, float]]) -> None:
    faults = Faults(Hands())
    for kind, target, grade in wanted:
        try:
            faults.begin(kind, target, grade, source="schedule")
        except AlreadyRunningError:
            continue  # its default target and that target by name
    line = encode(faults.active())
    assert "\n" not in line
    assert decode(line) == faults.active()


def test_all_faults_at_once_fit_into_a_line_that_a_stream_reads() -> None:
    assert len(encode(_everything())) < 2**15
    assert decode(encode(_everything()).encode()) == _everything()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "xyz"}, "kind is 'xyz'"),
        ({"grade": 1_000}, "grade is 1000, must be from 3 to 60"),
        ({"grade": "12"}, "grade is '12', must be a number"),
        ({"target": "nyse"}, "target is 'nyse'"),
        ({"started_ns": 1.5}, "started_ns is 1.5"),
        ({"source": "weather"}, "source is 'weather'"),
        ({"more": 1}, "more is no field"),
    ],
)
def test_a_line_that_cannot_be_is_refused(faults: Faults, change: dict[str, object], message: str) -> None:
    fault = json.loads(encode([faults.begin("exchange_slow", "kraken")]))["faults"][0]
    with pytest.raises(WireError, match="not a list of faults: ") as refused:
        decode(json.dumps({"faults": [fault | change]}))
    assert message in str(refused.value)


async def test_another_process_follows_until_its_parent_is_gone(faults: Faults) -> None:
    there, reader = Faults(Hands()), asyncio.StreamReader()
    heard: list[tuple[str, bool]] = []
    there.listen(lambda fault, started: heard.append((fault.kind, started)))
    following = asyncio.create_task(follow_lines(reader, there))
    slow = faults.begin("exchange_slow", "kraken", grade=7)
    reader.feed_data(f"{encode(faults.active())}\n".encode())
    faults.begin("smtp_down")
    faults.end(slow.id)
    line = f"{encode(faults.active())}\n".encode()
    reader.feed_data(line[:20])
    await asyncio.sleep(0)
    assert there.grade("exchange_slow", "kraken") == 7
    reader.feed_data(line[20:])
    reader.feed_data(line[:20])
    reader.feed_eof()
    await asyncio.wait_for(following, 5)
    assert there.active() == faults.active()
    assert heard == [("exchange_slow", True), ("exchange_slow", False), ("smtp_down", True)]


async def test_a_line_without_end_is_refused_and_not_kept(faults: Faults) -> None:
    reader = asyncio.StreamReader(limit=1_000)
    reader.feed_data(b"x" * 5_000)
    with pytest.raises(WireError, match="not a list of faults"):
        await asyncio.wait_for(follow_lines(reader, faults), 5)
