"""Which faults can be tried at once: those that leave each other's marks alone.

What a fault moves is declared with it in `kinds.yaml`: the areas that must show it and those that may. Two faults go
together when neither moves, nor may move, an area in which the other has to show. What areas do not say stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory_universe.faults import KINDS

# Changes how much there is of everything, or how late it comes.
ALONE = {
    "cpu_hog": "all services of the process wait for it",
    "quiet_market": "what has no market event has no signal and no order",
    "traffic_growth": "there is more of everything",
}
# Pairs that share a mark, or of which one takes away what shows the other.
APART = {
    frozenset({"deployment_regression", "planned_deployment"}): "both are told by the event of a deployment",
}


def collide(one: str, other: str) -> bool:
    """Whether one of the two could show, or hide, the mark of the other."""
    if {one, other} & ALONE.keys() or frozenset({one, other}) in APART:
        return True
    first, second = KINDS[one], KINDS[other]
    moved_by_first, moved_by_second = (set(kind.expected + kind.permitted) for kind in (first, second))
    return bool(moved_by_first & set(second.expected) or moved_by_second & set(first.expected))


def grouped(bounds_s: Mapping[str, float]) -> list[list[str]]:
    """The kinds in groups that can be tried at once; the same ones each time.

    Args:
        bounds_s: within how many seconds each kind has to show. The slow ones come first, so that they wait together.
    """
    conflicts = {kind: sum(collide(kind, other) for other in bounds_s if other != kind) for kind in bounds_s}
    groups: list[list[str]] = []
    for kind in sorted(bounds_s, key=lambda kind: (-bounds_s[kind], -conflicts[kind], kind)):
        room = next((group for group in groups if not _collides(kind, group)), None)
        if room is None:
            groups.append([kind])
        else:
            room.append(kind)
    return groups


def _collides(kind: str, group: Sequence[str]) -> bool:
    return any(collide(kind, other) for other in group)
