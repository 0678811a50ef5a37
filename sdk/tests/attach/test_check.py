"""The bindings are held against the installed platform without running it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

BINDINGS = """
platform: throwaway
packages: [plat]
services:
  desk: {targets: plat.desk:Desk}
  late: {targets: plat.late:Late}
  dead: {targets: plat.dead:Dead}
  same: {shares: desk}
  hub: {targets: plat.hub, hub: true}
"""
COMMAND = (sys.executable, "-m", "observatory_sdk.attach.command", "--check", "--bindings", "bound.yaml")


@pytest.fixture
def host(platform: Any) -> Any:
    platform.write(
        "plat.desk", "raise SystemExit('code was run')\nclass Desk:\n    def act(self): pass\n    def _x(self): pass\n"
    )
    platform.write(
        "plat.late",
        """
        from . import desk, nothing
        from .desk import Desk, Bench
        try:
            import plat.gone
        except ImportError:
            gone = None
        class Late:
            async def go(self):
                from plat.hub import compute, missing
                return [name for name in ()]
        """,
    )
    platform.write("plat.dead", "class Dead:\n    def act(self): pass")
    platform.write("plat.hub", "def compute(): pass\nwith open('x') as file:\n    text = [a for a in file]")
    platform.write("main", "import plat.desk\ndef later():\n    from plat.late import Late\n")
    (platform.folder / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return platform


def test_what_exists_what_is_never_imported_and_what_is_imported_in_vain(host: Any) -> None:
    done = host.run(*COMMAND, "--entry", "main", check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == (
        "desk  plat.desk:Desk  1 methods, imported at start\n"
        "late  plat.late:Late  1 methods, imported later\n"
        "dead  plat.dead:Dead  1 methods, imported never\n"
        "hub   plat.hub  1 methods, imported later\n"
        "same  shares desk\n"
        "\nnever imported from main: plat.dead:Dead\n"
        "\nimports of names that do not exist: 4\n"
        "  plat.late:2 plat has no nothing\n"
        "  plat.late:3 plat.desk has no Bench\n"
        "  plat.late:5 there is no module plat.gone (inside try)\n"
        "  plat.late:10 plat.hub has no missing\n"
        "\n3 of 4 services have code here, 1 share another's, 0 have none; 1 more services beside them\n"
    )


def test_a_target_that_should_be_there_and_is_not_fails_the_check(host: Any) -> None:
    host.write("plat.desk", "class Table: pass")
    (host.folder / "plat" / "dead.py").unlink()
    done = host.run(*COMMAND, check=False)
    assert done.returncode == 1
    assert "desk  plat.desk:Desk  missing: plat.desk has no Desk\n" in done.stdout
    assert "dead  plat.dead:Dead  missing: there is no module plat.dead\n" in done.stdout
    optional = BINDINGS.replace("plat.desk:Desk}", "plat.desk:Desk, optional: true}")
    optional = optional.replace("plat.dead:Dead}", "plat.dead:Dead, optional: true}")
    (host.folder / "bound.yaml").write_text(optional, encoding="utf-8")
    assert host.run(*COMMAND, check=False).returncode == 0


def test_a_module_that_is_no_python_is_told(host: Any) -> None:
    host.write("plat.desk", "class Desk(:")
    done = host.run(*COMMAND, check=False)
    assert done.returncode == 1
    assert "plat.desk cannot be read: SyntaxError" in done.stdout
