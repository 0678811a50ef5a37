"""Each fault moves the indicators of the areas that it is expected to, and none outside of those that it may.

What it is expected to move is written in the universe's `kinds.yaml`, which indicators fit it in `fitting.yaml`; both
say what was changed after a run. What is judged are numbers of the store, by the server's own rounds at moments of the
past.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doorway import Doors
from live.door import Open, opened

from observatory import areas
from observatory.ingest import Bounds
from observatory.store import Store
from observatory_universe.faults import KINDS

from .trials import ALONE, Trial, fitting, in_order, sample, shown, tried

# Virtual time knows nothing of what strikes the process itself; `server/tests/live` tries them on real sockets.
REAL_TIME_ONLY = {
    "memory_leak": "memory of the process, whose sampler does not run under a held clock",
    "cpu_hog": "time of the processor, which no virtual clock counts",
}
# The first test of each sort waits for all of its lives.
pytestmark = pytest.mark.timeout(7_200)
_INDICATORS = {indicator.id: indicator for area in areas.load() for indicator in area.indicators.values()}
_BODY_BYTES = 64 << 20
_KINDS_A_LIFE = 9
_SHORT_S = 300


@pytest.fixture(scope="module")
def trials(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trial]:
    """What became of a kind: the first one that is asked for makes all of its kind's lives."""
    found: dict[str, Trial] = {}

    def of(kind: str) -> Trial:
        if kind not in found:
            folder = tmp_path_factory.mktemp("faults")
            with opened(Doors(folder, store.writers, bounds=Bounds(_BODY_BYTES))) as door:
                found.update(_tried(store, door, folder, kind))
        return found[kind]

    return of


def _tried(store: Store, door: Open, folder: Path, kind: str) -> dict[str, Trial]:
    """The trials of the sample, or of all that is not in it."""
    drawn = sample()
    if kind in drawn:
        return tried(store, door, folder, {"faults-sample": in_order(drawn)}, every_s=600)
    left = [each for each in shown() if each not in drawn and each not in ALONE]
    lives = math.ceil(len(left) / _KINDS_A_LIFE)
    plans = {f"faults-{n}": in_order(in_order(left)[n::lives]) for n in range(lives)}
    plans |= {f"faults-{each}": [each] for each in ALONE}
    return tried(store, door, folder, plans, every_s=60)


def _walking() -> list[Any]:
    """The kinds as parameters of a test: those that are not in the sample are for the long run."""
    drawn = sample()
    return [pytest.param(kind, marks=[] if kind in drawn else pytest.mark.long) for kind in shown()]


@pytest.mark.parametrize("kind", _walking())
def test_a_fault_moves_what_it_should_and_nothing_that_it_must_not(trials: Callable[[str], Trial], kind: str) -> None:
    trial = trials(kind)
    told = "\n".join(f"{area}: {found.sentence}" for area in trial.before.bad for found in trial.news(area).values())
    outside = trial.before.bad.keys() - {*KINDS[kind].expected, *KINDS[kind].permitted}
    assert not [area for area in outside if trial.news(area)], told
    for area in KINDS[kind].expected:
        fits = {f"{area}.{name}" for name in fitting()[kind].areas[area]}
        assert fits & {indicator for indicator, _ in trial.news(area)}, f"{area} is not moved; what is:\n{told}"


@pytest.mark.parametrize("kind", _walking())
def test_what_a_fault_moved_within_five_minutes_is_well_five_minutes_after_it(
    trials: Callable[[str], Trial], kind: str
) -> None:
    trial = trials(kind)
    for area, names in (fitting()[kind].areas if kind in fitting() else {}).items():
        short = {f"{area}.{name}" for name in names if _INDICATORS[f"{area}.{name}"].window_s <= _SHORT_S}
        for key in trial.news(area):
            if key[0] in short:
                assert [look for look in trial.later if key not in look.bad[area]], f"{key} stays beyond its bound"


def test_every_kind_has_indicators_that_fit_each_area_it_is_expected_to_move() -> None:
    faults = {kind.id: set(kind.expected) for kind in KINDS.values() if kind.is_fault and not kind.real_time_only}
    assert {kind: set(each.areas) for kind, each in fitting().items()} == faults
    named = {f"{area}.{name}" for each in fitting().values() for area, names in each.areas.items() for name in names}
    assert not [name for name in named if not _INDICATORS[name].bounded]


def test_what_virtual_time_cannot_show_is_known_and_tried_elsewhere() -> None:
    assert {kind.id for kind in KINDS.values() if kind.real_time_only} == REAL_TIME_ONLY.keys()


def test_what_only_looks_like_a_fault_may_move_nothing() -> None:
    harmless = [kind for kind in KINDS.values() if not kind.is_fault]
    assert [kind.id for kind in harmless if kind.expected or kind.permitted] == []
    assert len(harmless) == 3
