"""Who calls whom, as matrices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose.grid import Flags

# Trouble is followed over so many calls; each further one explains this much as well.
_FURTHEST = 5
_FADES = 0.9


@dataclass(frozen=True, slots=True)
class Topology:
    """Attributes:
    calls: row calls column directly.
    explains: how well trouble of the column explains trouble of the row, 0 to 1, by the number of calls between.
    known: there is a call at all.
    """

    calls: Flags
    explains: Floats
    known: bool

    @property
    def below(self) -> Flags:
        """The row calls the column, over others too."""
        return self.explains > 0


def build(services: Sequence[str], edges: Iterable[tuple[str, str]]) -> Topology:
    """Matrices in the order of `services`. Calls of oneself and of others that are not among them are passed over."""
    place = {service: n for n, service in enumerate(services)}
    calls = np.zeros((len(services), len(services)), dtype=bool)
    for caller, callee in edges:
        if caller in place and callee in place and caller != callee:
            calls[place[caller], place[callee]] = True
    explains, reached, fade = np.zeros(calls.shape), calls.copy(), 1.0
    for _ in range(_FURTHEST):
        explains = np.maximum(explains, reached * fade)
        reached, fade = (reached.astype(np.float32) @ calls.astype(np.float32)) > 0, fade * _FADES
    np.fill_diagonal(explains, 0.0)
    return Topology(calls, explains, bool(calls.any()))
