"""Each fault shows in the telemetry while it runs, and no longer afterwards. In virtual time, one after the other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from evidence import Evidence
from marks import MARKS

from observatory_universe.faults import KINDS
from observatory_universe.universe import Universe

# They strike the process itself, of which virtual time knows nothing. (The long tests see them in real time.)
NEEDS_REAL_TIME: Final = {"memory_leak", "cpu_hog"}
VIRTUAL: Final = sorted(KINDS.keys() - NEEDS_REAL_TIME)
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


def _parade(live: Any, kinds: list[str]) -> dict[str, Shown]:
    """One universe in which all of these faults happen, one after the other."""
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


@pytest.fixture(scope="module")
def shown(session_live: Any) -> dict[str, Shown]:
    """Every kind, shown by one universe."""
    return _parade(session_live, VIRTUAL)


def test_every_kind_has_a_mark() -> None:
    assert MARKS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", VIRTUAL)
def test_a_fault_shows_its_mark_and_is_well_again(shown: dict[str, Shown], kind: str) -> None:
    assert shown[kind] == Shown(before=False, during=True, after=False)
