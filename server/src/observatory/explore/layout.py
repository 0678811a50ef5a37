"""A trace as it is drawn: spans below their parents with what each took, and the same folded into a flame.

Clocks of two processes are never quite equal. A span of another process that seems to have begun before the call that
it answers, or ended after it, tells by how much at least: it is drawn in the middle of the call, and that is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from observatory.explore.groups import Place, places
from observatory.explore.model import Hop, Key, Span, Stretch
from observatory.explore.paths import Tree, critical_of, self_times, tree

MOST_FRAMES = 2_000
# What two clocks may differ without anybody having to be told.
_SKEW_NS = 1_000_000
_NS = 1e6


@dataclass(frozen=True, slots=True)
class Bar:
    """A span in a waterfall.

    Attributes:
        span: its times as they were recorded.
        depth: 0 for a root.
        offset_ms: from the start of the trace to its start, in ms, clocks set right.
        self_ms: in which none of the children ran that it waited for, in ms.
        critical_ms: its own part of the critical path, in ms; 0 when it is not on it.
        hop: how it hangs on what is above it.
        missing_parent: whether its parent is none of the spans.
    """

    span: Span
    depth: int
    offset_ms: float
    self_ms: float
    critical_ms: float
    hop: Hop
    missing_parent: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in a flame: all spans with the same way from the root, by service and operation.

    Attributes:
        place: the way.
        calls: how many spans.
        total_ms: what they took together, in ms.
        self_ms: their own part, in ms.
        failed: how many failed.
    """

    place: Place
    calls: int
    total_ms: float
    self_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Skew:
    """Two processes whose clocks differ.

    Attributes:
        caller, callee: services.
        offset_ms: by how much the callee's clock is ahead of the caller's, in ms; the median over their calls.
        calls: from how many calls that is known.
    """

    caller: str
    callee: str
    offset_ms: float
    calls: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A trace as it is drawn.

    Attributes:
        start_ns: of its first span, clocks set right, Unix time in ns.
        duration_ms: from there to the end of its last span, in ms.
        bars: in the order of a waterfall.
        frames: those with the most time of their own first.
        path: the critical path.
        skews: clocks that were set right.
        missing: how many spans have a parent that is not there.
    """

    start_ns: int
    duration_ms: float
    bars: Sequence[Bar]
    frames: Sequence[Frame]
    path: Sequence[Stretch]
    skews: Sequence[Skew]
    missing: int


def lay_out(spans: Iterable[Span]) -> Layout | None:
    """Draw a trace; None without spans."""
    recorded = list(spans)
    settled, skews = settle(recorded)
    made = tree(settled)
    if not made.spans:
        return None
    start_ns = min(span.start_ns for span in made.spans.values())
    end_ns = max(span.end_ns for span in made.spans.values())
    own, path = self_times(made), critical_of(made)
    on_path = {stretch.span.key: stretch.self_ms for stretch in path}
    first: dict[Key, Span] = {}
    for span in recorded:
        first.setdefault(span.key, span)
    missing = set(made.missing)
    bars = [
        Bar(
            first[key],
            depth,
            (made.spans[key].start_ns - start_ns) / _NS,
            own[key] / _NS,
            on_path.get(key, 0.0),
            made.hops[key],
            key in missing,
        )
        for key, depth in _ordered(made)
    ]
    return Layout(start_ns, (end_ns - start_ns) / _NS, bars, _frames(made, own), path, skews, len(missing))


def _ordered(made: Tree) -> Iterable[tuple[Key, int]]:
    """Spans as a waterfall has them: each above its children, those in the order of their starts."""
    roots = [key for key in made.spans if key not in made.parents]
    stack = [(key, 0) for key in sorted(roots, key=lambda key: made.spans[key].start_ns, reverse=True)]
    while stack:
        key, depth = stack.pop()
        yield key, depth
        below = sorted(made.children.get(key, ()), key=lambda span: span.start_ns, reverse=True)
        stack += [(child.key, depth + 1) for child in below]


def _frames(made: Tree, own: dict[Key, int]) -> Sequence[Frame]:
    folded: dict[Place, list[Key]] = defaultdict(list)
    for key, place in places(made).items():
        folded[place].append(key)
    frames = [
        Frame(
            place,
            len(keys),
            sum(made.spans[key].duration_ns for key in keys) / _NS,
            sum(own[key] for key in keys) / _NS,
            sum(made.spans[key].failed for key in keys),
        )
        for place, keys in folded.items()
    ]
    return sorted(frames, key=lambda frame: (-frame.self_ms, frame.place))[:MOST_FRAMES]


def settle(spans: Sequence[Span]) -> tuple[list[Span], list[Skew]]:
    """Set clocks right where a call shows that they differ.

    Only where one process calls another and waits (`Client` above `Server`) is it known that the one lies in the other;
    a span of the same process has the same clock. What lies below a span that was moved is moved with it.
    """
    known = {span.key: span for span in spans}
    offsets: dict[Key, int] = {}
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for span in known.values():
        above = known.get((span.trace_id, span.parent_id)) if span.parent_id else None
        if above is None or not _waits(above, span):
            continue
        offset = _offset(above, span)
        if offset:
            offsets[span.key] = offset
            told[(above.service, span.service)].append(offset)
    if not offsets:
        return list(spans), []
    skews = [
        Skew(caller, callee, sorted(each)[len(each) // 2] / _NS, len(each)) for (caller, callee), each in told.items()
    ]
    found: dict[Key, int] = {}
    return [replace(span, start_ns=span.start_ns - _moved(span, known, offsets, found)) for span in spans], skews


def _waits(above: Span, span: Span) -> bool:
    if (above.kind, span.kind) != ("Client", "Server"):
        return False
    return not above.instance or not span.instance or above.instance != span.instance


def _offset(above: Span, span: Span) -> int:
    before, after = above.start_ns - span.start_ns, span.end_ns - above.end_ns
    if span.duration_ns > above.duration_ns or max(before, after) <= _SKEW_NS:
        return 0
    return span.start_ns - (above.start_ns + (above.duration_ns - span.duration_ns) // 2)


def _moved(span: Span, known: dict[Key, Span], offsets: dict[Key, int], found: dict[Key, int]) -> int:
    """By how much a span is moved, with all that is above it."""
    way: list[Span] = []
    seen: set[Key] = set()
    above: Span | None = span
    while above is not None and above.key not in found and above.key not in seen:
        way.append(above)
        seen.add(above.key)
        above = known.get((above.trace_id, above.parent_id)) if above.parent_id else None
    moved = found.get(above.key, 0) if above is not None else 0
    for each in reversed(way):
        moved += offsets.get(each.key, 0)
        found[each.key] = moved
    return moved
