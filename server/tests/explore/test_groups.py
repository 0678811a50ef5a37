"""Two groups of traces, place by place."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from explore_world import Sent, World

from observatory.explore import Change, Span, compare

MS = 1_000_000


def trace(number: int, rolls: random.Random, **of: float) -> list[Span]:
    """A request with a query, `calls` calls of a venue of `ms` each, and a check in a share of them."""
    calls, ms = int(of.get("calls", 2)), of.get("ms", 20.0)
    spans = [Span(f"{number:032x}", "r", "", "api", "get", "Server", 0, int(500 * MS))]
    spans.append(Span(spans[0].trace_id, "q", "r", "db", "query", "Client", MS, int(rolls.gauss(10, 1) * MS)))
    for place in range(calls):
        length = int(abs(rolls.gauss(ms, 2)) * MS)
        failed = rolls.random() < of.get("failed", 0)
        start = (20 + place * 40) * MS
        spans.append(Span(spans[0].trace_id, f"v{place}", "r", "venue", "ask", "Client", start, length, failed))
    if rolls.random() < of.get("checked", 1):
        spans.append(Span(spans[0].trace_id, "c", "r", "risk", "check", "Internal", 400 * MS, int(5 * MS)))
    return spans


def group(count: int, seed: int, **of: float) -> Sequence[Sequence[Span]]:
    rolls = random.Random(seed)
    return [trace(number, rolls, **of) for number in range(count)]


def changes(usual: Sequence[Sequence[Span]], now: Sequence[Sequence[Span]]) -> dict[str, Change]:
    return {each.place[-1][0]: each.change for each in compare(usual, now)}


@pytest.mark.parametrize(
    ("now", "place", "change"),
    [
        ({"ms": 60.0}, "venue", Change.SLOWER),
        ({"ms": 5.0}, "venue", Change.FASTER),
        ({"calls": 6}, "venue", Change.MORE_OFTEN),
        ({"calls": 1}, "venue", Change.LESS_OFTEN),
        ({"failed": 0.5}, "venue", Change.FAILING),
        ({"checked": 0}, "risk", Change.MISSING),
    ],
)
def test_what_became_of_a_place_is_found_and_nothing_else(now: dict[str, float], place: str, change: Change) -> None:
    found = changes(group(60, 1), group(60, 2, **now))
    # The request itself waits longer or shorter on its own for what is in it.
    assert found.pop("api") in (Change.SAME, Change.SLOWER, Change.FASTER)
    assert found.pop(place) is change
    assert set(found.values()) == {Change.SAME}


def test_what_is_new_is_said_to_be_added() -> None:
    assert changes(group(60, 1, checked=0), group(60, 2))["risk"] is Change.ADDED


def test_equal_groups_are_seldom_found_to_differ() -> None:
    found = [changes(group(40, seed), group(40, 1_000 + seed)) for seed in range(40)]
    assert sum(change is not Change.SAME for each in found for change in each.values()) <= 2


def test_a_handful_of_traces_is_not_enough() -> None:
    found = compare(group(3, 1), group(60, 2, ms=90.0))
    assert {each.change for each in found} == {Change.TOO_FEW}
    assert compare([], []) == []
    assert all(each.added_ms is None for each in compare([], group(9, 1)))


def test_what_is_added_adds_up_to_the_difference_of_the_traces() -> None:
    usual, now = group(50, 1), group(50, 2, ms=33.0, calls=3)
    found = compare(usual, now)
    assert sum(each.added_ms or 0.0 for each in found) == pytest.approx(0, abs=1e-6)
    assert found[0].place[-1] in (("venue", "ask"), ("api", "get"))


def test_two_groups_are_compared_at_the_server(world: World) -> None:
    def request(ms: float, model: str, ago: float) -> str:
        root = Sent("api", "get", 0, 20 + ms, values={"tenant": model})
        return str(world.trace(root, Sent("venue", "ask", 5, ms, root), ago=ago))

    slow = [request(80 + n, "new", 20 + n) for n in range(10)]
    usual = [request(10 + n / 10, "old", 20 + n) for n in range(10)]
    world.trace(Sent("other", "get", 0, 5), ago=30)
    by_filter = world.get("traces/compare", attribute="tenant=new", usual="attribute=tenant=old", operation="get")
    assert (by_filter["usual"]["traces"], by_filter["now"]["traces"], by_filter["enough"]) == (10, 10, True)
    by_service = world.get("traces/compare", traces=slow, usual_traces=usual)
    assert (by_service["usual"]["traces"], by_service["now"]["traces"], by_service["enough"]) == (10, 10, True)
    first = next(each for each in by_service["items"] if each["place"][-1] == "venue: ask")
    assert (first["change"], first["place"]) == ("slower", ["api: get", "venue: ask"])
    assert first["added_ms"] == pytest.approx(74, abs=1)
    by_time = world.get("traces/compare", from_ms=60, usual=["from_ms=", "to_ms=60"], service="api")
    assert (by_time["usual"]["traces"], by_time["now"]["traces"]) == (10, 10)
    assert by_time["counts"]["slower"] == 2
    only = world.get("traces/compare", traces=slow, usual_traces=usual, change="added")
    assert only["items"] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"usual": "colour=red"}, "usual"),
        ({"usual": "status=fine"}, "usual"),
        ({"usual": "from_ms=long"}, "usual"),
        ({"usual_from": "2026-01-02T03:04:05Z"}, "usual_from"),
        ({"traces": "abc"}, "traces"),
    ],
)
def test_a_bad_parameter_of_a_comparison_is_named(plain: World, query: dict[str, str], named: str) -> None:
    assert named in str(plain.get("traces/compare", expect=422, **query))
