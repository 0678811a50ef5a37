"""Runbooks as data: one for each rule that wakes somebody, and every question in them can be asked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from observatory import alerting, areas, catalogue, runbooks
from observatory.alerting import files
from observatory.areas import deepdive, series
from observatory.model.alert import Severity
from observatory.runbooks import Look, RunbookError
from observatory.selfwatch import Selfwatch

BOOKS = runbooks.load()
RULES = [each.rule for each in files.shipped(alerting.known(areas.load(), catalogue.load()))]
INDICATORS = {name: each for area in areas.load() for name, each in area.indicators.items()}
SECTIONS = {(dive.path, each.id) for area in areas.load() for dive in deepdive.load(area) for each in dive.sections}
COUNTERS = {each.name.removeprefix("observatory_") for each in Selfwatch().registry.collect()}
BOOK = """
title: Orders in an unknown state
means: Nobody knows whether they were carried out.
steps:
  - do: See which orders.
    look: [{endpoint: trading, section: unknown_orders, window: 1d}, {services: true}]
  - do: Ask the exchange.
verified_by: [{indicator: trading_execution.unknown_age, held: 5m, bound: "> 10"}, {alerts: true, held: 1m}]
"""


def test_every_critical_rule_has_its_runbook_and_no_runbook_is_left_over() -> None:
    wanted = {each.runbook for each in RULES if each.severity is Severity.CRITICAL}
    assert "" not in wanted
    assert wanted - set(BOOKS) == set()
    assert set(BOOKS) - {each.runbook for each in RULES} == set()


@pytest.mark.parametrize("name", sorted(BOOKS))
def test_each_question_of_a_runbook_can_be_asked(name: str) -> None:
    looks = [look for step in BOOKS[name].steps for look in step.looks]
    assert looks
    assert [each for each in looks if not askable(each)] == []
    for check in BOOKS[name].checks:
        if check.kind == "indicator":
            assert runbooks.verify.bound_of(check, INDICATORS[check.of])


@pytest.mark.parametrize("name", sorted(BOOKS))
def test_a_runbook_is_checked_by_what_its_rules_judge(name: str) -> None:
    judged = {check.of for check in BOOKS[name].checks if check.kind == "indicator"}
    own = {rule.id.rpartition(".")[0] for rule in RULES if rule.runbook == name}
    assert judged <= own or name == "emergency-activated"
    assert judged or any(check.kind in ("alerts", "service") for check in BOOKS[name].checks)


def askable(look: Look) -> bool:
    known: Mapping[str, bool] = {
        "indicator": look.of in INDICATORS,
        "series": look.of in series.indicators(),
        "endpoint": (look.of, look.section) in SECTIONS,
        "metric": look.of in COUNTERS,
    }
    return known.get(look.kind, look.of == "")


def test_a_runbook_is_read_as_it_is_written() -> None:
    book = runbooks.decode("orders-unknown", BOOK)
    assert [len(step.looks) for step in book.steps] == [2, 0]
    assert book.steps[0].looks[0] == Look("endpoint", "trading", "unknown_orders", 86_400)
    assert [(each.kind, each.of, each.held_s, str(each.bound)) for each in book.checks] == [
        ("indicator", "trading_execution.unknown_age", 300, "> 10"),
        ("alerts", "", 60, "None"),
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("title:", "name:"), "title is missing"),
        (("steps:", "steps: []\nx:"), "unknown field x"),
        (("  - do: Ask the exchange.", "  - ask: them"), "step 2: do is missing"),
        (("section: unknown_orders, ", ""), "step 1, look 1: section is missing"),
        (("window: 1d", "window: long"), "window must be a length"),
        (("window: 1d", "windows: 1d"), "unknown field windows"),
        (("{services: true}", "{people: true}"), "look 2: must have one of"),
        (("{services: true}", "services"), "look 2: must have one of"),
        (("{services: true}", "{services: 3}"), "services must be a text"),
        (('bound: "> 10"', "bound: much"), "check 1: bound must be"),
        (("held: 5m", "hold: 5m"), "held is missing"),
        (("held: 5m", "held: 0m"), "held must be a length"),
        (("means: Nobody", "means: Nobody\nalso: Nobody"), "unknown field also"),
        (("title: Orders", "title: {Orders"), "no YAML"),
    ],
)
def test_what_is_no_runbook_is_refused_by_place(change: tuple[str, str], named: str) -> None:
    assert change[0] in BOOK
    with pytest.raises(RunbookError, match=named) as refused:
        runbooks.decode("orders-unknown", BOOK.replace(*change, 1))
    assert str(refused.value).startswith("orders-unknown")


@pytest.mark.parametrize("name", ["Orders", "orders_unknown", "../orders", ""])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(RunbookError):
        runbooks.decode(name, BOOK)
