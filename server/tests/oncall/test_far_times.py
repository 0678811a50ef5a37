"""Times that no sum may be made with: a problem that names the parameter, never a failure of the server."""

from __future__ import annotations

from typing import Any

import pytest
from oncall_scenes import Room, channel, policy, rotation

FAR = ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2262-01-01T00:00:00Z"]
MATCHERS = [{"name": "rule", "value": "x"}]


@pytest.mark.parametrize("at", FAR)
async def test_a_silence_has_its_times_within_reach(room: Room, at: str) -> None:
    for name, more in (("starts_at", {"lasts_s": 60}), ("ends_at", {})):
        asked = {"matchers": MATCHERS, "reason": "work", name: at, **more}
        await refused(room, "/silences", asked, name)


@pytest.mark.parametrize("at", FAR)
async def test_a_policy_is_played_from_a_time_within_reach(room: Room, at: str) -> None:
    terms = policy((60, [channel("desk")]))
    del terms["reason"]
    asked = {"started_at": at, "policy": terms}
    await refused(room, "/escalations/nights/simulate", asked, "started_at")


@pytest.mark.parametrize("at", FAR)
async def test_a_rotation_has_its_times_within_reach(room: Room, at: str) -> None:
    answer = await room.ask("PUT", "/schedules/primary", json=rotation("Ada", handover_at=at))
    assert answer.status_code == 422, answer.text
    assert "handover_at" in answer.json()["detail"]
    await room.ask("PUT", "/schedules/primary", json=rotation("Ada"))
    for name in ("since", "until"):
        answer = await room.ask("GET", "/schedules/primary/shifts", "read", params={name: at})
        assert answer.status_code == 422, answer.text
        assert name in answer.json()["detail"]


async def refused(room: Room, path: str, asked: dict[str, Any], name: str) -> None:
    answer = await room.ask("POST", path, json=asked)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(f"{name}: ")
