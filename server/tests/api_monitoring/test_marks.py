"""What is marked on charts: incidents, deployments, flags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alert_scenes import AT, ends, fires, graphs

from observatory.alerting import Keeper
from observatory.explore.marks import turned
from observatory.incidents import Folding
from observatory.model.alert import Transition
from observatory.state import Rows

START = datetime(2026, 1, 2, 3, tzinfo=UTC)


def rows(*told: tuple[float, str]) -> list[dict[str, Any]]:
    """A flag's values at seconds, in steps of ten seconds, as the store answers them."""
    found = [
        {
            "Subject": "router",
            "State": state,
            "At": START + timedelta(seconds=at),
            "Step": START + timedelta(seconds=at // 10 * 10),
        }
        for at, state in told
    ]
    return sorted(found, key=lambda row: (row["Step"], row["At"]))


@pytest.mark.parametrize(
    ("told", "changes"),
    [
        ([(0, "off"), (10, "off")], []),
        ([(0, "off"), (10, "on")], [(10, "on")]),
        ([(0, "off"), (11, "off"), (14, "on"), (20, "on")], [(14, "on")]),
        ([(0, "off"), (10, "on"), (20, "off")], [(10, "on"), (20, "off")]),
        ([(0, "a"), (1, "b"), (10, "a"), (11, "b"), (20, "a"), (21, "b")], []),
    ],
)
def test_a_flag_is_marked_when_it_comes_to_say_something_else(
    told: list[tuple[float, str]], changes: list[tuple[float, str]]
) -> None:
    found = [((each.at - START).total_seconds(), each.sentence.rpartition(" ")[2]) for each in turned(rows(*told))]
    assert found == changes


async def test_deployments_and_flags_of_the_range_are_marked(
    server: Any, sender: Any, told: Callable[..., Any]
) -> None:
    sender.log("deployment", ago=7_200, **{"service.version": "1.0", "safety.name": "old"})
    sender.log("deployment", ago=1_800, **{"service.version": "2.0", "safety.name": "venue", "deployment.actor": "ci"})
    for ago in (4_500, 3_000, 2_000):
        sender.log("feature_flag.evaluation", ago=ago, **_flag("off"))
    for ago in (900, 600):
        sender.log("feature_flag.evaluation", ago=ago, **_flag("on"))
    await told()
    answer = await server.read("/marks", environment=sender.environment, window="1h")
    assert answer.status_code == 200
    body = answer.json()
    assert [(each["kind"], each["subject"]) for each in body["items"]] == [("deployment", "venue"), ("flag", "router")]
    assert body["items"][0]["text"] == "deployment of venue 2.0 by ci"
    assert body["items"][1]["text"] == "flag router from off to on"
    assert datetime.fromisoformat(body["items"][1]["at"]) == sender.at - timedelta(seconds=900)
    assert (await server.read("/marks", environment="nowhere")).status_code == 404
    assert (await server.read("/marks", scope="ingest")).status_code == 403


def _flag(variant: str) -> dict[str, str]:
    return {"feature_flag.key": "router", "feature_flag.result.variant": variant}


async def test_an_incident_is_marked_for_as_long_as_it_touches_the_range(
    server: Any, sender: Any, told: Callable[..., Any]
) -> None:
    sender.heartbeat("trade_execution_service")
    await told()
    fold = Folding(graphs)

    async def step(rows: Rows, transitions: Sequence[Transition]) -> None:
        await fold(rows, transitions)

    keep = Keeper(server.app.state.control, [step])
    now_s = (sender.at - AT).total_seconds()
    where = {"environment": sender.environment}
    await keep([fires("a", after_s=now_s - 7_200, **where)])
    (mark,) = (await server.read("/marks", environment=sender.environment, window="1h")).json()["items"]
    assert (mark["kind"], mark["until"], mark["severity"]) == ("incident", None, "critical")
    assert datetime.fromisoformat(mark["at"]) == sender.at - timedelta(seconds=7_200)
    await keep([ends("a", after_s=now_s - 5_400, **where)])
    inside = (await server.read("/marks", environment=sender.environment, window="3h")).json()["items"]
    assert [datetime.fromisoformat(each["until"]) for each in inside] == [sender.at - timedelta(seconds=5_400)]
    assert (await server.read("/marks", environment=sender.environment, window="1h")).json()["items"] == []
