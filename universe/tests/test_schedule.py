"""Schedules: read strictly, drawn from a seed, followed on any clock."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory_universe.clock import Clock
from observatory_universe.faults import GROUPS, KINDS, Active, Faults
from observatory_universe.faults.schedule import (
    Draw,
    Entry,
    Planned,
    Schedule,
    ScheduleError,
    follow,
    parse,
    plan,
    read,
)
from observatory_universe.faults.timing import keep, rest
from observatory_universe.faults.truth import Record, Truth
from observatory_universe.virtual import START_NS, JumpingLoop

EVENING = Path(__file__).parents[1] / "schedules" / "evening.yaml"
ALL = "draw: {every: 10m, lasting: [30s, 3m]}"

draws = st.builds(
    lambda every, short, more, kinds, ratio, most: Draw.model_validate(
        {
            "every": f"{every}s",
            "lasting": [f"{short}s", f"{short + more}s"],
            "kinds": kinds,
            "no_faults_ratio": ratio,
            "most_at_once": most,
        }
    ),
    st.integers(1, 3_600),
    st.integers(1, 600),
    st.integers(0, 600),
    st.one_of(
        st.just("all"),
        st.lists(st.sampled_from([*KINDS, *GROUPS]), min_size=1, max_size=3).map(lambda names: ["smtp_down", *names]),
    ),
    st.floats(0.01, 1),
    st.integers(1, 5),
)


def _virtual(live: Callable[[Clock], Coroutine[None, None, None]]) -> float:
    """Lets it live in virtual time, and says how many seconds that took there."""
    loop = JumpingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(live(loop.clock()))
        return loop.time()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "faults: [{at: 90s, kind: exchange_slow, grade: 99, seconds: 9}]",
            "faults, entry 1: grade is 99, must be from 3",
        ),
        ("faults: [{at: 90s, kind: exchange_slo, seconds: 9}]", "faults, entry 1: kind is 'exchange_slo', which is no"),
        ("faults: [{at: 90s, kind: smtp_down, target: x, seconds: 9}]", "entry 1: target is 'x', but smtp_down has no"),
        ("faults: [{at: 90s, kind: smtp_down, seconds: 0}]", "entry 1: seconds is 0, must be above 0"),
        ("faults: [{at: 90s, kind: smtp_down}]", "faults, entry 1, seconds is missing, and is needed"),
        ("faults: [{at: 90s, kind: smtp_down, seconds: true}]", "seconds is True, must be a number"),
        ("faults: [{at: 90s, kind: smtp_down, seconds: '9'}]", "seconds is '9', must be a number"),
        ("faults: [{at: 90s, kind: smtp_down, seconds: .inf}]", "seconds is inf, must be a finite number"),
        ("faults: [{at: 90, kind: smtp_down, seconds: 9}]", "entry 1, at: 90 is no duration, must be such as 90s, 5m"),
        ("faults: [{at: 5m1h, kind: smtp_down, seconds: 9}]", "at: '5m1h' is no duration"),
        ("faults: [{at: '', kind: smtp_down, seconds: 9}]", "at: '' is no duration"),
        ("faults: [{at: 31d, kind: smtp_down, seconds: 9}]", "at: 31d is too long, must be at most 30d"),
        ("faults: [{at: 1s, kind: smtp_down, seconds: 9, when: 3}]", "faults, entry 1, when is no field"),
        (
            "faults: [{at: 30s, kind: smtp_down, seconds: 9}, {at: 20s, kind: smtp_down, seconds: 9.5}]",
            "faults, entry 1 starts smtp_down while entry 2 runs, or within 1 s of its end",
        ),
        (
            "faults: [{at: 3s, kind: feed_gap, seconds: 9}, {at: 4s, kind: feed_gap, target: binance, seconds: 9}]",
            "faults, entry 2 starts feed_gap while entry 1 runs",
        ),
        ("faults: 3", "faults is 3, must be a list"),
        ("faults: []", "it starts nothing: give it faults, draw or both"),
        ("{}", "it starts nothing"),
        ("", "the document is None, must be a mapping"),
        ("x: 1", "x is no field"),
        ("draw: {every: 10m}", "draw.lasting is missing"),
        ("draw: {every: 0s, lasting: [1s, 2s]}", "draw: every is 0 s, must be at least 1 s"),
        ("draw: {every: 10m, lasting: [3m, 30s]}", "draw: lasting must be at least 0.1 s, the shorter first"),
        ("draw: {every: 10m, lasting: [30s]}", "draw.lasting, entry 2 is missing"),
        (
            "draw: {every: 10m, lasting: [1s, 2s], kinds: [x]}",
            "draw: kinds names 'x', must be all, kinds or groups; gro",
        ),
        ("draw: {every: 10m, lasting: [1s, 2s], kinds: some}", "draw.kinds is 'some', must be a list"),
        ("draw: {every: 10m, lasting: [1s, 2s], kinds: []}", "draw.kinds is [], must not be empty"),
        ("draw: {every: 10m, lasting: [1s, 2s], kinds: [no_faults]}", "kinds names no fault, and no_faults_ratio 0"),
        ("draw: {every: 10m, lasting: [1s, 2s], kinds: [ai, quiet_market]}", "no fault, and no_faults_ratio 0 draws n"),
        ("draw: {every: 10m, lasting: [1s, 2s], no_faults_ratio: 1.5}", "no_faults_ratio is 1.5, must be less than or"),
        ("draw: {every: 10m, lasting: [1s, 2s], no_faults_ratio: .nan}", "no_faults_ratio is nan, must be"),
        (
            "draw: {every: 10m, lasting: [1s, 2s], most_at_once: 0}",
            "most_at_once is 0, must be greater than or equal to 1",
        ),
        ("draw: {every: 10m, every: 5m}", "line 1: 'every' stands twice"),
        ("draw: &a [*a]", "line 1: aliases are not read"),
        ("draw: !!python/object:os.system x", "line 1: could not determine a constructor"),
        ("draw: [", "the schedule: line 1: expected the node content"),
    ],
)
def test_a_bad_schedule_is_refused_with_the_entry(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("the schedule")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match=r"cannot read the schedule .*no such"):
        read(tmp_path / "no such")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(ScheduleError, match="cannot read the schedule"):
        read(tmp_path / "bytes.yaml")
    (tmp_path / "bad.yaml").write_text("x: 1")
    with pytest.raises(ScheduleError, match=r"^bad.yaml: x is no field$"):
        read(tmp_path / "bad.yaml")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5_400), ("1d", 86_400), ("1d2h3m4.5s", 93_784.5), ("0s", 0)],
)
def test_durations_are_written_as_people_write_them(text: str, seconds: float) -> None:
    assert Entry(at=text, kind="smtp_down", seconds=1).at == seconds  # type: ignore[arg-type] # read from a text


def test_an_entry_takes_its_defaults_from_its_kind() -> None:
    text = "faults: [{at: 20s, kind: feed_frozen, seconds: 5}, {at: 10s, kind: exchange_slow, grade: 5, seconds: 5}]"
    assert list(plan(parse(text), 1)) == [
        Planned(10, "exchange_slow", None, 5, 5),
        Planned(20, "feed_frozen", "binance", 1, 5),
    ]


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    schedule = read(EVENING)
    first, again, other = (list(islice(plan(schedule, seed), 200)) for seed in (7, 7, 8))
    assert first == again
    assert first[3:] != other[3:]
    assert first[0] == Planned(120, "exchange_slow", "kraken", 12, 90)


@settings(max_examples=60)
@given(draws, st.integers(), st.integers(0, 20_000))
def test_what_is_drawn_keeps_to_the_schedule(draw: Draw, seed: int, seconds: int) -> None:
    schedule = Schedule(faults=(Entry(at="100s", kind="smtp_down", seconds=500),), draw=draw)  # type: ignore[arg-type]
    planned = list(islice(plan(schedule, seed), 150))
    drawn = [each for each in planned if each != Planned(100, "smtp_down", None, 1, 500)]
    assert [each.offset_s for each in planned] == sorted(each.offset_s for each in planned)
    for position, each in enumerate(drawn):
        kind = KINDS[each.kind]
        assert kind.grade.least <= each.grade <= kind.grade.most
        assert each.target in (kind.targets or (None,))
        assert draw.lasting[0] - 0.001 <= each.seconds <= draw.lasting[1] + 0.001
        running = [before for before in drawn[:position] if before.ends_s > each.offset_s]
        assert len(running) < draw.most_at_once
    for each in planned:
        same = [other for other in planned if (other.kind, other.target) == (each.kind, each.target) and other != each]
        assert not [other for other in same if each.offset_s <= other.offset_s <= each.ends_s]
    # A longer look ahead shows the same and more.
    assert list(islice(plan(schedule, seed, seconds), 150)) == [each for each in planned if each.offset_s < seconds]


def test_every_kind_has_its_turn() -> None:
    drawn = [each.kind for each in islice(plan(parse(ALL), 3), 52)]
    assert sorted(drawn) == sorted(kind.id for kind in KINDS.values() if kind.is_fault)


def test_some_only_look_like_faults() -> None:
    schedule = parse("draw: {every: 10m, lasting: [1s, 2s], kinds: [trading, quiet_market], no_faults_ratio: 0.25}")
    drawn = Counter(each.kind for each in islice(plan(schedule, 5), 1_000))
    assert 200 < drawn["quiet_market"] < 300
    assert {KINDS[kind].group for kind in drawn} == {"trading", "no_faults"}
    only = parse("draw: {every: 10m, lasting: [1s, 2s], no_faults_ratio: 1}")
    assert {KINDS[each.kind].is_fault for each in islice(plan(only, 5), 100)} == {False}
    mean_gap_s = list(islice(plan(only, 5), 500))[-1].offset_s / 500
    assert 570 < mean_gap_s < 630


def _lived(path: Path, seed: int) -> list[Record]:
    async def live(clock: Clock) -> None:
        with Truth(path) as truth:
            faults = Faults(clock.now_ns, truth)
            keeping = asyncio.create_task(keep(faults, clock))
            await follow(plan(read(EVENING), seed, 6 * 3_600), faults, clock)
            await clock.sleep(600)
            assert faults.active() == []
            records.extend(truth.records())
            keeping.cancel()

    records: list[Record] = []
    _virtual(live)
    return records


def test_the_same_seed_and_schedule_give_the_same_ground_truth(tmp_path: Path) -> None:
    first = _lived(tmp_path / "a", 7)
    assert _lived(tmp_path / "b", 7) == first
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert _lived(tmp_path / "c", 8) != first
    planned = list(plan(read(EVENING), 7, 6 * 3_600))
    assert len(first) == len(planned) > 30
    for record, each in zip(first, planned, strict=True):
        assert (record.kind, record.target, record.grade, record.source) == (
            each.kind,
            each.target,
            each.grade,
            "schedule",
        )
        assert record.start_ns == pytest.approx(START_NS + each.offset_s * 1e9, abs=10_000)
        assert record.end_ns == pytest.approx(START_NS + each.ends_s * 1e9, abs=20_000)


def test_a_fault_ends_on_time_without_anybody_asking(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[tuple[str, float]] = []

    async def live(clock: Clock) -> None:
        faults = Faults(clock.now_ns)
        faults.listen(lambda fault, started: None if started else ended.append((fault.kind, clock.now_s())))
        looks = _count_looks(faults)
        keeping = asyncio.create_task(keep(faults, clock))
        await clock.sleep(100)
        faults.begin("smtp_down", seconds=3_600)
        # One that ends sooner than what is waited for, and one that is ended by hand.
        faults.begin("dead_letters", seconds=60)
        by_hand = faults.begin("cpu_hog", seconds=90)
        await clock.sleep(70)
        faults.end(by_hand.id)
        await clock.sleep(86_400)
        keeping.cancel()
        assert looks[0] < 20

    _virtual(live)
    assert ended == [
        ("dead_letters", pytest.approx(160, abs=0.001)),
        ("cpu_hog", pytest.approx(170)),
        ("smtp_down", pytest.approx(3_700, abs=0.001)),
    ]


def _count_looks(faults: Faults) -> list[int]:
    """How often the next end is asked for."""
    looks, ask = [0], faults.next_end_ns

    def counted() -> int | None:
        looks[0] += 1
        return ask()

    faults.next_end_ns = counted  # type: ignore[method-assign] # only looked at
    return looks


def test_a_hurried_clock_starts_nothing_more_and_ends_the_waiting() -> None:
    async def live(clock: Clock) -> None:
        faults = Faults(clock.now_ns)
        begun: list[Active] = []
        faults.listen(lambda fault, started: begun.append(fault))
        faults.begin("cpu_hog", seconds=3_600)
        both = asyncio.gather(keep(faults, clock), follow(plan(read(EVENING), 7), faults, clock))
        await clock.sleep(130)
        clock.hurry()
        await asyncio.wait_for(both, 1)
        assert [fault.kind for fault in begun] == ["cpu_hog", "exchange_slow"]
        assert not await rest(clock, 5)
        assert await rest(clock, 0)

    assert _virtual(live) == pytest.approx(130)


def test_what_somebody_else_has_started_is_left_out_of_the_schedule(caplog: pytest.LogCaptureFixture) -> None:
    async def live(clock: Clock) -> None:
        faults = Faults(clock.now_ns)
        faults.begin("smtp_down")
        text = "faults: [{at: 1s, kind: smtp_down, seconds: 5}, {at: 2s, kind: cpu_hog, seconds: 5}]"
        await follow(plan(parse(text), 1), faults, clock)
        assert [(fault.kind, fault.source) for fault in faults.active()] == [
            ("smtp_down", "code"),
            ("cpu_hog", "schedule"),
        ]

    with caplog.at_level(logging.WARNING):
        _virtual(live)
    assert "the schedule's smtp_down is left out: smtp_down runs already, as fault-0001" in caplog.text
