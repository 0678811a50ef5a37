"""How a call ended, and what it tells, is read from what it returned, without running the host's code."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from observatory_sdk.attach.paths import ABSENT, Call, parse, read

CODE = """
    from collections import namedtuple
    from dataclasses import dataclass
    from enum import Enum

    Point = namedtuple("Point", "success error")

    class Flag(Enum):
        NO = False

    @dataclass
    class Answer:
        success: object
        error: str = ""

    @dataclass(slots=True)
    class Slotted:
        success: object
        error: str = ""

    class Trap:
        def __getattr__(self, name):
            raise AssertionError("touched " + name)
        @property
        def success(self):
            raise AssertionError("touched")
        @property
        def __class__(self):
            raise AssertionError("touched")
        def __bool__(self):
            raise AssertionError("touched")
        def __eq__(self, other):
            raise AssertionError("touched")
        __hash__ = None

    class Desk:
        def give(self, value, dry=False):
            return value
        async def later(self, value):
            return value
        async def stream(self, *values):
            for value in values:
                yield value
        def trap(self):
            return Trap()
        def nested_trap(self):
            return {"success": Trap(), "error": Trap(), "result": Trap()}
"""
RULES = """
[{is: failure, path: result.success, equals: false, reason: [result.error, result.errors.0.text]},
 {is: failure, path: result.result.success, equals: false},
 {is: failure, path: result.error, not_empty: true, reason: result.error, unless: {path: result.success, equals: true}},
 {is: partial, path: result.state, one_of: [half, some]},
 {is: simulated, path: result.id, starts_with: SIM_, unless: {path: args.dry, equals: true}}]
"""


@pytest.fixture
def desk(platform: Any, recorded: Any) -> Any:
    platform.write("plat.desk", CODE)
    platform.attach("desk:\n  targets: plat.desk:Desk", outcome=RULES.replace("\n", ""))
    return platform.load("plat.desk")


def ended(recorded: Any) -> tuple[Any, Any, str]:
    span = recorded.spans()[-1]
    told = span.attributes
    return told.get("observatory.outcome"), told.get("observatory.outcome.reason"), span.status.status_code.name


def test_a_failure_is_read_from_dictionaries_and_stored_fields(desk: Any, recorded: Any) -> None:
    for answer in (
        {"success": False, "error": "no funds"},
        {"error": "no funds"},
        desk.Answer(False, "no funds"),
        desk.Slotted(False, "no funds"),
        desk.Point(False, "no funds"),
        {"success": desk.Flag.NO, "error": "no funds"},
        {"success": False, "error": "", "errors": [{"text": "no funds"}]},
    ):
        assert desk.Desk().give(answer) is answer
        assert ended(recorded) == ("failure", "no funds", "ERROR")
    desk.Desk().give({"success": True, "result": {"success": False}})
    assert ended(recorded) == ("failure", None, "ERROR")


def test_what_is_no_failure_is_none(desk: Any, recorded: Any) -> None:
    for answer in (None, 0, "no", [], {"success": True, "error": "tried twice"}, {"success": 0}, {"error": None}, ()):
        desk.Desk().give(answer)
        assert ended(recorded) == (None, None, "UNSET")


def test_a_simulation_is_marked_unless_it_was_asked_for(desk: Any, recorded: Any) -> None:
    desk.Desk().give({"success": True, "id": "SIM_1"})
    assert ended(recorded) == ("simulated", None, "UNSET")
    desk.Desk().give({"success": True, "id": "SIM_1"}, dry=True)
    assert ended(recorded)[0] is None
    desk.Desk().give({"success": False, "id": "SIM_1"})
    assert ended(recorded)[0] == "failure"
    desk.Desk().give({"state": "half"})
    assert ended(recorded)[0] == "partial"


def test_coroutines_and_the_last_item_of_a_stream_are_read_too(desk: Any, recorded: Any) -> None:
    async def main() -> None:
        await desk.Desk().later({"success": False})
        async for _ in desk.Desk().stream({"text": "a"}, {"error": "cut off"}):
            pass

    asyncio.run(main())
    assert [span.attributes.get("observatory.outcome") for span in recorded.spans()] == ["failure", "failure"]


def test_what_the_host_says_itself_stands(platform: Any, recorded: Any) -> None:
    platform.write(
        "plat.own",
        """
        import observatory_sdk as obs
        class Own:
            def act(self):
                obs.outcome("partial", reason="one of two")
                return {"success": False}
        """,
    )
    platform.attach("own:\n  targets: plat.own:Own", outcome=RULES.replace("\n", ""))
    platform.load("plat.own").Own().act()
    assert ended(recorded) == ("partial", "one of two", "UNSET")


def test_the_hosts_code_is_never_run(desk: Any, recorded: Any) -> None:
    desk.Desk().trap()
    desk.Desk().nested_trap()
    assert [span.attributes.get("observatory.outcome") for span in recorded.spans()] == [None, None]


def test_a_path_ends_where_nothing_stands() -> None:
    call = Call({"a": [1, (2, {"b": 3})]}, result={"x": {1: "no"}})
    assert [read(found, call) for text in ("args.a.1.1.b", "args.a.-1.0") if (found := parse(text))] == [3, 2]
    for text in ("args.a.7", "args.a.1.1.c", "args.b.c", "result.x.y.z", "self.a", "item", "args.a.0.real"):
        path = parse(text)
        assert path is not None
        assert read(path, call) in (ABSENT, None) or text == "item"
    assert [parse(text) for text in ("a.b", "args", "result..x", "result." + "x." * 9, 3, "")] == [None] * 6
