"""Exceptions by fingerprint."""

from __future__ import annotations

import pytest
from explore_world import Sent, World
from hypothesis import given
from hypothesis import strategies as st

from observatory.explore.fingerprint import fingerprint, frames, template

PYTHON = """Traceback (most recent call last):
  File "/srv/app/orders.py", line {}, in execute
    await venue.ask(order)
  File "/srv/app/venue.py", line {}, in ask
    raise TimeoutError(f"no answer within {{limit}} s")
TimeoutError: no answer within 5 s
"""
JAVA = """java.net.SocketTimeoutException: timed out
\tat com.venue.Client.ask(Client.java:41)
\tat com.app.Orders.execute(Orders.java:7)
"""
NODE = """Error: timed out
    at ask (/srv/app/venue.js:41:7)
    at /srv/app/orders.js:7:1
"""


def told(message: str, stack: str = "", kind: str = "TimeoutError") -> tuple[str, dict[str, str]]:
    named = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
    return "exception", named


def test_frames_are_told_without_lines_and_folders() -> None:
    assert frames(PYTHON.format(1, 2)) == ("orders.py:execute", "venue.py:ask")
    assert frames(JAVA) == ("com.venue.Client.ask(Client.java)", "com.app.Orders.execute(Orders.java)")
    assert frames(NODE) == ("ask (venue.js)", "orders.js")
    assert frames("") == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no answer from 'kraken' within 5 s", "no answer from 'binance' within 12.5 s"),
        ("order 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is gone", "order 7a2504e0-4f89-11d3-9a0c-0305e82c33ff is gone"),
        ("object at 0x7f1c2a", "object at 0x99"),
        ("mail to a@b.io bounced", "mail to longer.name@other.example bounced"),
    ],
)
def test_messages_that_differ_in_what_varies_are_the_same(one: str, other: str) -> None:
    assert template(one) == template(other)
    assert template(one) != template(f"{one} again and again")


@given(st.text(), st.text(max_size=300), st.lists(st.text(), max_size=4))
def test_a_fingerprint_is_16_digits_of_anything(kind: str, message: str, of_frames: list[str]) -> None:
    found = fingerprint(kind, of_frames, template(message))
    assert len(found) == 16
    assert found == fingerprint(kind, of_frames, template(message))


def test_exceptions_are_grouped_and_one_that_passes_through_spans_counts_once(world: World) -> None:
    for number in range(3):
        root = Sent("api", "get", 0, 50, failed=True, values={"user.id": f"u-{number % 2}"})
        message = f"no answer within {number} s"
        root.events = [told(message, PYTHON.format(number, 9))]
        inner = Sent("trade", "ask", 1, 40, root, failed=True, values={"user.id": f"u-{number % 2}"})
        inner.events = [told(message, PYTHON.format(number, 9).splitlines()[3])]
        newest = world.trace(root, inner, ago=60 - number * 10)
    world.trace(Sent("api", "get", 0, 5, events=[told("bad value 7", kind="ValueError")]))
    world.log("it broke", severity=17, exception__type="KeyError", exception__message="'order'")
    found = world.get("exceptions")
    assert (found["groups"], found["complete"]) == (3, True)
    first = found["items"][0]
    assert (first["type"], first["template"]) == ("TimeoutError", "no answer within <*> s")
    assert (first["count"], first["records"], first["users"]) == (3, 6, 2)
    assert first["services"] == ["api", "trade"]
    assert first["frames"] == ["orders.py:execute", "venue.py:ask"]
    assert first["trace_id"] == newest
    detail = world.get(f"exceptions/{first['fingerprint']}")
    assert "venue.py" in detail["stack"]
    assert detail["traces"][0]["trace_id"] == newest
    assert len(detail["traces"]) == 3
    assert {each["type"] for each in world.get("exceptions", type="KeyError")["items"]} == {"KeyError"}
    assert world.get("exceptions", service="trade", user="u-1")["items"][0]["count"] == 1
    assert len(world.get("exceptions", limit=2)["items"]) == 2
    last = world.get("exceptions", limit=2, cursor=world.get("exceptions", limit=2)["next"])
    assert (len(last["items"]), last["next"]) == (1, None)
    world.get("exceptions/0123456789abcdef", expect=404)
    world.get("exceptions/xyz", expect=422)
    assert "cursor" in str(world.get("exceptions", expect=422, cursor="nonsense"))
