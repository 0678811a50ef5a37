"""The demo universe runs the services of the catalogue, neither more nor fewer."""

from observatory.catalogue import load
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe


def test_every_service_of_the_catalogue_lives_in_the_universe() -> None:
    assert set(Universe(1, PACES["calm"]).service_ids) == {service.id for service in load().services}
