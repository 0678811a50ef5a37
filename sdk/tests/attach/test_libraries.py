"""The table of libraries: each switched on when it is imported, and put back."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import observatory_sdk as obs
from observatory_sdk.attach import libraries
from observatory_sdk.attach.libraries import LIBRARIES, Libraries, Library
from observatory_sdk.errors import ConfigurationError

SWITCHES = """
    import sys
    said = []
    def on():
        said.append("on")
        return lambda: said.append("off")
    def no_undo():
        said.append("on")
    def breaks():
        raise ValueError("no")
    def lacks():
        import plat.not_there
    def nested():
        import plat.second
        said.append("first")
        return lambda: said.append("first off")
    def second():
        said.append("second")
        return lambda: said.append("second off")
"""
BINDINGS = b"platform: test\npackages: [plat]\nservices: {one: {targets: ['plat.one:One']}}\n"


@pytest.fixture
def watched(platform: Any) -> Iterator[Callable[..., Libraries]]:
    """Rows of the throw-away package, watched: pairs of a module's and a function's name."""
    platform.write("plat.switches", SWITCHES)
    platform.write("plat.library", "")
    platform.write("plat.second", "")
    made: list[Libraries] = []

    def start(*rows: tuple[str, str], without: tuple[str, ...] = ()) -> Libraries:
        table = [Library(name, f"plat.{module}", f"plat.switches:{name}") for module, name in rows]
        made.append(Libraries(table, without))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


def _states(found: Libraries) -> list[tuple[str, str]]:
    return [(each.library.name, each.state) for each in found.states()]


def test_a_library_is_switched_on_when_it_is_imported_and_put_back(platform: Any, watched: Any) -> None:
    found = watched(("library", "on"), ("library", "no_undo"), ("absent", "second"))
    assert [state for _, state in _states(found)] == ["waiting"] * 3
    platform.load("plat.library")
    with pytest.raises(ModuleNotFoundError):
        platform.load("plat.absent")
    said = platform.load("plat.switches").said
    assert _states(found) == [("on", "on"), ("no_undo", "on"), ("second", "missing")]
    assert found.states()[2].reason == "there is no module plat.absent"
    found.stop()
    assert said == ["on", "on", "off"]


def test_a_library_that_is_imported_already_is_switched_on_at_once(platform: Any, watched: Any) -> None:
    platform.load("plat.library")
    assert _states(watched(("library", "on"))) == [("on", "on")]


def test_what_is_missing_or_fails_is_told_and_hurts_nobody(platform: Any, watched: Any, lenient: None) -> None:
    found = watched(("library", "breaks"), ("library", "lacks"), ("library", "on"))
    platform.load("plat.library")
    assert _states(found) == [("breaks", "failed"), ("lacks", "missing"), ("on", "on")]
    assert [each.reason for each in found.states()] == ["ValueError('no')", "there is no module plat.not_there", None]
    assert obs.losses() == {"library not switched on": 1}


def test_a_library_left_off_stays_off(platform: Any, watched: Any) -> None:
    found = watched(("library", "on"), ("library", "second"), without=("on",))
    platform.load("plat.library")
    assert _states(found) == [("on", "off"), ("second", "on")]


def test_what_is_imported_while_another_is_switched_on_comes_after_it(platform: Any, watched: Any) -> None:
    found = watched(("library", "nested"), ("second", "second"))
    platform.load("plat.library")
    said = platform.load("plat.switches").said
    assert said == ["first", "second"]
    found.stop()
    assert said == ["first", "second", "second off", "first off"]


def test_threads_that_import_beside_each_other_wait_for_nobody(platform: Any, watched: Any) -> None:
    names = [f"module_{number}" for number in range(8)]
    for name in names:
        platform.write(f"plat.{name}", "import time; time.sleep(0.01)")
    found = watched(*((name, "on") for name in names))
    threads = [threading.Thread(target=platform.load, args=(f"plat.{name}",), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [state for _, state in _states(found)] == ["on"] * 8


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_switches_on_although_a_thread_was_at_it_when_it_was_forked(platform: Any, watched: Any) -> None:
    found = watched(("library", "on"))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with found._lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            platform.load("plat.library")
            os.write(write, found.states()[0].state.encode())
        finally:
            os._exit(0)
    os.close(write)
    ready, _, _ = select.select([read], [], [], 20)
    if not ready:
        os.kill(child, signal.SIGKILL)
    said = os.read(read, 10) if ready else b"nothing"
    os.close(read)
    os.waitpid(child, 0)
    done.set()
    thread.join(60)
    assert said == b"on"


def test_the_names_to_leave_off_come_from_the_call_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(libraries.WITHOUT, "redis, celery,")
    assert libraries.without(None) == ("redis", "celery")
    assert libraries.without(["httpx"]) == ("httpx",)
    with pytest.raises(ConfigurationError, match=r"without: there is no library 'mongo'.*redis"):
        libraries.without(["mongo"])
    monkeypatch.setenv(libraries.WITHOUT, "mongo")
    with pytest.raises(ConfigurationError, match=r"OBSERVATORY_WITHOUT: there is no library 'mongo'"):
        libraries.without(None)


def test_attach_takes_them_and_its_answer_tells(platform: Any) -> None:
    from observatory_sdk.attach.bindings import parse

    names = [row.name for row in LIBRARIES if row.name != "system"]
    attached = obs.attach(parse(BINDINGS, "test.yaml"), without=names)
    try:
        found = {each.library.name: each.state for each in attached.libraries()}
        assert {state for name, state in found.items() if name != "system"} == {"off"}
        assert found["system"] == "on"
    finally:
        attached.detach()


def test_what_is_installed_is_told_without_an_import(platform: Any) -> None:
    code = """
        import sys
        from observatory_sdk.attach import libraries
        for each in libraries.check(["redis"]):
            print(each.library.name, each.state, each.reason)
        print(sorted({"fastapi", "openai", "redis", "celery"} & set(sys.modules)))
    """
    platform.write("look", code)
    lines = platform.run(sys.executable, "look.py").stdout.splitlines()
    assert len(lines) == len(LIBRARIES) + 1
    assert {"redis off None", "fastapi waiting None", "[]"} <= set(lines)


def test_an_instrumentation_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (Library("toy", "json", "nowhere:on", True, "opentelemetry.instrumentation.toy"),)
    monkeypatch.setattr(libraries, "LIBRARIES", rows)
    (state,) = libraries.check()
    assert (state.state, state.reason) == ("missing", "there is no module opentelemetry.instrumentation.toy")
