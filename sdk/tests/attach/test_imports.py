"""Modules are wrapped whenever they come: before, after, again, or never."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import pytest

CODE = """
    LOADER = __loader__
    class Desk:
        def act(self):
            return VERSION
    VERSION = 1
    single = Desk()
"""
BOUND = "desk:\n  targets: plat.desk:Desk\nother:\n  targets: plat.other:Other"


def states(attachment: Any) -> dict[str, tuple[str, str | None]]:
    return {each.service: (each.state, each.reason) for each in attachment.states()}


def test_a_module_that_is_imported_already_is_wrapped_with_its_instances(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", CODE)
    single = platform.load("plat.desk").single
    attachment = platform.attach(BOUND)
    single.act()
    assert [span.name for span in recorded.spans()] == ["desk.act"]
    assert states(attachment) == {"desk": ("wrapped", None), "other": ("waiting", None)}


def test_a_module_that_comes_late_is_wrapped_and_its_loader_is_its_own(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", CODE)
    attachment = platform.attach(BOUND)
    assert "plat.desk" not in sys.modules
    module = platform.load("plat.desk")
    module.single.act()
    assert [span.name for span in recorded.spans()] == ["desk.act"]
    assert states(attachment)["desk"] == ("wrapped", None)
    ordinary = type(importlib.import_module("plat").__loader__)
    assert type(module.__loader__) is type(module.__spec__.loader) is type(module.LOADER) is ordinary
    assert "class Desk" in inspect.getsource(module)


def test_a_reloaded_module_is_wrapped_again_once(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", CODE)
    platform.attach(BOUND)
    module = platform.load("plat.desk")
    platform.write("plat.desk", CODE.replace("VERSION = 1", "VERSION = 22"))
    importlib.reload(module)
    assert module.Desk().act() == 22
    assert [span.name for span in recorded.spans()] == ["desk.act"]


def test_a_module_that_fails_fails_as_before_and_may_come_again(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", "raise KeyError('broken')")
    attachment = platform.attach(BOUND)
    with pytest.raises(KeyError, match="broken") as found:
        platform.load("plat.desk")
    assert not any("observatory_sdk" in str(entry.path) for entry in found.traceback)
    assert states(attachment)["desk"][0] == "waiting"
    platform.write("plat.desk", CODE + "    # whole again")
    platform.load("plat.desk").Desk().act()
    assert [span.name for span in recorded.spans()] == ["desk.act"]


def test_what_does_not_exist_is_recorded_and_not_raised(platform: Any, lenient: None) -> None:
    platform.write("plat.desk", "class Bench: pass\nDesk = Bench()")
    platform.write("plat.host", "try:\n    import plat.other\nexcept ImportError:\n    other = None")
    attachment = platform.attach(BOUND)
    platform.load("plat.desk")
    assert platform.load("plat.host").other is None
    assert states(attachment) == {
        "desk": ("missing", "plat.desk has no Desk"),
        "other": ("missing", "there is no module plat.other"),
    }


def test_a_module_whose_code_is_running_is_wrapped_when_it_has_run(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", "import builtins\nbuiltins.attach_now()\n" + "class Desk:\n    def act(self): pass\n")
    kept: list[Any] = []
    import builtins

    builtins.attach_now = lambda: kept.append(platform.attach(BOUND))  # type: ignore[attr-defined]
    try:
        module = platform.load("plat.desk")
    finally:
        del builtins.attach_now  # type: ignore[attr-defined]
    assert states(kept[0])["desk"] == ("wrapped", None)
    module.Desk().act()
    assert [span.name for span in recorded.spans()] == ["desk.act"]


def test_modules_that_import_each_other_are_both_wrapped(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", "from plat import other\nclass Desk:\n    def act(self): return other.Other().act()")
    platform.write("plat.other", "import plat.desk\nclass Other:\n    def act(self): return plat.desk.Desk")
    platform.attach(BOUND)
    platform.load("plat.desk").Desk().act()
    assert [span.name for span in recorded.spans()] == ["other.act", "desk.act"]


def test_a_service_beats_from_the_moment_its_module_is_there(platform: Any, recorded: Any) -> None:
    platform.write("plat.desk", CODE)
    platform.attach(BOUND)
    platform.load("plat.desk")
    beat = recorded.metrics()["observatory.service.heartbeat"]
    assert [dict(point.attributes) for point in beat.data.data_points] == [{"observatory.service": "desk"}]
