"""A universe lives the same way from the same seed, and ends cleanly."""

import asyncio
import logging
import time
from collections import Counter
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.direct import direct_doors
from observatory_universe.direct.cache import MemoryCache
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.pace import PACES
from observatory_universe.queue import Queue
from observatory_universe.rounds import Round
from observatory_universe.universe import Universe
from observatory_universe.users import Users


def _happenings(recording: Any) -> list[tuple[object, ...]]:
    """Everything that was reported but for ids of traces and the times of spans."""
    spans = [(span.name, tuple(sorted(span.attributes.items()))) for span in recording.spans]
    logs = [(log.log_record.event_name, tuple(sorted(log.log_record.attributes.items()))) for log in recording.logs]
    return [*spans, *logs]


def test_the_same_seed_gives_the_same_facts(live: Any) -> None:
    assert _happenings(live(seed=11, seconds=15)) == _happenings(live(seed=11, seconds=15))


def test_another_seed_gives_other_facts(live: Any) -> None:
    one, other = Counter(_happenings(live(seed=11, seconds=8))), Counter(_happenings(live(seed=12, seconds=8)))
    assert (one & other).total() < 0.5 * one.total()


def test_a_stop_ends_all_work_at_once_and_without_errors(live: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        recording = live(seconds=None, stop_after_s=12.0)
    assert recording.lived_s < 13.0
    assert recording.tasks_left == 0
    assert caplog.records == []
    unfinished = [span for span in recording.spans if span.status.status_code is StatusCode.ERROR]
    assert [span.name for span in unfinished if "observatory.caller" in span.attributes] == []


def test_a_stop_before_anything_ran_ends_too(live: Any) -> None:
    recording = live(seconds=None, stop_after_s=0.0)
    assert recording.lived_s < 1.0
    assert recording.tasks_left == 0


def test_everything_reports_within_ten_seconds(live: Any) -> None:
    recording = live(seconds=10)
    called = {s.attributes["observatory.service"] for s in recording.spans if "observatory.caller" in s.attributes}
    assert called == set(recording.universe.service_ids)


def test_a_busy_universe_reports_the_same_facts_many_times_as_often(live: Any, minute: Any) -> None:
    busy = live(seconds=6, pace="busy")
    assert len(busy.spans) / busy.lived_s > 5 * len(minute.spans) / minute.lived_s
    assert len(busy.spans) / busy.lived_s > 2_000
    assert {span.name for span in busy.spans} >= {
        "order.execute",
        "signal.generate",
        "strategy.test",
        "payment.process",
    }


async def test_a_process_that_is_late_leaves_turns_of_users_out_and_does_the_work_of_the_platform() -> None:
    clock = Clock()
    pace, faults = PACES["busy"], Faults(clock.now_ns)
    universe = Universe(7, pace, direct_doors(7, pace, clock, faults), faults, clock)
    turns: Counter[str] = Counter()

    def round_(name: str) -> Round:
        async def run() -> None:
            turns[name] += 1

        return Round(name, 0.02, run, "oauth_service")

    def block() -> None:
        # Nothing else runs in this thread meanwhile.
        time.sleep(2 * pace.most_late_s)

    async def hog() -> None:
        while True:
            block()
            await asyncio.sleep(0)

    user = asyncio.create_task(universe._repeat(round_("user"), lambda: 1.0, 0.01, 8, pace.most_late_s))
    own = asyncio.create_task(universe._repeat(round_("own"), lambda: 1.0, 0.01, 8))
    async with asyncio.timeout(30):
        while min(turns["user"], turns["own"]) < 5:
            await asyncio.sleep(0.01)
        hogging = asyncio.create_task(hog())
        # What was asleep when it began was not late yet.
        await asyncio.sleep(3 * pace.most_late_s)
        turns.clear()
        while turns["own"] < 5:
            await asyncio.sleep(0.01)
    hogging.cancel()
    universe.stop()
    await asyncio.gather(user, own, hogging, return_exceptions=True)
    assert turns["user"] <= 1


def test_the_crowd_stays_within_its_bound() -> None:
    users = Users(Chance(1), number=5, most=5)
    assert users.too_many() == []
    newcomer = users.welcome("2025-11")
    first = users.too_many()[0]
    assert first.id == "u-0001"
    users.remove(first)
    assert newcomer in users.everybody()
    assert users.too_many() == []


def test_no_two_runs_give_the_same_id() -> None:
    earlier, later = Ids(Clock(lambda: 10**18)), Ids(Clock(lambda: 10**18 + 10**9))
    beside = Ids(Clock(lambda: 10**18), "b")
    given = [ids.next(kind) for ids in (earlier, later, beside) for kind in ("order", "order", "signal")]
    assert len(set(given)) == 9


def _queue(most: int) -> Queue:
    clock = Clock()
    return Queue(clock, MemoryCache(clock), "things", most)


@pytest.mark.parametrize("most", [1, 3])
async def test_a_queue_refuses_what_it_has_no_room_for(most: int) -> None:
    queue = _queue(most)
    assert [await queue.offer(str(number)) for number in range(most + 2)] == [True] * most + [False, False]
    assert len(queue) == most


async def test_work_that_raises_does_not_stop_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    queue, worked_off = _queue(10), []

    async def work(item: str, headers: dict[str, str]) -> None:
        if item == "1":
            raise ValueError("one bad item")
        worked_off.append((item, headers))

    for number in range(3):
        await queue.offer(str(number), {"of": str(number)})
    worker = asyncio.create_task(queue.work_off(work, workers=1))
    while not queue.is_quiet:
        await asyncio.sleep(0)
    worker.cancel()
    assert worked_off == [("0", {"of": "0"}), ("2", {"of": "2"})]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_queue_that_redis_has_thrown_out_goes_on_with_what_comes(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    cache = MemoryCache(clock)
    queue, worked_off = Queue(clock, cache, "things", 10), []

    async def work(item: str, headers: dict[str, str]) -> None:
        worked_off.append(item)

    await queue.offer("lost")
    await cache.drop("things")
    worker = asyncio.create_task(queue.work_off(work, workers=2))
    await queue.offer("kept")
    while not queue.is_quiet:
        await asyncio.sleep(0)
    worker.cancel()
    assert worked_off == ["kept"]
    assert caplog.records == []


async def test_a_hurried_clock_wakes_whoever_waits() -> None:
    clock = Clock()
    waiting = asyncio.create_task(clock.sleep(3_600))
    await asyncio.sleep(0)
    clock.hurry()
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(clock.sleep(3_600), 5)
    assert waiting.done()


def test_venues_that_refuse_everything_halt_live_trading_and_leave_paper_alone(live: Any) -> None:
    def refuse(universe: Universe) -> None:
        universe.faults.begin("exchange_rejects", grade=1)

    recording = live(seconds=60, prepare=refuse)
    orders = recording.named("order.execute")
    rejected = [span for span in orders if span.attributes["order.status"] == "rejected"]
    skipped = [
        s
        for s in recording.named("strategy.execute")
        if s.attributes.get("observatory.outcome.reason") == "trading_halted"
    ]
    assert len(rejected) >= 20
    assert {span.attributes["order.reject_reason"] for span in rejected} == {"insufficient_funds"}
    assert skipped
    denied = [event for event in recording.events("order.state.changed") if event["order.state.to"] == "denied"]
    assert {event["order.reject_reason"] for event in denied} == {"trading_halted"}
    activations = recording.events("emergency.activated")
    assert activations[0]["safety.reason"] == "orders_rejected"
    assert {span.attributes["order.status"] for span in orders if span.attributes["order.mode"] == "paper"} == {
        "filled"
    }
