"""The link of a message: to look at it changes nothing, its button takes what it is about, once and in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from alert_scenes import AT, alert, ends, fires
from hypothesis import given, settings
from hypothesis import strategies as st
from oncall_scenes import Room

from observatory import oncall
from observatory.oncall import LASTS, LinkExpired, LinkRefused, links

ALERT = f"alert:{alert('security.event').id}"
KEY = bytes(range(32))
FORM = {"confirm": "yes"}


async def look(room: Room, token: str, method: str = "GET", **more: Any) -> httpx.Response:
    return await room.ask(method, f"/acknowledge/{token}", None, base="", **more)


async def held(room: Room) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await room.ask("GET", "/acknowledgements")).json()["items"]
    return found


async def test_a_scanner_that_follows_every_link_takes_nothing(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "Ada")
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        await look(room, token, method)
    page = await look(room, token)
    assert page.status_code == 200
    assert "security.event is bad" in page.text
    assert "Take it as Ada" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert await held(room) == []
    # What sends forms that it did not fill in takes nothing either.
    assert (await look(room, token, "POST")).status_code == 422
    assert (await look(room, token, "POST", data={"confirm": "no"})).status_code == 422
    assert await held(room) == []


async def test_its_button_takes_what_it_is_about_without_a_login(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "Ada")
    done = await look(room, token, "POST", data=FORM | {"reason": "<b>on it</b>"})
    assert done.status_code == 200
    assert "You have it" in done.text
    assert [(each["by"], each["reason"]) for each in await held(room)] == [("link:Ada", "<b>on it</b>")]
    lines = (await room.ask("GET", "/audit", "admin", params={"actor": "link:Ada"})).json()["items"]
    assert [(each["action"], each["subject"]) for each in lines] == [("alert.acknowledged", ALERT)]
    seen = await look(room, token)
    assert "<b>on it" not in seen.text
    assert "link:Ada has it since 2026-03-04 05:06 UTC" in seen.text
    assert "<form" not in seen.text


async def test_a_used_link_is_refused_and_says_so(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "Ada")
    await look(room, token, "POST", data=FORM)
    (one,) = await held(room)
    await room.ask("DELETE", f"/acknowledgements/{one['id']}")
    for method in ("GET", "POST"):
        again = await look(room, token, method, data=FORM if method == "POST" else None)
        assert again.status_code == 410
        assert "It works once, and was used at 2026-03-04 05:06 UTC by link:Ada." in again.text
    assert await held(room) == []


async def test_a_link_that_is_too_old_is_refused_and_says_so(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "")
    room.clock.advance(LASTS.total_seconds())
    for method in ("GET", "POST"):
        answer = await look(room, token, method, data=FORM if method == "POST" else None)
        assert answer.status_code == 410
        assert "This link was good until 2026-03-06 05:06 UTC." in answer.text
    assert await held(room) == []


async def test_a_link_that_was_changed_is_refused_and_says_so(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "Ada")
    other = links.sign(KEY, ALERT, oncall.ACKNOWLEDGE, AT + LASTS, "Ada")
    for bad in (other, token[:-1], token + "A", "x", token.partition(".")[0], "%C3%A4." + token, "." + token):
        for method in ("GET", "POST"):
            answer = await look(room, bad, method, data=FORM if method == "POST" else None)
            assert answer.status_code == 404, bad
            assert "not one of ours" in answer.text
    assert await held(room) == []


async def test_without_a_good_link_the_page_tells_nothing_of_what_fires(room: Room) -> None:
    await room.keep(fires("security.event"))
    incident = await room.open_incident()
    old = links.sign(KEY, ALERT, oncall.ACKNOWLEDGE, AT - LASTS, "Ada")
    for bad in ("x", links.sign(KEY, ALERT, oncall.ACKNOWLEDGE, AT + LASTS, "Ada"), old, ALERT, incident):
        answer = await look(room, bad)
        assert answer.status_code == 404
        assert not any(each in answer.text for each in ("security.event", incident, "production", "Ada"))


async def test_of_two_who_were_told_the_first_has_it(room: Room) -> None:
    await room.keep(fires("security.event"))
    ada, ben = (room.signer.token(ALERT, name) for name in ("Ada", "Ben"))
    assert (await look(room, ada, "POST", data=FORM)).status_code == 200
    late = await look(room, ben, "POST", data=FORM)
    assert late.status_code == 409
    assert "link:Ada has it" in late.text


async def test_a_link_to_what_has_ended_says_so(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "Ada")
    await room.keep(ends("security.event", after_s=60))
    assert "It has ended" in (await look(room, token)).text
    assert (await look(room, token, "POST", data=FORM)).status_code == 410


async def test_a_link_to_a_merged_incident_takes_the_one_it_went_into(room: Room) -> None:
    await room.keep(fires("security.event"))
    first = await room.open_incident()
    await room.keep(fires("ai_systems.error_share.critical", after_s=3_600, services=("ai_chat_engine",)))
    found = (await room.ask("GET", "/incidents")).json()["items"]
    second = next(each["id"] for each in found if each["id"] != first)
    token = room.signer.token(f"incident:{first}", "Ada")
    body = {"into": second, "reason": "the same trouble"}
    assert (await room.ask("POST", f"/incidents/{first}/merge", json=body)).status_code == 200
    assert (await look(room, token, "POST", data=FORM)).status_code == 200
    assert [each["subject"] for each in await held(room)] == [f"incident:{second}"]


async def test_another_sites_form_takes_nothing(room: Room) -> None:
    await room.keep(fires("security.event"))
    token = room.signer.token(ALERT, "Ada")
    answer = await look(room, token, "POST", data=FORM, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert token not in answer.text
    assert await held(room) == []


async def test_the_key_is_kept_so_that_links_outlive_the_server(room: Room) -> None:
    again = await oncall.Signer.of(room.state, room.clock, "")
    assert again.read(room.signer.token(ALERT, "Ada")).person == "Ada"


@settings(deadline=None)
@given(st.text(max_size=64), st.sampled_from([ALERT, "incident:20260102t030405-7b0f6f4d"]), st.integers(1, 10**6))
def test_a_link_says_what_was_signed(person: str, subject: str, lasts_s: int) -> None:
    person = person.encode("utf-8", "ignore").decode()
    token = links.sign(KEY, subject, oncall.ACKNOWLEDGE, AT + timedelta(seconds=lasts_s), person)
    link = links.read(KEY, token, AT)
    assert (link.subject, link.person, link.action) == (subject, person, oncall.ACKNOWLEDGE)
    with pytest.raises(LinkExpired):
        links.read(KEY, token, AT + timedelta(seconds=lasts_s))


@settings(deadline=None)
@given(st.data())
def test_no_change_of_a_link_is_taken(data: st.DataObject) -> None:
    token = links.sign(KEY, ALERT, oncall.ACKNOWLEDGE, AT + LASTS, "Ada", nonce="n")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda each: each != token[place]))
    with pytest.raises(LinkRefused, match="not one of ours"):
        links.read(KEY, token[:place] + other + token[place + 1 :], AT)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_a_link(text: str) -> None:
    with pytest.raises(LinkRefused):
        links.read(KEY, text, AT)
