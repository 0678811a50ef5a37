"""Each kind of fault says which rules have to fire on it, of which members, how soon; and how that is judged."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_scenes import AT, alert, later

from observatory import alerting, areas, catalogue
from observatory.alerting import Rule, files
from observatory.model.alert import Severity
from observatory.replay import Fire
from observatory_universe.faults import KINDS

from .trials import fitting

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))
from alerts import expected

ENDS = later(180)
UNTIL = later(2_000)


@pytest.fixture(scope="module")
def rules() -> Mapping[str, Rule]:
    known = alerting.known(areas.load(), catalogue.load())
    return {each.rule.id: each.rule for each in files.shipped(known)}


def test_every_kind_of_fault_says_what_has_to_fire_and_what_is_none_says_nothing() -> None:
    assert set(expected.expected()) == {kind.id for kind in KINDS.values() if kind.is_fault}


def test_the_rules_are_shipped_and_call_somebody(rules: Mapping[str, Rule]) -> None:
    for kind, each in expected.expected().items():
        for pattern in each.members:
            found = [rule for name, rule in rules.items() if fnmatchcase(name, pattern)]
            assert found, f"{kind}: no rule {pattern}"
            assert any(rule.severity is not Severity.INFO for rule in found), f"{kind}: {pattern} calls nobody"


def test_the_rules_are_those_of_the_areas_that_have_to_show_it(rules: Mapping[str, Rule]) -> None:
    for kind, fits in fitting().items():
        named = [name for name in rules if any(fnmatchcase(name, each) for each in expected.expected()[kind].members)]
        assert {rules[name].area for name in named} <= set(fits.areas), kind


def fire(rule: str, member: str = "", after_s: float = 30, lasts_s: float | None = 400, **fields: Any) -> Fire:
    at = later(after_s)
    ended = None if lasts_s is None else later(after_s + lasts_s)
    return Fire(replace(alert(rule, member, at), **fields), at, ended, UNTIL)


def judged(kind: str, rules: Mapping[str, Rule], *fires: Fire) -> expected.Outcome:
    return expected.judge(kind, AT, ENDS, fires, rules, UNTIL)


REJECTED = "trading_execution.exchange_execution_success.critical"


def test_the_right_rule_on_the_right_member_in_time_and_over_after_it_is_good(rules: Mapping[str, Rule]) -> None:
    found = judged("exchange_rejects", rules, fire(REJECTED, "kraken"), fire("service.down", "oauth_service"))
    assert (found.rule, found.member, found.after_s, found.over_s) == (REJECTED, "kraken", 30, 250)
    assert (found.wrong, found.in_time, found.resolved, found.good) == ((), True, True, True)


@pytest.mark.parametrize(
    ("fires", "missing"),
    [
        ([], "in_time"),
        ([fire("service.down", "oauth_service")], "in_time"),
        ([fire(REJECTED, "kraken", after_s=130)], "in_time"),
        ([fire(REJECTED, "kraken", after_s=-5)], "in_time"),
        ([fire(REJECTED, "kraken", severity=Severity.INFO)], "in_time"),
        ([fire(REJECTED, "no venue")], "in_time"),
        ([fire(REJECTED, "kraken", lasts_s=None)], "resolved"),
        ([fire(REJECTED, "kraken", lasts_s=1_500)], "resolved"),
    ],
)
def test_what_is_not_as_it_has_to_be_is_not_good(rules: Mapping[str, Rule], fires: list[Fire], missing: str) -> None:
    found = judged("exchange_rejects", rules, *fires)
    assert not getattr(found, missing)
    assert not found.good


def test_a_member_that_is_not_named_is_told_beside_the_right_one(rules: Mapping[str, Rule]) -> None:
    found = judged("smtp_down", rules, *(fire(f"{CHANNELS}.critical", each) for each in ("email", "telegram")))
    assert (found.member, found.wrong, found.in_time, found.good) == ("email", ("telegram",), True, False)


CHANNELS = "signal_intelligence.channel_delivery_success"


def test_what_was_not_looked_at_for_long_enough_is_not_judged(rules: Mapping[str, Rule]) -> None:
    fires = [fire("credits.duplicate_entries.critical", lasts_s=None)]
    found = expected.judge("double_charge", AT, ENDS, fires, rules, later(900))
    assert (found.resolved, found.good) == (None, True), "its window is an hour"


def test_on_what_is_no_fault_nothing_may_fire(rules: Mapping[str, Rule]) -> None:
    assert judged("quiet_market", rules).good
    assert not judged("quiet_market", rules, fire("service.down", "oauth_service")).good


def test_the_table_has_a_line_for_each_kind(rules: Mapping[str, Rule]) -> None:
    outcomes = [judged("exchange_rejects", rules, fire(REJECTED, "kraken")), judged("quiet_market", rules)]
    assert expected.table([*outcomes, judged("smtp_down", rules)]).row_count == 3


def test_a_kind_that_there_is_not_is_refused() -> None:
    for entry in ({"no_kind": {"rules": {"a": "whole"}}}, {"smtp_down": {"rules": {"a": "targets"}}}):
        ((kind, told),) = yaml.safe_load(yaml.safe_dump(entry)).items()
        with pytest.raises(ValueError, match=kind):
            expected._decoded(kind, told)
    assert timedelta(seconds=expected.expected()["smtp_down"].within_s) == timedelta(minutes=2)
