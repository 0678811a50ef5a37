"""From a firing alert to who is told of it next, over a real control store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from alert_scenes import alert, ends, fires
from oncall_scenes import Room, channel, policy, rotation

from observatory import oncall
from observatory.model.alert import Severity
from observatory.model.notification import Kind, Message, Status
from observatory.oncall import Escalator
from observatory.state import NotLeading, Rows, SilenceTerms

TWO = policy((300, [channel("desk")]), (600, [channel("boss", "Bo"), channel("to-cy", "Cy")]), loops=1)


async def put(room: Room, told: dict[str, Any] = TWO, name: str = "critical") -> None:
    answer = await room.ask("PUT", f"/escalations/{name}", json=told)
    assert answer.status_code == 200, answer.text
    assert answer.json()["problems"] == []


def whom(messages: list[Message]) -> list[tuple[str, ...]]:
    return [each.targets for each in messages]


async def running(room: Room) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await room.ask("GET", "/escalations", "read")).json()["running"]
    return found


async def test_what_nobody_takes_goes_up_level_by_level_and_round_by_round(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    (first,) = await room.escalate()
    assert (first.kind, first.status, first.targets) == (Kind.ESCALATION, Status.FIRING, ("desk",))
    assert (first.severity, first.incident) == (Severity.CRITICAL, incident)
    assert first.text == (
        "nobody took it: level 1 of 2 of the policy critical, round 1 of 2; the next is told in 5 min"
    )
    assert await room.escalate(299) == []
    second = await room.escalate(1)
    assert whom(second) == [("boss",), ("to-cy",)]
    assert [each.person for each in second] == ["Bo", "Cy"]
    assert await room.escalate(599) == []
    assert whom(await room.escalate(1)) == [("desk",)]
    assert whom(await room.escalate(300)) == [("boss",), ("to-cy",)]
    for _ in range(5):
        assert await room.escalate(600) == []
    (one,) = await running(room)
    assert (one["subject"], one["state"], one["told"], one["of"]) == (f"incident:{incident}", "exhausted", 4, 4)


async def test_looking_twice_at_the_same_moment_tells_nobody_twice(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    assert len(await room.escalate()) == 1
    assert await room.escalate() == []
    assert await room.escalate() == []


async def test_a_server_that_was_away_goes_on_with_the_next_level_only(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    await room.escalate()
    assert whom(await room.escalate(86_400)) == [("boss",), ("to-cy",)]
    assert await room.escalate(1) == []


async def test_who_takes_it_stops_it_and_its_time_resumes_it(room: Room) -> None:
    await put(room, {**TWO, "acknowledgement_timeout_s": 1_800})
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    await room.escalate()
    room.clock.advance(60)
    await room.ask("POST", "/acknowledgements", json={"subject": f"incident:{incident}"})
    for _ in range(5):
        assert await room.escalate(300) == []
    assert (await running(room))[0]["state"] == "acknowledged"
    again = await room.escalate(300)
    assert whom(again) == [("desk",)]
    assert (await running(room))[0]["run"] == 2
    (over,) = (await room.ask("GET", "/acknowledgements", params={"ended": True})).json()["items"]
    assert over["ended_why"] == "it fires still, and the time of the policy for it is over"
    # It can be taken again, and that counts again.
    answer = await room.ask("POST", "/acknowledgements", json={"subject": f"incident:{incident}"})
    assert answer.status_code == 201
    assert await room.escalate(600) == []


async def test_an_incident_that_was_taken_by_its_state_is_not_told_again(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    await room.escalate()
    await room.ask("POST", f"/incidents/{incident}/state", json={"state": "acknowledged", "reason": "mine"})
    assert await room.escalate(3_600) == []


@pytest.mark.parametrize("state", ["", "opened", "mitigated"])
async def test_what_is_given_back_is_told_again(room: Room, state: str) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    await room.escalate()
    await room.ask("POST", "/acknowledgements", json={"subject": f"incident:{incident}"})
    if state:
        await room.ask("POST", f"/incidents/{incident}/state", json={"state": state, "reason": ""})
    assert await room.escalate(600) == []
    (held,) = (await room.ask("GET", "/acknowledgements")).json()["items"]
    await room.ask("DELETE", f"/acknowledgements/{held['id']}")
    assert whom(await room.escalate(1)) == [("desk",)]


async def test_what_ended_is_told_nobody_and_what_comes_back_is(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    await room.escalate()
    await room.keep(ends("security.event", after_s=60))
    assert await room.escalate(300) == []
    assert await running(room) == []
    await room.keep(fires("security.event", after_s=400, episode=2))
    assert whom(await room.escalate(200)) == [("desk",)]


async def test_a_silence_holds_it_until_it_is_over(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    at = room.clock.now()
    matchers = ({"name": "rule", "op": "=", "value": "security.event"},)
    async with room.state.writing() as rows:
        terms = SilenceTerms("silence", "", matchers, at, at + timedelta(hours=1), "noise")
        await rows.silences.insert(terms, "token:1", at)
    assert await room.escalate(600) == []
    room.clock.advance(3_000)
    assert whom(await room.escalate()) == [("desk",)]


async def test_rules_that_nobody_is_to_be_told_of_are_not_escalated(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event", labels={"silent": "burn_in"}))
    assert await room.escalate(600) == []


async def test_what_gets_worse_goes_by_the_policy_for_that(room: Room) -> None:
    await put(room, {**TWO, "severities": ["warning"]}, "warnings")
    await put(room, policy((60, [channel("boss")])), "critical")
    services = ("trade_execution_service",)
    await room.keep(fires("trading_execution.failed.warning", severity=Severity.WARNING, services=services))
    assert whom(await room.escalate()) == [("desk",)]
    await room.keep(fires("trading_execution.failed.critical", after_s=5, services=services))
    assert whom(await room.escalate(5)) == [("boss",)]


async def test_who_is_on_call_is_told_on_their_own_channel(room: Room) -> None:
    # The alert fires in the ninth week after the handover: of three it is the third one's.
    answer = await room.ask("PUT", "/schedules/primary", json=rotation("Ada", "Ben", "Cy"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["now"]["person"] == "Cy"
    await put(room, policy((300, [{"schedule": "primary"}])))
    await room.keep(fires("security.event"))
    (told,) = await room.escalate()
    assert (told.targets, told.person) == (("to-cy",), "Cy")


async def test_a_policy_that_names_what_is_gone_tells_whoever_is_reminded(room: Room) -> None:
    answer = await room.ask(
        "PUT", "/escalations/critical", json=policy((300, [channel("gone"), {"schedule": "nobody"}]))
    )
    assert answer.json()["problems"] == ["there is no schedule nobody"]
    await room.keep(fires("security.event"))
    told = await room.escalate()
    assert [(each.kind, each.targets) for each in told] == [(Kind.REMINDER, ()), (Kind.REMINDER, ())]
    assert "the policy names gone, which is no channel" in told[0].text


async def test_a_change_of_the_policy_is_for_later_ones(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    await room.escalate()
    assert (await room.ask("DELETE", "/escalations/critical")).status_code == 204
    assert whom(await room.escalate(300)) == [("boss",), ("to-cy",)]


async def test_without_a_policy_nobody_is_told(room: Room) -> None:
    await room.keep(fires("security.event"))
    assert await room.escalate(600) == []
    assert await running(room) == []


async def test_who_took_each_alert_of_an_incident_has_all_of_it(room: Room) -> None:
    await put(room)
    services = ("trade_execution_service",)
    await room.keep(fires("one.bad", services=services), fires("two.bad", services=services))
    await room.open_incident()
    await room.escalate()
    await room.ask("POST", "/acknowledgements", json={"subject": f"alert:{alert('one.bad').id}"})
    assert whom(await room.escalate(300)) == [("boss",), ("to-cy",)]
    await room.ask("POST", "/acknowledgements", json={"subject": f"alert:{alert('two.bad').id}"})
    assert await room.escalate(600) == []
    await room.keep(fires("three.bad", after_s=900, services=services))
    assert whom(await room.escalate(1)) == [("desk",)]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_of_two_policies_that_fit_the_one_of_lesser_rank_is_in_force(room: Room, order: tuple[str, str]) -> None:
    for name, rank in zip(order, (1, 2), strict=True):
        await put(room, policy((300, [channel("desk" if rank == 1 else "boss")]), rank=rank), name)
    await room.keep(fires("security.event"))
    assert whom(await room.escalate()) == [("desk",)]


async def test_a_look_that_cannot_be_kept_tells_nobody_and_the_next_one_does(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))

    async def refuse(_rows: Rows) -> None:
        raise NotLeading("another server leads by now")

    other = Escalator(room.state, room.clock, lambda: {"desk"}, confirm=refuse)
    with pytest.raises(NotLeading):
        await other.step()
    assert await room.escalations() == []
    assert await running(room) == []
    assert whom(await room.escalate()) == [("desk",)]


async def test_of_two_servers_that_look_at_once_one_tells(room: Room) -> None:
    await put(room)
    await room.keep(fires("security.event"))
    others = [Escalator(room.state, room.clock, lambda: {"desk"}) for _ in range(3)]
    counts = await asyncio.gather(*(each.step() for each in others))
    assert sorted(counts) == [0, 0, 1]
    assert len(await room.escalations()) == 1


@pytest.mark.parametrize("how", ["state", "acknowledgement", "alert"])
async def test_nobody_is_reminded_of_what_somebody_has_until_its_time_is_over(room: Room, how: str) -> None:
    await put(room, {**TWO, "acknowledgement_timeout_s": 1_800})
    await room.keep(fires("security.event"))
    incident, name = await room.open_incident(), alert("security.event").id
    assert await taken(room) == frozenset()
    room.clock.advance(1)
    if how == "state":
        body = {"state": "acknowledged", "reason": "mine"}
        await room.ask("POST", f"/incidents/{incident}/state", json=body)
    else:
        subject = f"alert:{name}" if how == "alert" else f"incident:{incident}"
        await room.ask("POST", "/acknowledgements", json={"subject": subject})
    await room.escalate()
    assert await taken(room) == {name}
    await room.escalate(1_799)
    assert await taken(room) == {name}
    if how != "alert":
        assert whom(await room.escalate(1)) == [("desk",)]
        assert await taken(room) == frozenset()
        again = await room.ask("POST", "/acknowledgements", json={"subject": f"incident:{incident}"})
        assert again.status_code == 201
        assert await taken(room) == {name}


async def taken(room: Room) -> frozenset[str]:
    async with room.state.reading() as rows:
        return await oncall.taken(rows)
