"""Critical paths: of all that happened in a trace, what its end waited for.

path = critical(spans)                 # to the end of what happened last
path = critical(spans, end=root)       # to the end of one span

A parent waits for a child that ends before it does. It does not wait for a consumer, nor for a child that goes on after
it: those were only set off by it, and a path that ends in one of them goes on from the moment it was set off, with the
time in between as a wait. So does a path that comes to a span with links, which may be of another trace.

Walking back from the end, the child that ended last is what was waited for until then; before its start it is the one
that ended last before that, and so on (Y.-Q. Zhang et al., CRISP, USENIX ATC 2022, section 3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from observatory.explore.model import Hop, Key, Span, Stretch

# What a span may seem to go on after its parent and yet be waited for: clocks of two processes are never quite equal.
_SLACK_NS = 1_000_000
_NS = 1e6


@dataclass(slots=True)
class Tree:
    """Spans by how they hang together.

    Attributes:
        spans: each span once, by its key.
        parents: by the key of a child, its parent, where that was found.
        children: by the key of a span, its children, the one that ended last first.
        hops: how each span hangs on what is above it.
        missing: keys of spans whose parent was not found.
    """

    spans: dict[Key, Span]
    parents: dict[Key, Span] = field(default_factory=dict)
    children: dict[Key, list[Span]] = field(default_factory=lambda: defaultdict(list))
    hops: dict[Key, Hop] = field(default_factory=dict)
    missing: list[Key] = field(default_factory=list)


def tree(spans: Iterable[Span]) -> Tree:
    """Hang spans together. Of two with one id the first counts; a ring of parents is cut at its earliest span."""
    known: dict[Key, Span] = {}
    for span in spans:
        known.setdefault((span.trace_id, span.span_id), span)
    made = Tree(known)
    parents, hops = made.parents, made.hops
    for key, span in known.items():
        above = known.get((span.trace_id, span.parent_id)) if span.parent_id else None
        if above is not None and above is not span:
            parents[key] = above
            hops[key] = _hop(span, above)
        else:
            hops[key] = Hop.ROOT
            if span.parent_id:
                made.missing.append(key)
    _cut_rings(made)
    _put_below(made)
    for key, above in parents.items():
        made.children[above.key].append(known[key])
    for below in made.children.values():
        below.sort(key=_end, reverse=True)
    return made


def _hop(span: Span, above: Span) -> Hop:
    if span.kind == "Consumer" or span.start_ns >= above.end_ns > above.start_ns:
        return Hop.MESSAGE
    return Hop.MESSAGE if span.end_ns > above.end_ns + _SLACK_NS else Hop.CALL


def _cut_rings(made: Tree) -> None:
    safe: set[Key] = set()
    for first in list(made.parents):
        way: list[Key] = []
        seen: set[Key] = set()
        key = first
        while key not in safe and key in made.parents:
            if key in seen:
                ring = way[way.index(key) :]
                key = min(ring, key=lambda each: (made.spans[each].start_ns, each))
                del made.parents[key]
                made.hops[key] = Hop.ROOT
                made.missing.append(key)
                break
            seen.add(key)
            way.append(key)
            key = made.parents[key].key
        safe.update(way)


def _put_below(made: Tree) -> None:
    """A span whose parent is missing hangs on the root of its trace during which it ran, if there is one."""
    if not made.missing:
        return
    roots: dict[str, Span] = {}
    for key in sorted(made.hops, key=lambda each: made.spans[each].start_ns):
        if made.hops[key] is Hop.ROOT and not made.spans[key].parent_id:
            roots.setdefault(key[0], made.spans[key])
    for key in made.missing:
        root, span = roots.get(key[0]), made.spans[key]
        if root and root.start_ns <= span.start_ns and span.end_ns <= root.end_ns + _SLACK_NS:
            made.parents[key] = root
            made.hops[key] = Hop.GAP


def _end(span: Span) -> int:
    return span.start_ns + span.duration_ns


def critical(spans: Iterable[Span], end: Key | None = None) -> list[Stretch]:
    """The critical path of what these spans tell, in the order of time, each span once.

    Args:
        spans: of one trace, or of several that link to each other.
        end: trace id and span id at whose end the path ends. Without it the path begins at the main root, the earliest,
            and ends with whatever of that, or of what it set off, ended last.

    Returns:
        The stretches; their `self_ms` and `wait_ms` together are the time from the path's start to its end. Empty
        without spans, or when `end` is none of them.
    """
    made = tree(spans)
    if not made.spans:
        return []
    last = made.spans.get(end) if end else _last(made)
    return _Walk(made).to(last) if last else []


def critical_of(made: Tree, end: Span | None = None) -> list[Stretch]:
    """As `critical`, of spans that hang together already."""
    last = end or (_last(made) if made.spans else None)
    return _Walk(made).to(last) if last else []


def main_root(made: Tree) -> Span:
    """The earliest span that nothing known set off; a span without a parent before one whose parent is missing."""
    roots = [span for key, span in made.spans.items() if made.hops[key] is Hop.ROOT]
    unlinked = [span for span in roots if not any(link in made.spans for link in span.links)]
    return min(unlinked or roots, key=lambda span: (bool(span.parent_id), span.start_ns, span.key))


def _last(made: Tree) -> Span:
    first = main_root(made)
    tops = [span for key, span in made.spans.items() if made.hops[key] in (Hop.ROOT, Hop.MESSAGE)]
    if len(tops) == 1:
        return first
    triggers = _Triggers(made)
    reached = [top for top in tops if top is first or triggers.origin(top) is first]
    return max(reached, key=lambda span: (span.end_ns, span is first, span.key), default=first)


class _Triggers:
    """What set off the first span of what ran by itself."""

    def __init__(self, made: Tree) -> None:
        self._made = made
        self._linked: dict[Key, list[Span]] | None = None

    def of(self, top: Span) -> tuple[Span, Hop] | None:
        """The span that set `top` off, and how; None for a root that nothing known set off."""
        above = self._made.parents.get(top.key)
        if above is not None:
            # Several may have been waited for: what came last was what it waited for.
            others = [span for span in self._links(top) if span.end_ns > above.end_ns]
            return (max(others, key=_end), Hop.LINK) if others else (above, Hop.MESSAGE)
        found = self._links(top)
        if not found:
            for span in self._with_links().get(top.key, ()):
                found = [each for each in self._links(span) if _end(each) <= top.start_ns]
                if found:
                    break
        return (max(found, key=_end), Hop.LINK) if found else None

    def origin(self, top: Span) -> Span:
        """The root at which the chain of what set what off begins."""
        seen: set[Key] = set()
        while top.key not in seen:
            seen.add(top.key)
            before = self.of(top)
            if before is None:
                return top
            top = self.top(before[0])
        return top

    def top(self, span: Span) -> Span:
        """The span above it, or itself, that nobody waited for."""
        hops, parents = self._made.hops, self._made.parents
        while hops[span.key] in (Hop.CALL, Hop.GAP):
            span = parents[span.key]
        return span

    def _links(self, span: Span) -> list[Span]:
        known = self._made.spans
        found = [known[link] for link in span.links if link in known]
        # What began later set nothing off.
        return [each for each in found if each is not span and each.start_ns <= span.start_ns]

    def _with_links(self) -> dict[Key, list[Span]]:
        if self._linked is None:
            self._linked = defaultdict(list)
            for span in sorted(self._made.spans.values(), key=lambda each: each.start_ns):
                if span.links:
                    self._linked[self.top(span).key].append(span)
        return self._linked


class _Walk:
    """One walk back from the end of a path to its start."""

    def __init__(self, made: Tree) -> None:
        self._made = made
        self._triggers = _Triggers(made)
        self._self_ns: dict[Key, int] = {}
        self._waits: dict[Key, tuple[int, Hop]] = {}

    def to(self, last: Span) -> list[Stretch]:
        """The path that ends with the end of `last`."""
        span, cursor = last, last.end_ns
        gone: set[Key] = set()
        while True:
            top, cursor = self._climb(span, cursor)
            before = self._triggers.of(top) if top.key not in gone else None
            gone.add(top.key)
            if before is None or self._triggers.top(before[0]).key in gone:
                break
            span, hop = before
            reached = min(span.end_ns, cursor)
            self._waits[top.key] = (cursor - reached, hop)
            cursor = reached
        return self._stretches()

    def _climb(self, span: Span, cursor: int) -> tuple[Span, int]:
        """Back from `cursor` in a span to the start of the span above it that nobody waited for."""
        hops, parents = self._made.hops, self._made.parents
        while True:
            cursor = self._descend(span, cursor)
            if hops[span.key] not in (Hop.CALL, Hop.GAP):
                return span, cursor
            span = parents[span.key]

    def _descend(self, span: Span, cursor: int) -> int:
        """Back from `cursor` to the start of a span, through the children that it waited for."""
        hops, children, self_ns = self._made.hops, self._made.children, self._self_ns
        at = cursor
        # Not by recursion: traces may be thousands of spans deep. `floor` is where the way back through a span ends.
        floor = min(span.start_ns, at)
        stack = [(span, floor, iter(children.get(span.key, ())))]
        while stack:
            inner, floor, below = stack[-1]
            for child in below:
                key = child.key
                if hops[key] is Hop.MESSAGE or child.start_ns >= at:
                    continue
                ended = min(child.end_ns, inner.end_ns)
                if floor < ended <= at:
                    self_ns[inner.key] = self_ns.get(inner.key, 0) + at - ended
                    at = ended
                    stack.append((child, max(child.start_ns, floor), iter(children.get(key, ()))))
                    break
            else:
                self_ns[inner.key] = self_ns.get(inner.key, 0) + max(at - floor, 0)
                at = min(at, floor)
                stack.pop()
        return at

    def _stretches(self) -> list[Stretch]:
        spans, hops = self._made.spans, self._made.hops
        found = []
        for key in sorted(self._self_ns, key=lambda each: (spans[each].start_ns, -spans[each].duration_ns)):
            wait, hop = self._waits.get(key, (0, Hop.ROOT if hops[key] is Hop.MESSAGE else hops[key]))
            found.append(Stretch(spans[key], self._self_ns[key] / _NS, wait / _NS, hop))
        return found


def self_times(made: Tree) -> dict[Key, int]:
    """By span, the time in ns in which none of the children ran that it waited for: what the span itself took."""
    found = {}
    for key, span in made.spans.items():
        below = [each for each in made.children.get(key, ()) if made.hops[each.key] is not Hop.MESSAGE]
        found[key] = span.duration_ns - _covered(span, below) if below else span.duration_ns
    return found


def _covered(span: Span, below: Sequence[Span]) -> int:
    """Time in ns of a span in which at least one of these ran. They come with the last to end first."""
    covered, floor = 0, span.end_ns
    for each in below:
        # All that come later end no later, so only what is below the floor is new.
        end = min(each.end_ns, floor)
        start = max(each.start_ns, span.start_ns)
        if start < end:
            covered += end - start
            floor = start
    return covered
