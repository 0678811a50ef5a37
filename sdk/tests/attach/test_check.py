"""The bindings are held against the installed platform without running it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import pytest
import throwaway

from observatory_sdk.attach.bindings import load
from observatory_sdk.attach.check import check

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
    assert (
        done.stdout
        == """\
Services of throwaway and their code
  desk  plat.desk:Desk: 1 method, imported at start
  late  plat.late:Late: 1 method, imported later, in a function
  dead  plat.dead:Dead: 1 method, never imported
  hub   plat.hub: 1 method, imported later, in a function, outside the inventory
  same  shares desk, and is not counted again

Never imported from main: 1; their services stay never_loaded, unless something else imports them
  dead  plat.dead:Dead

Imports of names that do not exist: 4
  plat.late:2   plat has no nothing
  plat.late:3   plat.desk has no Bench
  plat.late:5   there is no module plat.gone (inside try)
  plat.late:10  plat.hub has no missing

Places that facts are read from and nobody has seen: 0; nothing there leaves the field unknown, and is counted

Methods and arguments that are bound and not in the code: 0

Targets that are not there: 0

Covered: 4 of 4 services of the inventory (3 by code of their own, 1 by another's), and 1 outside it.
Exit status 0: all that is bound is there.
"""
    )


def test_a_target_that_should_be_there_and_is_not_fails_the_check(host: Any) -> None:
    host.write("plat.desk", "class Table: pass")
    (host.folder / "plat" / "dead.py").unlink()
    done = host.run(*COMMAND, check=False)
    assert done.returncode == 1
    assert "  desk  plat.desk:Desk: missing\n" in done.stdout
    assert "Targets that are not there: 2\n  desk  plat.desk has no Desk\n" in done.stdout
    assert "  not covered: same: shares desk, and plat.desk has no Desk\n" in done.stdout
    assert "  not covered: dead: there is no module plat.dead\n" in done.stdout
    assert "Covered: 1 of 4 services" in done.stdout
    assert done.stdout.endswith("Exit status 1: something that is bound is not there, see above.\n")
    optional = BINDINGS.replace("plat.desk:Desk}", "plat.desk:Desk, optional: true}")
    optional = optional.replace("plat.dead:Dead}", "plat.dead:Dead, optional: true}")
    (host.folder / "bound.yaml").write_text(optional, encoding="utf-8")
    assert host.run(*COMMAND, check=False).returncode == 0


def test_a_module_that_is_no_python_is_told(host: Any) -> None:
    host.write("plat.desk", "class Desk(:")
    done = host.run(*COMMAND, check=False)
    assert done.returncode == 1
    assert "plat.desk cannot be read: SyntaxError" in done.stdout


INHERITING = """
platform: throwaway
packages: [plat]
services:
  desk:
    targets: [plat.desk:Desk, plat.desk:Corner, plat.desk:Desk.Drawer]
    methods: ["*", Corner.sit, shout]
    assumed: [result.price]
    facts:
      act: [{fact: payment, fields: {rail: args.rail, amount_usd: [args.paid, args.owed]}}]
      open: [{fact: payment, fields: {rail: args.any, amount_usd: result.price}}]
"""


def test_inherited_methods_are_counted_where_they_belong_and_facts_held_against_arguments(host: Any) -> None:
    host.write(
        "plat.base",
        """
        import functools
        class Root:
            def far(self): pass
            @functools.cached_property
            def cost(self): pass
        class Table(Root):
            def act(self, owed): pass
            def sit(self): pass
            def _hidden(self): pass
        """,
    )
    host.write("plat.shop", "from plat.base import Table as Bought")
    host.write(
        "plat.desk",
        """
        import plat.shop as shop
        from elsewhere import Stranger
        class Desk(shop.Bought, Stranger):
            @property
            def width(self): pass
            def act(self, rail, *, paid=None): pass
            class Drawer:
                async def open(self, **given): pass
        class Corner(Desk):
            def turn(self): pass
        """,
    )
    (host.folder / "bound.yaml").write_text(INHERITING, encoding="utf-8")
    done = host.run(*COMMAND, check=False)
    assert "  desk  plat.desk:Desk: 3 methods, 1 with facts\n" in done.stdout
    # What it has from Desk is counted there; what Desk has from the table, which is no target, stays its own.
    assert "  desk  plat.desk:Corner: 3 methods and 1 inherited from another target\n" in done.stdout
    assert "  desk  plat.desk:Desk.Drawer: 1 method, 1 with facts\n" in done.stdout
    assert (
        "nobody has seen: 1; nothing there leaves the field unknown, and is counted\n  desk  result.price\n"
        in done.stdout
    )
    assert "bound and not in the code: 1\n  desk  there is no method shout\n" in done.stdout
    assert done.returncode == 1
    host.write("plat.desk", "class Desk:\n    def act(self, owed): pass\nclass Corner(Desk):\n    pass")
    done = host.run(*COMMAND, check=False)
    assert "  desk  plat.desk has no Desk.Drawer\n" in done.stdout


def test_an_argument_that_a_method_does_not_take_fails_the_check(host: Any) -> None:
    bound = INHERITING.replace(", plat.desk:Corner, plat.desk:Desk.Drawer", "").replace(", Corner.sit, shout", "")
    (host.folder / "bound.yaml").write_text(bound.partition("      open:")[0], encoding="utf-8")
    host.write("plat.desk", "class Desk:\n    def act(self, owed): pass")
    done = host.run(*COMMAND, "--entry", "nowhere", check=False)
    assert done.returncode == 1
    assert "  desk     act does not take args.rail, for rail of payment\n" in done.stdout
    assert "  nowhere  there is no such module to start from\n" in done.stdout


def test_the_check_counts_what_attaching_wraps(platform: Any) -> None:
    throwaway.write(platform.folder)
    wrapping = """
import importlib, json
from observatory_sdk.attach import attach
attachment = attach("cryptouniverse")
for each in attachment.states():
    importlib.import_module(each.target.module)
print(json.dumps({str(each.target): len(each.operations) for each in attachment.states()}))
"""
    wrapped = json.loads(platform.run(sys.executable, "-c", wrapping).stdout)
    report = check(load("cryptouniverse"), [str(platform.folder)], "main")
    targets = {str(found.target) for found in report.found}
    assert {str(found.target): len(found.own(targets)) for found in report.found} == wrapped
    assert not report.failed
    reaches = {found.binding.service: found.reach for found in report.found if not found.binding.hub}
    assert Counter(reaches.values()) == {True: 43, False: 6, None: 14}
