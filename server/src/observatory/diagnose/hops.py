"""Critical paths of many traces taken together, those of now against the usual ones. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import fsum

from observatory.diagnose.diagnosis import Hop
from observatory.explore.model import Key, Span
from observatory.explore.paths import Tree, critical_of, tree

_MOST_HOPS = 50
Place = tuple[str, str]


@dataclass(slots=True)
class Group:
    """One group of traces.

    Attributes:
        traces: how many have the subject in them.
        ms: by place, time on the path in each trace that has it there.
        failed: by place, in how many traces a failure began there.
        hops: by place, how paths come to it.
        whole_ms: what each trace's path took.
        bad: whether each trace failed, in the same order.
    """

    traces: int = 0
    ms: dict[Place, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: Counter[Place] = field(default_factory=Counter)
    hops: dict[Place, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    whole_ms: list[float] = field(default_factory=list)
    bad: list[bool] = field(default_factory=list)


# Whether a span is the subject's own; None: a trace as a whole is.
Own = Callable[[Span], bool] | None


def gather(traces: Iterable[Sequence[Span]], own: Own) -> Group:
    """The critical paths of a group of traces, each up to the end of the subject's first span in it."""
    group = Group()
    for spans in traces:
        made = tree(spans)
        end = _end(made, own)
        if own is not None and end is None:
            group.whole_ms.append(0.0)
            group.bad.append(False)
            continue
        inside = _inside(made, end) if end is not None else None
        group.traces += 1
        times: dict[Place, list[float]] = defaultdict(list)
        for each in critical_of(made, end):
            if inside is None or each.span.key in inside:
                place = (each.span.service, each.span.name)
                wait = 0.0 if end is not None and each.span is end else each.wait_ms
                times[place].append(each.self_ms + wait)
                group.hops[place][each.hop.value] += 1
        for place, parts in times.items():
            group.ms[place].append(fsum(parts))
        group.whole_ms.append(fsum(part for parts in times.values() for part in parts))
        group.bad.append(_failures(made, inside, end, group))
    return group


def _end(made: Tree, own: Own) -> Span | None:
    if own is None:
        return None
    found = [span for span in made.spans.values() if own(span)]
    # The outermost: of nested ones the first to begin.
    return min(found, key=lambda span: (span.start_ns, -span.duration_ns, span.key), default=None)


def _inside(made: Tree, top: Span) -> frozenset[Key]:
    found = {top.key}
    stack = [top.key]
    while stack:
        for child in made.children.get(stack.pop(), ()):
            if child.key not in found:
                found.add(child.key)
                stack.append(child.key)
    return frozenset(found)


def _failures(made: Tree, inside: frozenset[Key] | None, end: Span | None, group: Group) -> bool:
    """Count where failures began: in failed spans none of whose children failed."""
    places = set()
    for key, span in made.spans.items():
        begun = span.failed and not any(child.failed for child in made.children.get(key, ()))
        if begun and (inside is None or key in inside):
            places.add((span.service, span.name))
    group.failed.update(places)
    if end is not None:
        return end.failed
    return any(span.failed for key, span in made.spans.items() if key not in made.parents)


def compare(usual: Group, now: Group) -> tuple[Hop, ...]:
    """Every place on the paths, what was added most first; shares are of all that was added, or failed more."""
    places = sorted({*usual.ms, *now.ms, *usual.failed, *now.failed})
    if not now.traces:
        return ()
    rows = [(place, *_both(usual, now, place)) for place in places]
    added = fsum(max(after - before, 0.0) for _, before, after, _, _ in rows) if usual.traces else 0.0
    failed = fsum(max(after - before, 0.0) for *_, before, after in rows) if usual.traces else 0.0
    found = [
        Hop(
            service=place[0],
            operation=place[1],
            hop=_most(now.hops.get(place) or usual.hops.get(place)),
            usual_ms=round(before, 3),
            now_ms=round(after, 3),
            added_ms=round(after - before, 3),
            added_ratio=round(max(after - before, 0.0) / added, 4) if added > 0 else None,
            usual_failed=round(was, 4),
            now_failed=round(is_, 4),
            failed_ratio=round(max(is_ - was, 0.0) / failed, 4) if failed > 0 else None,
            traces=len(now.ms.get(place, ())),
        )
        for place, before, after, was, is_ in rows
    ]
    found.sort(
        key=lambda each: (
            -max(each.added_ratio or 0, each.failed_ratio or 0),
            -each.now_ms,
            each.service,
            each.operation,
        )
    )
    return tuple(found[:_MOST_HOPS])


def _both(usual: Group, now: Group, place: Place) -> tuple[float, float, float, float]:
    before, after = (fsum(group.ms.get(place, ())) / max(group.traces, 1) for group in (usual, now))
    was, is_ = (group.failed[place] / max(group.traces, 1) for group in (usual, now))
    return before, after, was, is_


def _most(hops: Counter[str] | None) -> str:
    return min(hops, key=lambda each: (-hops[each], each)) if hops else "call"
