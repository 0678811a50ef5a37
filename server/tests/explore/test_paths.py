"""Critical paths and own times, over trees as they come."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.explore import Hop, Span, critical
from observatory.explore.layout import lay_out, settle
from observatory.explore.paths import main_root, self_times, tree

MS = 1_000_000


def span(
    name: str, parent: str, start: float, ms: float, kind: str = "Internal", trace: str = "t", **more: object
) -> Span:
    made = Span(trace, name, parent, "service", name, kind, int(start * MS), int(ms * MS))
    return replace(made, **more)  # type: ignore[arg-type]


def path(spans: list[Span], end: str = "") -> dict[str, tuple[float, float, Hop]]:
    found = critical(spans, ("t", end) if end else None)
    return {each.span.span_id: (each.self_ms, each.wait_ms, each.hop) for each in found}


@st.composite
def nested(draw: st.DrawFn) -> list[Span]:
    """A tree of calls, each within its parent, in any order."""
    rolls = random.Random(draw(st.integers(0, 2**32)))
    spans = [Span("t", "0", "", "service", "0", "Server", 1_000, rolls.randint(0, 10**9))]
    for number in range(1, draw(st.integers(1, 40))):
        above = rolls.choice(spans)
        start = above.start_ns + rolls.randint(0, above.duration_ns)
        length = rolls.randint(0, above.end_ns - start)
        spans.append(Span("t", str(number), above.span_id, "service", str(number), "Internal", start, length))
    rolls.shuffle(spans)
    return spans


@st.composite
def anything(draw: st.DrawFn) -> list[Span]:
    """Spans as broken senders may send them: rings, parents that are missing, ids twice, links to and fro."""
    name = st.integers(0, 12).map(str)
    return [
        Span(
            draw(st.sampled_from(("t", "u"))),
            draw(name),
            draw(st.one_of(st.just(""), name)),
            "service",
            "same",
            draw(st.sampled_from(("Internal", "Consumer", "Producer", "Client", "Server"))),
            draw(st.integers(0, 1_000)) * MS,
            draw(st.integers(0, 1_000)) * MS,
            links=tuple((draw(st.sampled_from(("t", "u"))), draw(name)) for _ in range(draw(st.integers(0, 2)))),
        )
        for _ in range(draw(st.integers(0, 14)))
    ]


@given(nested())
@settings(max_examples=200, deadline=None)
def test_the_path_of_nested_calls_is_as_long_as_their_root(spans: list[Span]) -> None:
    root = next(each for each in spans if not each.parent_id)
    found = critical(spans)
    assert sum(each.self_ms for each in found) == pytest.approx(root.duration_ns / MS, abs=1e-6)
    assert all(each.self_ms >= 0 and each.wait_ms == 0 for each in found)
    assert len({each.span.key for each in found}) == len(found)


@given(nested())
@settings(max_examples=100, deadline=None)
def test_own_time_is_what_no_child_covers(spans: list[Span]) -> None:
    made = tree(spans)
    for key, own in self_times(made).items():
        each = made.spans[key]
        edges = sorted({each.start_ns, each.end_ns, *(t for c in made.children[key] for t in (c.start_ns, c.end_ns))})
        covered = sum(
            after - before
            for before, after in pairwise(edges)
            if any(c.start_ns <= before and after <= c.end_ns for c in made.children[key])
        )
        assert own == each.duration_ns - covered


@given(anything())
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_there_is_a_path_without_negative_times(spans: list[Span]) -> None:
    found = critical(spans)
    drawn = lay_out(spans)
    assert (drawn is None) is (not spans)
    assert all(each.self_ms >= 0 and each.wait_ms >= 0 for each in found)
    if drawn:
        keys = {each.key for each in spans}
        assert {bar.span.key for bar in drawn.bars} == keys
        assert len(drawn.bars) == len(keys)
        first = main_root(tree(spans))
        last = max(found, key=lambda each: each.span.end_ns).span if found else first
        earliest = min(each.start_ns for each in spans)
        assert sum(each.self_ms + each.wait_ms for each in found) <= (last.end_ns - earliest) / MS + 1e-6


def test_the_child_that_ended_last_was_waited_for() -> None:
    spans = [span("r", "", 0, 100), span("a", "r", 10, 30), span("b", "r", 50, 40), span("c", "b", 60, 20)]
    spans.append(span("beside", "r", 45, 10))
    assert path(spans) == {
        "r": (30, 0, Hop.ROOT),
        "a": (30, 0, Hop.CALL),
        "b": (20, 0, Hop.CALL),
        "c": (20, 0, Hop.CALL),
    }


def test_what_was_set_off_is_waited_for_only_by_what_comes_after() -> None:
    spans = [span("r", "", 0, 100), span("p", "r", 80, 10, "Producer"), span("c", "p", 200, 50, "Consumer")]
    assert path(spans) == {"r": (80, 0, Hop.ROOT), "p": (10, 0, Hop.CALL), "c": (50, 110, Hop.MESSAGE)}
    assert path(spans, end="r") == {"r": (90, 0, Hop.ROOT), "p": (10, 0, Hop.CALL)}


def test_a_link_leads_into_another_trace() -> None:
    spans = [span("r", "", 0, 100), span("x", "", 300, 40, trace="u", links=(("t", "r"),))]
    found = critical(spans)
    assert [(each.span.span_id, each.self_ms, each.wait_ms, each.hop) for each in found] == [
        ("r", 100, 0, Hop.ROOT),
        ("x", 40, 200, Hop.LINK),
    ]


def test_of_several_that_set_it_off_the_last_was_waited_for() -> None:
    spans = [span("a", "", 0, 10), span("b", "", 0, 60), span("x", "", 100, 5, links=(("t", "a"), ("t", "b")))]
    found = critical(spans, ("t", "x"))
    assert [(each.span.span_id, each.wait_ms) for each in found] == [("b", 0), ("x", 40)]


def test_a_task_that_outlives_its_parent_was_not_waited_for() -> None:
    spans = [span("r", "", 0, 100), span("task", "r", 90, 200)]
    assert path(spans, end="r") == {"r": (100, 0, Hop.ROOT)}
    assert path(spans) == {"r": (90, 0, Hop.ROOT), "task": (200, 0, Hop.MESSAGE)}


def test_a_span_without_its_parent_hangs_on_the_root_during_which_it_ran() -> None:
    spans = [span("r", "", 0, 100), span("lost", "gone", 20, 50)]
    assert path(spans) == {"r": (50, 0, Hop.ROOT), "lost": (50, 0, Hop.GAP)}
    assert tree(spans).missing == [("t", "lost")]


def test_ten_thousand_spans_deep_is_no_trouble() -> None:
    spans = [span("0", "", 0, 20_000)]
    spans += [span(str(n), str(n - 1), n, 20_000 - 2 * n) for n in range(1, 5_000)]
    found = critical(spans)
    assert len(found) == 5_000
    drawn = lay_out(spans)
    assert drawn is not None
    assert drawn.bars[-1].depth == 4_999


def test_only_a_call_between_processes_tells_of_clocks() -> None:
    call = span("call", "", 0, 100, "Client", instance="one")
    answer = span("answer", "call", -50, 80, "Server", instance="two")
    moved, skews = settle([call, answer])
    assert [each.start_ns for each in moved] == [0, 10 * MS]
    assert [(each.offset_ms, each.calls) for each in skews] == [(-60.0, 1)]
    assert settle([call, replace(answer, instance="one")])[1] == []
    assert settle([call, replace(answer, duration_ns=200 * MS)])[1] == []
