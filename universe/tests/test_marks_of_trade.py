"""Each fault shows in the telemetry while it runs, and no longer afterwards."""

from typing import Any, Final

import pytest
from parade import SHOWS_AND_GOES, Shown, kinds_of, parade

# The first of them waits for the whole parade.
pytestmark = pytest.mark.timeout(900)
GROUPS: Final = ("ai", "signals", "trading", "market_data")


@pytest.fixture(scope="module")
def shown(session_live: Any) -> dict[str, Shown]:
    """Every kind of these groups, shown by one universe."""
    return parade(session_live, kinds_of(*GROUPS))


@pytest.mark.parametrize("kind", kinds_of(*GROUPS))
def test_a_fault_shows_its_mark_and_is_well_again(shown: dict[str, Shown], kind: str) -> None:
    assert shown[kind] == SHOWS_AND_GOES
