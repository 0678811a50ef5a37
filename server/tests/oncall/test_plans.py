"""Policies and schedules as data, through the API: kept, shown, simulated, refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from oncall_scenes import Room, channel, policy, rotation

POLICY = policy((300, [{"schedule": "primary"}]), (600, [channel("boss", "Bo")]), loops=1)


async def test_a_policy_is_kept_as_it_was_put_and_told_in_the_audit_log(room: Room) -> None:
    assert (await room.ask("GET", "/escalations/critical")).status_code == 404
    for action in ("escalation.created", "escalation.changed"):
        answer = await room.ask("PUT", "/escalations/critical", json=POLICY)
        assert answer.status_code == 200
        (line,) = (await room.ask("GET", "/audit", "admin", params={"action": action})).json()["items"]
        assert (line["subject"], line["reason"]) == ("escalation:critical", "nights are long")
    kept = (await room.ask("GET", "/escalations/critical", "read")).json()
    assert kept == answer.json()
    assert (kept["levels"][1]["whom"], kept["loops"]) == ([{"channel": "boss", "person": "Bo", "schedule": ""}], 1)
    assert kept["problems"] == ["there is no schedule primary"]
    listed = (await room.ask("GET", "/escalations", "read")).json()
    assert listed == {"items": [kept], "running": []}
    assert (await room.ask("DELETE", "/escalations/critical", params={"reason": "gone"})).status_code == 204
    assert (await room.ask("DELETE", "/escalations/critical")).status_code == 404


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"levels": []}, "levels"),
        ({"levels": [{"wait_s": 9, "whom": [{"channel": "a"}]}]}, "wait_s"),
        ({"levels": [{"wait_s": 60, "whom": []}]}, "whom"),
        ({"levels": [{"wait_s": 60, "whom": [{}]}]}, "levels.0.whom.0"),
        ({"levels": [{"wait_s": 60, "whom": [{"channel": "a", "schedule": "b"}]}]}, "levels.0.whom.0"),
        ({"levels": [{"wait_s": 60, "whom": [{"schedule": "b", "person": "Ada"}]}]}, "levels.0.whom.0.person"),
        ({"levels": [{"wait_s": 60, "whom": [{"channel": "a"}, {"channel": "a"}]}]}, "levels.0.whom"),
        ({"severities": []}, "severities"),
        ({"severities": ["dire"]}, "severities"),
        ({"loops": 11}, "loops"),
        ({"acknowledgement_timeout_s": 1}, "acknowledgement_timeout_s"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_policy_is_refused_by_name(room: Room, change: dict[str, Any], named: str) -> None:
    answer = await room.ask("PUT", "/escalations/critical", json=POLICY | change)
    assert answer.status_code == 422
    assert named in answer.text
    assert (await room.ask("PUT", "/escalations/Critical!", json=POLICY)).status_code == 422
    assert (await room.ask("GET", "/escalations")).json()["items"] == []


async def test_a_simulation_tells_what_would_happen_and_tells_nobody(room: Room) -> None:
    await room.ask("PUT", "/schedules/primary", json=rotation("Ada", "Ben"))
    asked: dict[str, Any] = {"started_at": "2026-01-12T08:58:00Z", "acknowledged_after_s": [1_000], "lasts_s": 3_600}
    asked |= {"policy": {key: value for key, value in POLICY.items() if key != "reason"}}
    answer = await room.ask("POST", "/escalations/not-yet/simulate", "read", json=asked)
    assert answer.status_code == 200, answer.text
    told = [(each["after_s"], each["kind"], each["round"], each["level"]) for each in answer.json()["items"]]
    assert told == [
        (0.0, "told", 1, 1),
        (300.0, "told", 1, 2),
        (900.0, "told", 2, 1),
        (1_000.0, "acknowledged", None, None),
    ]
    # The handover is between the first and the third: another person is told on the same level.
    persons = [each["targets"][0]["person"] for each in answer.json()["items"] if each["targets"]]
    assert persons == ["Ada", "Bo", "Ben"]
    assert await room.escalations() == []
    assert (await room.ask("GET", "/escalations")).json() == {"items": [], "running": []}


async def test_a_simulation_of_what_was_kept_ends_with_the_alert(room: Room) -> None:
    await room.ask("PUT", "/escalations/critical", json=policy((300, [channel("desk")])))
    answer = await room.ask("POST", "/escalations/critical/simulate", json={"ended_after_s": 100})
    assert [each["kind"] for each in answer.json()["items"]] == ["told", "ended"]
    answer = await room.ask("POST", "/escalations/critical/simulate", json={})
    assert [(each["after_s"], each["kind"]) for each in answer.json()["items"]] == [(0, "told"), (300, "exhausted")]
    assert (await room.ask("POST", "/escalations/unknown/simulate", json={})).status_code == 404
    bad = await room.ask("POST", "/escalations/critical/simulate", json={"acknowledged_after_s": [1e300]})
    assert bad.status_code == 422
    assert "acknowledged_after_s" in bad.text


async def test_a_rotation_says_whose_week_it_is_and_when_it_is_handed_over(room: Room) -> None:
    answer = await room.ask("PUT", "/schedules/primary", json=rotation("Ada", "Ben", "Cy"))
    assert answer.status_code == 200
    told = (await room.ask("GET", "/schedules/primary", "read")).json()
    assert (await room.ask("GET", "/schedules", "read")).json()["items"] == [told]
    assert told["now"]["starts_at"] == "2026-03-02T09:00:00.000Z"
    assert told["now"]["ends_at"] == "2026-03-09T09:00:00.000Z"
    query = {"since": "2026-03-04T00:00:00Z", "until": "2026-03-24T00:00:00Z"}
    turns = (await room.ask("GET", "/schedules/primary/shifts", "read", params=query)).json()["items"]
    assert [each["person"] for each in turns] == ["Cy", "Ada", "Ben", "Cy"]
    assert [each["starts_at"] for each in turns[1:]] == [each["ends_at"] for each in turns[:-1]]


async def test_an_override_puts_somebody_in_for_a_while(room: Room) -> None:
    override = {"person": "Ben", "starts_at": "2026-03-04T05:00:00Z", "ends_at": "2026-03-04T07:00:00+01:00"}
    answer = await room.ask("PUT", "/schedules/primary", json=rotation("Ada", "Ben", "Cy", overrides=[override]))
    assert answer.json()["now"] == {
        "person": "Ben",
        "channels": ["to-ben"],
        "starts_at": "2026-03-04T05:00:00.000Z",
        "ends_at": "2026-03-04T06:00:00.000Z",
        "override": True,
    }
    room.clock.advance(3_600)
    assert (await room.ask("GET", "/schedules/primary")).json()["now"]["person"] == "Cy"
    (line,) = (await room.ask("GET", "/audit", "admin", params={"action": "schedule.*"})).json()["items"]
    assert (line["subject"], line["reason"]) == ("schedule:primary", "a new year")
    assert (await room.ask("DELETE", "/schedules/primary")).status_code == 204
    assert (await room.ask("GET", "/schedules/primary/shifts")).status_code == 404


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"people": []}, "people"),
        ({"people": [{"name": "Ada", "channels": []}]}, "channels"),
        ({"people": [{"name": "Ada", "channels": ["a"]}] * 2}, "people"),
        ({"handover_at": "2026-01-05T09:00:00"}, "handover_at"),
        ({"handover_at": "0001-01-05T09:00:00Z"}, "handover_at"),
        ({"weeks": 0}, "weeks"),
        (
            {"overrides": [{"person": "Zoe", "starts_at": "2026-01-05T09:00:00Z", "ends_at": "2026-01-06T09:00:00Z"}]},
            "Zoe",
        ),
    ],
)
async def test_a_bad_rotation_is_refused_by_name(room: Room, change: dict[str, Any], named: str) -> None:
    answer = await room.ask("PUT", "/schedules/primary", json=rotation("Ada", "Ben") | change)
    assert answer.status_code == 422
    assert named in answer.text


@pytest.mark.parametrize(
    "query", [{"since": "x"}, {"until": "2020-01-01T00:00:00Z"}, {"until": "2036-01-01T00:00:00Z"}]
)
async def test_a_bad_stretch_of_time_is_refused_by_name(room: Room, query: dict[str, str]) -> None:
    await room.ask("PUT", "/schedules/primary", json=rotation("Ada"))
    answer = await room.ask("GET", "/schedules/primary/shifts", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.text
