"""Each fault shows in the telemetry while it runs, and no longer afterwards."""

from typing import Any, Final

import pytest
from marks import MARKS
from parade import SAMPLE, SHOWS_AND_GOES, Parades, kinds_of, walking

from observatory_universe.faults import KINDS

# The first of them waits for the whole parade.
pytestmark = pytest.mark.timeout(900)
GROUPS: Final = ("risk", "credits", "strategies", "costs", "safety", "security", "resources", "code", "no_faults")
OTHER_GROUPS: Final = ("ai", "signals", "trading", "market_data")


@pytest.fixture(scope="module")
def parades(session_live: Any) -> Parades:
    """Every kind of these groups, shown by one universe or another."""
    return Parades(session_live, *GROUPS)


def test_every_kind_has_a_mark_and_is_in_one_parade() -> None:
    assert MARKS.keys() == KINDS.keys()
    assert {kind.group for kind in KINDS.values()} == {*OTHER_GROUPS, *GROUPS}


def test_every_kind_walks_in_every_run_or_in_the_long_one() -> None:
    walks = walking(*OTHER_GROUPS, *GROUPS)
    long = {param.values[0] for param in walks if param.marks}
    assert sorted(SAMPLE | long) == sorted(kind.id for kind in KINDS.values() if not kind.real_time_only)
    assert SAMPLE.isdisjoint(long)
    assert all(SAMPLE.intersection(kinds_of(group)) for group in (*OTHER_GROUPS, *GROUPS))
    assert len(SAMPLE) < len(walks) / 2


@pytest.mark.parametrize("kind", walking(*GROUPS))
def test_a_fault_shows_its_mark_and_is_well_again(parades: Parades, kind: str) -> None:
    assert parades.shown(kind) == SHOWS_AND_GOES
