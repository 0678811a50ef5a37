"""Somebody takes what fires; the first one has it until it ends. Through the API."""

from __future__ import annotations

from typing import Any

import pytest
from alert_scenes import alert, ends, fires
from oncall_scenes import Room

from observatory.model.notification import DeliveryState, Kind, Message
from observatory.state.deliveries import Delivery

SECURITY = f"alert:{alert('security.event').id}"


async def audit(room: Room, **query: Any) -> list[dict[str, Any]]:
    answer = await room.ask("GET", "/audit", "admin", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def take(room: Room, subject: str, scope: str = "operate", **more: str) -> Any:
    return await room.ask("POST", "/acknowledgements", scope, json={"subject": subject, **more})


async def test_the_first_one_has_it_until_it_ends(room: Room) -> None:
    await room.keep(fires("security.event"))
    first = await take(room, SECURITY, reason="looking at it")
    assert (first.status_code, first.json()["new"]) == (201, True)
    room.clock.advance(60)
    second = await take(room, SECURITY, "admin", reason="me too")
    assert (second.status_code, second.json()["new"]) == (200, False)
    assert second.json()["by"] == first.json()["by"]
    assert second.json()["at"] == first.json()["at"]
    held = (await room.ask("GET", "/acknowledgements", "read")).json()["items"]
    assert [(each["subject"], each["reason"], each["ended_at"]) for each in held] == [(SECURITY, "looking at it", None)]
    await room.keep(ends("security.event", after_s=90))
    await room.escalate(60)
    assert (await room.ask("GET", "/acknowledgements", "read")).json()["items"] == []
    (over,) = (await room.ask("GET", "/acknowledgements", "read", params={"ended": True})).json()["items"]
    assert over["ended_why"] == "it has ended"
    assert (await take(room, SECURITY)).status_code == 422


async def test_who_takes_an_incident_takes_its_alerts(room: Room) -> None:
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    answer = await take(room, f"incident:{incident}", reason="mine")
    assert answer.status_code == 201
    told = (await room.ask("GET", f"/incidents/{incident}")).json()["incident"]
    assert told["state"] == "acknowledged"
    assert told["acknowledged_at"] == answer.json()["at"]
    of_alert = await take(room, SECURITY, "admin")
    assert (of_alert.status_code, of_alert.json()["reason"]) == (200, "mine")


async def told(room: Room) -> list[Message]:
    """Messages that somebody took something."""
    async with room.state.writing() as rows:
        waiting = await rows.outbox.claim("test", room.clock.now(), 1_000, -1e9)
    return [each.message for each in waiting if each.message.kind is Kind.INCIDENT]


async def sent(room: Room, *channels: str) -> None:
    """That the alert was told on these channels."""
    async with room.state.writing() as rows:
        (message,) = (await rows.outbox.beginnings([alert("security.event").id])).values()
        about: dict[str, Any] = {"kind": "alert", "environment": "production", "grouping": message.grouping}
        await rows.deliveries.add(
            Delivery(
                key=each, channel=each, severity=message.severity, status=message.status, state=DeliveryState.SENT,
                stage="", reason="", created_at=room.clock.now(), due_at=room.clock.now(), messages=(message,), **about,
            )
            for each in channels
        )  # fmt: skip


@pytest.mark.parametrize("how", ["acknowledgement", "state", "alert"])
async def test_who_was_told_is_told_once_that_somebody_took_it_and_who(room: Room, how: str) -> None:
    await room.keep(fires("security.event"))
    await sent(room, "desk", "boss")
    incident = await room.open_incident()
    subject = SECURITY if how == "alert" else f"incident:{incident}"
    if how == "state":
        body = {"state": "acknowledged", "reason": "I am at it"}
        for _ in range(2):
            assert (await room.ask("POST", f"/incidents/{incident}/state", json=body)).status_code == 200
    else:
        await take(room, subject, reason="I am at it")
        await take(room, subject, "admin")
    (found,) = await told(room)
    by = (await room.ask("GET", "/audit", "admin")).json()["items"][0]["actor"]
    assert found.targets == ("boss", "desk")
    what = "security.event" if how == "alert" else f"incident {incident}"
    assert found.title == f"{what} was taken by {by}"
    assert found.text.endswith("I am at it")


async def test_nobody_is_told_that_something_was_taken_who_was_not_told_of_it(room: Room) -> None:
    await room.keep(fires("security.event"))
    assert (await take(room, SECURITY)).status_code == 201
    assert await told(room) == []


async def test_what_was_taken_through_the_state_of_an_incident_is_taken(room: Room) -> None:
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    body = {"state": "acknowledged", "reason": "I am at it"}
    assert (await room.ask("POST", f"/incidents/{incident}/state", json=body)).status_code == 200
    again = await take(room, f"incident:{incident}", "admin")
    assert (again.status_code, again.json()["reason"]) == (200, "I am at it")


async def test_what_is_given_back_can_be_taken_by_another(room: Room) -> None:
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    await take(room, f"incident:{incident}")
    (held,) = (await room.ask("GET", "/acknowledgements")).json()["items"]
    path = f"/acknowledgements/{held['id']}"
    room.clock.advance(1)
    assert (await room.ask("DELETE", path, params={"reason": "off to bed"})).status_code == 204
    assert (await room.ask("DELETE", path)).status_code == 404
    assert (await room.ask("GET", path)).json()["ended_why"] == "off to bed"
    assert (await room.ask("GET", f"/incidents/{incident}")).json()["incident"]["state"] == "opened"
    assert (await take(room, f"incident:{incident}", "admin")).status_code == 201


async def test_notes_stand_beside_what_they_are_about(room: Room) -> None:
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    for subject, text in ((SECURITY, "seen before"), (f"incident:{incident}", "the exchange was told")):
        answer = await room.ask("POST", "/notes", json={"subject": subject, "text": text})
        assert answer.status_code == 201
        (kept,) = (await room.ask("GET", "/notes", "read", params={"subject": subject})).json()["items"]
        assert kept == answer.json()
        assert kept["text"] == text
    changes = (await room.ask("GET", f"/incidents/{incident}")).json()["changes"]
    assert [each["reason"] for each in changes if each["kind"] == "note"] == ["the exchange was told"]


async def test_every_act_of_a_person_is_in_the_audit_log_with_who_when_and_why(room: Room) -> None:
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    await take(room, f"incident:{incident}", reason="mine")
    await room.ask("POST", "/notes", json={"subject": SECURITY, "text": "seen before"})
    (held,) = (await room.ask("GET", "/acknowledgements")).json()["items"]
    await room.ask("DELETE", f"/acknowledgements/{held['id']}", params={"reason": "off to bed"})
    await room.ask("POST", f"/incidents/{incident}/state", json={"state": "mitigated", "reason": "better"})
    lines = await audit(room, actor="token:*")
    acts = {each["action"]: (each["subject"], each["reason"]) for each in lines}
    assert acts["incident.acknowledged"] == (f"incident:{incident}", "mine")
    assert acts["alert.noted"] == (SECURITY, "seen before")
    assert acts["incident.given_back"] == (f"incident:{incident}", "off to bed")
    assert acts["incident.mitigated"] == (f"incident:{incident}", "better")
    assert all(each["at"] and each["actor"] == "token:3" for each in lines if each["action"] in acts)


async def test_the_audit_log_is_filtered_and_turned_page_by_page(room: Room) -> None:
    await room.keep(fires("security.event"))
    for number in range(5):
        await room.ask("POST", "/notes", json={"subject": SECURITY, "text": f"note {number}"})
        room.clock.advance(60)
    found: list[str] = []
    cursor = None
    while True:
        query = {"action": "alert.noted", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await room.ask("GET", "/audit", "admin", params=query)).json()
        found += [each["reason"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [f"note {number}" for number in (4, 3, 2, 1, 0)]
    assert [each["action"] for each in await audit(room, action="token.*")] == ["token.issued"] * 4
    assert len(await audit(room, subject=SECURITY)) == 5
    since = "2026-03-04T05:08:07Z"
    assert [each["reason"] for each in await audit(room, since=since, subject="alert:*")] == [
        "note 4",
        "note 3",
        "note 2",
    ]
    assert [each["reason"] for each in await audit(room, until=since, subject="alert:*")] == ["note 1", "note 0"]
    assert await audit(room, action="%") == []


@pytest.mark.parametrize("scope", ["read", "operate", "ingest"])
async def test_only_administrators_read_the_audit_log(room: Room, scope: str) -> None:
    assert (await room.ask("GET", "/audit", scope)).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/acknowledgements", {"subject": SECURITY}),
        ("DELETE", "/acknowledgements/1", None),
        ("POST", "/notes", {"subject": SECURITY, "text": "x"}),
        (
            "PUT",
            "/escalations/critical",
            {"severities": ["critical"], "levels": [{"wait_s": 60, "whom": [{"channel": "desk"}]}]},
        ),
        ("DELETE", "/escalations/critical", None),
        (
            "PUT",
            "/schedules/primary",
            {"handover_at": "2026-01-05T09:00:00Z", "people": [{"name": "Ada", "channels": ["a"]}]},
        ),
        ("DELETE", "/schedules/primary", None),
    ],
)
async def test_who_may_only_read_changes_nothing(room: Room, method: str, path: str, body: Any) -> None:
    await room.keep(fires("security.event"))
    for scope, status in (("read", 403), ("ingest", 403), (None, 401)):
        answer = await room.ask(method, path, scope, json=body)
        assert answer.status_code == status, answer.text
    assert await audit(room, actor="token:*") == []


@pytest.mark.parametrize(
    "subject", ["", "alert:1", "incident:x", "alert:" + "0" * 24 + ":0", "user:7", SECURITY + "0" * 12]
)
async def test_what_is_neither_an_alert_nor_an_incident_is_refused(room: Room, subject: str) -> None:
    answer = await take(room, subject)
    assert answer.status_code == 422
    assert "subject" in answer.text


async def test_what_never_was_cannot_be_taken(room: Room) -> None:
    await room.keep(fires("security.event"))
    for subject in (f"alert:{'0' * 24}:1", SECURITY.replace(":1", ":2"), "incident:20200101t000000-00000000"):
        if subject != SECURITY:
            assert (await take(room, subject)).status_code == 404, subject
