"""The live service graph: who called whom over the last minutes, as the newest round saw it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from observatory.model import Edge, Snapshot

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Graph:
    """Who calls whom.

    Attributes:
        calls: pairs of caller and callee.
    """

    calls: frozenset[tuple[str, str]] = frozenset()

    def callers(self, service: str) -> frozenset[str]:
        """Services that call it."""
        return self._callers.get(service, _NOBODY)

    def callees(self, service: str) -> frozenset[str]:
        """Services that it calls."""
        return self._callees.get(service, _NOBODY)

    def neighbours(self, service: str) -> frozenset[str]:
        """Both, itself not included."""
        return (self.callers(service) | self.callees(service)) - {service}

    def depends(self, service: str, on: str) -> bool:
        """Whether it calls the other, directly."""
        return (service, on) in self.calls

    @cached_property
    def _callers(self) -> Mapping[str, frozenset[str]]:
        return _by((callee, caller) for caller, callee in self.calls)

    @cached_property
    def _callees(self) -> Mapping[str, frozenset[str]]:
        return _by(self.calls)


# The graph of an environment, now. What reads it never keeps it: the next round has another.
Graphs = Callable[[str], Graph]


def of(edges: Iterable[Edge]) -> Graph:
    """The graph of a round's edges; a service that calls itself says nothing."""
    return Graph(frozenset((edge.caller, edge.callee) for edge in edges if edge.caller != edge.callee))


def live(newest: Callable[[str], Snapshot | None]) -> Graphs:
    """Read the graph from the newest snapshot of an environment; empty before the first round.

    Args:
        newest: the newest snapshot of an environment, None without one.
    """
    kept: dict[str, tuple[Snapshot, Graph]] = {}

    def read(environment: str) -> Graph:
        snapshot = newest(environment)
        if snapshot is None:
            return Graph()
        known = kept.get(environment)
        if known is None or known[0] is not snapshot:
            known = kept[environment] = (snapshot, of(snapshot.edges))
        return known[1]

    return read


def _by(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}
