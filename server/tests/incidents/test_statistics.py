"""Mean times, patterns, likeness, and the draft of a post-mortem: from incidents as they were kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from alert_scenes import AT, ends, fires, graphs, later

from observatory.incidents import Case, Entry, fold, postmortem, statistics
from observatory.incidents.impact import Impact, Number
from observatory.incidents.interval import Interval, before, of
from observatory.model import Measurement

DAY_S = 86_400.0


def incident(rule: str, after_s: float = 0, lasts_s: float | None = 300, **fields: Any) -> Case:
    (case,) = fold([], [fires(rule, after_s=after_s, **fields)], graphs).cases.values()
    if lasts_s is not None:
        (case,) = fold([case], [ends(rule, after_s=after_s + lasts_s, **fields)], graphs).cases.values()
    return case


def stamped(case: Case, **times: datetime) -> Case:
    return Case(replace(case.incident, **times), case.members)


def test_the_four_times_are_means_and_medians_of_what_is_known() -> None:
    cases = [
        stamped(incident("a", 0, 300), first_deviation_at=later(-60), acknowledged_at=later(30)),
        stamped(incident("b", 1_000, 600), first_deviation_at=later(980)),
        incident("c", 4_000, None),
    ]
    found = {each.id: each for each in statistics.times(cases)}
    mttd, mtta, mttr, mtbf = (found[name] for name in ("mttd", "mtta", "mttr", "mtbf"))
    assert (mttd.mean_s, mttd.median_s, mttd.samples, mttd.missing) == (40, 40, 2, 1)
    assert (mtta.mean_s, mtta.samples, mtta.missing) == (30, 1, 2)
    assert (mttr.mean_s, mttr.median_s, mttr.samples, mttr.missing, mttr.estimated) == (490, 490, 2, 1, 0)
    assert (mtbf.mean_s, mtbf.samples, mtbf.estimated) == ((1_040 + 3_020) / 2, 2, 1)


def test_without_samples_there_are_no_times() -> None:
    for each in statistics.times([]):
        assert (each.mean_s, each.median_s, each.samples) == (None, None, 0)
    assert [each.samples for each in statistics.times([incident("a")])] == [0, 0, 1, 0]


def test_a_start_from_the_first_bad_observation_is_told_as_estimated() -> None:
    (mttr,) = [each for each in statistics.times([incident("a", 0, 300)]) if each.id == "mttr"]
    assert (mttr.mean_s, mttr.estimated) == (300, 1)


def test_an_incident_that_was_merged_does_not_count_by_itself() -> None:
    merged = incident("a")
    merged = Case(replace(merged.incident, merged_into="x"), merged.members)
    assert [each.samples for each in statistics.times([merged])] == [0, 0, 0, 0]


def test_a_root_that_comes_back_is_a_pattern() -> None:
    cases = [incident("a", nth * DAY_S, episode=nth + 1) for nth in range(3)] + [incident("b", 10)]
    (found,) = statistics.recurrences(cases)
    assert (found.rule, len(found.incidents), found.mean_gap_s, found.mean_length_s) == ("a", 3, DAY_S, 300)
    assert statistics.hours(cases)[AT.hour] == 4
    assert sum(statistics.weekdays(cases).values()) == 4
    assert statistics.recurrences([]) == []


def test_incidents_are_alike_by_what_marks_them() -> None:
    orders = {"services": ("trade_execution_service",)}
    old, other = incident("a", 0, **orders), incident("x", 1_000, services=("ai_chat_engine",))
    new = incident("a", DAY_S, episode=2, **orders)
    (found,) = statistics.similar(new, [old, other, new])
    assert (found.case, found.likeness) == (old, 1.0)
    assert "root a" in found.shared
    assert statistics.similar(old, [new]) == [], "what came later teaches nothing"


def test_the_interval_is_as_long_before_as_during() -> None:
    case = stamped(incident("a", 0, 900), first_deviation_at=later(-100))
    during = of(case, later(5_000))
    assert (during.start, during.end, during.by) == (later(-100), later(900), "change_point")
    assert before(during) == Interval(later(-1_100), later(-100))
    assert of(incident("a", 0, 10), later(60)).length_s == 300


def number(value: float | None, samples: int) -> Measurement:
    return Measurement(value, "1", samples, 300, AT, "fact_orders")


@pytest.mark.parametrize(
    ("bad", "during", "earlier", "worse"),
    [("up", 3, 1, True), ("down", 3, 1, False), ("none", 3, 1, None), ("up", None, 1, None), ("up", 3, None, None)],
)
def test_worse_is_said_only_of_what_is_known(
    bad: str, during: float | None, earlier: float | None, worse: bool | None
) -> None:
    assert Number("x", "orders", "x", bad, number(during, 1), number(earlier, 1)).worse is worse


def test_a_draft_escapes_what_telemetry_says_and_has_evidence_for_each_line() -> None:
    case = incident("a", sentence="# all <b>bold</b> `x` [link](http://evil)\n# second")
    entries = [
        Entry(
            later(-60), "deployment", "deployment of x to *2*", "fact:fact_safety/deployment/x", "fact_safety", False
        ),
        Entry(AT, "opened", "incident opened", "incident-change:1", "incident_changes"),
    ]
    impact = Impact(
        Interval(AT, later(300)),
        Interval(later(-300), AT),
        (Number("orders", "orders", "orders sent", "down", number(None, 0), number(4, 4)),),
        (),
    )
    told = postmortem.write(case, entries, impact, [])
    facts = told.split("## To be written")[0].splitlines()
    lines = [line for line in facts if line and not line.startswith(("#", "A draft"))]
    assert all(line.startswith("- ") and line.endswith("]`") for line in lines)
    assert "<b>" not in told.replace("\\<b\\>", "")
    assert "\n# second" not in told
    assert "orders sent: not known (0 samples in 300 s); before 4 (4 samples)" in told
    assert "Changed 60 s before it began: deployment of x to \\*2\\*" in told
    assert "[incident-change:1]" in told
    assert postmortem.write(case, [], None, []).count("could not be measured") == 1
