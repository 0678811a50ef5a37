"""A parade of faults: one universe in virtual time in which each happens, one after the other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from evidence import Evidence
from marks import MARKS

from observatory_universe.faults import KINDS
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
    live(seconds=_WARM_S + _ON_S + len(kinds) * each_s + sum(_LONGER_S.values()) + 1, beside=strike)
    return shown
