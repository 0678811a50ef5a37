"""The demo universe runs the services of the catalogue, neither more nor fewer."""

from observatory.catalogue import load
from observatory_universe.clock import Clock
from observatory_universe.direct import direct_doors
from observatory_universe.faults import Faults
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe


def test_every_service_of_the_catalogue_lives_in_the_universe() -> None:
    clock, pace = Clock(), PACES["calm"]
    faults = Faults(clock.now_ns)
    universe = Universe(1, pace, direct_doors(1, pace, clock, faults), faults, clock)
    assert set(universe.service_ids) == {service.id for service in load().services}
