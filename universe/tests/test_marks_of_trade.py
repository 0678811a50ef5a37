"""Each fault shows in the telemetry while it runs, and no longer afterwards."""

from typing import Any, Final

import pytest
from parade import SHOWS_AND_GOES, Parades, walking

# The first of them waits for the whole parade.
pytestmark = pytest.mark.timeout(900)
GROUPS: Final = ("ai", "signals", "trading", "market_data")


@pytest.fixture(scope="module")
def parades(session_live: Any) -> Parades:
    """Every kind of these groups, shown by one universe or another."""
    return Parades(session_live, *GROUPS)


@pytest.mark.parametrize("kind", walking(*GROUPS))
def test_a_fault_shows_its_mark_and_is_well_again(parades: Parades, kind: str) -> None:
    assert parades.shown(kind) == SHOWS_AND_GOES
