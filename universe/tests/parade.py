"""Parades of faults: one universe in virtual time in which each happens, one after the other.

A third of the kinds of each group walk in every run of the tests, and the others in the long one.
"""

import asyncio
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from evidence import Evidence
from marks import MARKS

from observatory_universe.faults import GROUPS, KINDS
from observatory_universe.universe import Universe

_WARM_S: Final = 30
_ON_S: Final = 20
# What shows only by several signals or decisions.
_LONGER_S: Final = {"signal_quality_decay": 60, "ai_miscalibrated": 40}
_SETTLES_S: Final = 15
_WELL_S: Final = 15


@dataclass(frozen=True)
class Shown:
    """Whether one fault's mark was there: before it, while it ran, and once it was over."""

    before: bool
    during: bool
    after: bool


SHOWS_AND_GOES: Final = Shown(before=False, during=True, after=False)


def kinds_of(*groups: str) -> list[str]:
    """The kinds of these groups that virtual time knows of."""
    return sorted(kind.id for kind in KINDS.values() if kind.group in groups and not kind.real_time_only)


def _drawn(group: str) -> list[str]:
    """A third of the group's kinds, at least one: always the same ones, and no favourites."""
    kinds = kinds_of(group)
    return sorted(kinds, key=lambda kind: zlib.crc32(kind.encode()))[: math.ceil(len(kinds) / 3)]


# Those that walk in every run.
SAMPLE: Final = frozenset(kind for group in GROUPS for kind in _drawn(group))


def walking(*groups: str) -> list[Any]:
    """The kinds of these groups as parameters of a test: those that are not in the sample are for the long run."""
    return [pytest.param(kind, marks=[] if kind in SAMPLE else pytest.mark.long) for kind in kinds_of(*groups)]


class Parades:
    """Two parades of these groups, each of which begins when the first of its kinds is asked for."""

    def __init__(self, live: Any, *groups: str) -> None:
        self._live = live
        self._kinds = kinds_of(*groups)
        self._shown: dict[str, Shown] = {}

    def shown(self, kind: str) -> Shown:
        """What became of the kind's mark."""
        if kind not in self._shown:
            together = [each for each in self._kinds if (each in SAMPLE) == (kind in SAMPLE)]
            self._shown |= parade(self._live, together)
        return self._shown[kind]


def parade(live: Any, kinds: list[str]) -> dict[str, Shown]:
    """What became of the mark of each of these kinds."""
    shown: dict[str, Shown] = {}

    async def strike(universe: Universe, take: Callable[[], Evidence]) -> None:
        await asyncio.sleep(_WARM_S)
        take()
        await asyncio.sleep(_ON_S)
        calm = take()
        for kind in kinds:
            fault = universe.faults.begin(kind)
            await asyncio.sleep(_LONGER_S.get(kind, _ON_S))
            during = MARKS[kind](take(), calm, fault.target)
            universe.faults.end(fault.id)
            await asyncio.sleep(_SETTLES_S)
            take()
            await asyncio.sleep(_WELL_S)
            shown[kind] = Shown(MARKS[kind](calm, calm, fault.target), during, MARKS[kind](take(), calm, fault.target))

    each_s = _ON_S + _SETTLES_S + _WELL_S
    longer_s = sum(_LONGER_S.get(kind, 0) for kind in kinds)
    live(seconds=_WARM_S + _ON_S + len(kinds) * each_s + longer_s + 1, beside=strike)
    return shown
