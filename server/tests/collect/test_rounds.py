"""Each target at its own pace: what one costs, the others do not pay; and how each stands is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from observatory.api.selfwatch_page import families
from observatory.clock import Clock
from observatory.collect import Collectors, decode
from observatory.collect.outcome import Reason
from observatory.errors import Overloaded


def exporter(name: str, url: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "kind": "prometheus", "url": url, "interval_s": 1.0} | fields


def collectors(offer: Callable[[bytes], Any], *entries: dict[str, Any]) -> Collectors:
    return Collectors(decode(yaml.safe_dump({"targets": list(entries)})), offer, Clock())


@contextlib.asynccontextmanager
async def running(made: Collectors) -> Any:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(found: Callable[[], Any]) -> None:
    async with asyncio.timeout(120):
        while not found():
            await asyncio.sleep(0.02)


async def swallow(_body: bytes) -> None:
    pass


async def test_a_target_that_hangs_keeps_no_other_from_its_pace(web: Any, mute: int) -> None:
    web.says("fine 1\n")
    dead = [exporter(f"dead-{place}", f"http://127.0.0.1:{mute}/") for place in range(20)]
    made = collectors(swallow, *dead, exporter("alive", web.url()))
    async with running(made):
        alive = made.standings.all[-1]
        await until(lambda: alive.successes >= 3)
        await until(lambda: all(each.failures for each in made.standings.all[:-1]))
    assert alive.failures == 0
    assert {each.reason for each in made.standings.all[:-1]} == {Reason.TIMEOUT}


async def test_two_attempts_at_one_target_are_never_under_way_at_once(web: Any) -> None:
    under_way, most = 0, 0

    async def slow(_body: bytes) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(1.5)
        under_way -= 1

    web.says("fine 1\n")
    made = collectors(slow, exporter("alive", web.url()))
    async with running(made):
        await until(lambda: made.standings.all[0].successes >= 2)
    assert most == 1


async def test_attempts_of_many_targets_do_not_fall_together(web: Any) -> None:
    web.says("fine 1\n")
    started: list[float] = []

    async def note(_body: bytes) -> None:
        started.append(Clock().monotonic())

    made = collectors(note, *(exporter(f"e{place}", web.url()) for place in range(30)))
    async with running(made):
        await until(lambda: len(started) >= 30)
    assert max(started) - min(started) > 0.3


async def test_a_store_that_is_full_is_said_and_nothing_is_kept_for_later(web: Any) -> None:
    async def refuse(_body: bytes) -> None:
        raise Overloaded("no room")

    web.says("fine 1\n")
    made = collectors(refuse, exporter("alive", web.url()))
    await made.attempt(made.standings.all[0])
    standing = made.standings.all[0]
    assert (standing.up, standing.reason, standing.error) == (False, Reason.UNDELIVERED, "no room")


def lines(made: Collectors) -> dict[tuple[str, str], str]:
    registry = CollectorRegistry()
    registry.register(made.standings)
    generate_latest(registry)
    return {(family.name, count.labels): count.value for family in families(registry) for count in family.counts}


async def test_selfwatch_tells_success_duration_age_and_the_last_error_of_each_target(web: Any, nobody: int) -> None:
    web.says("fine 1\n")
    made = collectors(swallow, exporter("good", web.url()), exporter("bad", f"http://127.0.0.1:{nobody}/"))
    good, bad = "target good, kind prometheus", "target bad, kind prometheus"
    before = lines(made)
    assert {name for name, _ in before} == {"collect attempts"}, "what was not tried has no number"
    for standing in made.standings.all:
        await made.attempt(standing)
    after = lines(made)
    assert (after["collect up", good], after["collect up", bad]) == ("1", "0")
    assert after["collect points", good] == "1"
    assert ("collect duration seconds", bad) in after
    assert ("collect age seconds", good) in after
    assert ("collect age seconds", bad) not in after, "it never succeeded"
    assert after["collect attempts", f"{bad}, result failure"] == "1"
    [error] = [labels for name, labels in after if name == "collect error age seconds"]
    assert error.startswith(f"{bad}, reason unreachable, error ConnectError")


async def test_a_secret_in_an_error_is_taken_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, web: Any
) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")
    web.says("hunter22 hunter22\n")
    made = collectors(swallow, exporter("loud", web.url(), bearer_token={"env": "TOKEN"}))
    await made.attempt(made.standings.all[0])
    assert made.standings.all[0].reason is Reason.MALFORMED
    assert "hunter22" not in made.standings.all[0].error + caplog.text


async def test_a_fault_is_logged_when_it_begins_and_when_it_ends(web: Any, caplog: pytest.LogCaptureFixture) -> None:
    made = collectors(swallow, exporter("alive", web.url()))
    for body, times in (("fine 1\n", 2), ("bad bad bad\n", 3), ("fine 1\n", 2)):
        web.says(body)
        for _ in range(times):
            await made.attempt(made.standings.all[0])
    assert [record.getMessage()[:24] for record in caplog.records if record.name.startswith("observatory")] == [
        "target alive: malformed:",
        "target alive is read aga",
    ]
