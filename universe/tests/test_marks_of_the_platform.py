"""Each fault shows in the telemetry while it runs, and no longer afterwards."""

from typing import Any, Final

import pytest
from marks import MARKS
from parade import SHOWS_AND_GOES, Shown, kinds_of, parade

from observatory_universe.faults import KINDS

# The first of them waits for the whole parade.
pytestmark = pytest.mark.timeout(900)
GROUPS: Final = ("risk", "credits", "strategies", "costs", "safety", "security", "resources", "code", "no_faults")
OTHER_GROUPS: Final = ("ai", "signals", "trading", "market_data")


@pytest.fixture(scope="module")
def shown(session_live: Any) -> dict[str, Shown]:
    """Every kind of these groups, shown by one universe."""
    return parade(session_live, kinds_of(*GROUPS))


def test_every_kind_has_a_mark_and_is_in_one_parade() -> None:
    assert MARKS.keys() == KINDS.keys()
    assert {kind.group for kind in KINDS.values()} == {*OTHER_GROUPS, *GROUPS}


@pytest.mark.parametrize("kind", kinds_of(*GROUPS))
def test_a_fault_shows_its_mark_and_is_well_again(shown: dict[str, Shown], kind: str) -> None:
    assert shown[kind] == SHOWS_AND_GOES
