"""What the collectors tell of stores, routes and certificates."""

from __future__ import annotations

from typing import Any

import pytest

from observatory import areas


async def test_connections_of_postgresql_stand_against_their_maximum(sender: Any, look: Any) -> None:
    for state, count in (("active", 12), ("idle", 70), ("idle in transaction", 3)):
        sender.gauge("postgresql.backends", count, state=state)
    sender.gauge("postgresql.connection.max", 100)
    sender.gauge("postgresql.transaction.oldest.age", 41.5)
    sender.gauge("postgresql.db_size", 5e9, **{"db.namespace": "postgres"})
    view = await look("resources")
    assert view.member("resources.postgresql_connections_used", "one").value == 0.85
    assert view.judged("resources.postgresql_connections_used", "one")
    assert view.member("resources.postgresql_oldest_transaction", "one").value == 41.5
    assert view.member("resources.postgresql_replication_delay", "one").value is None


@pytest.mark.parametrize(("newest", "up"), [((1, 1), 1), ((0, 1), 1), ((1, 0), 1), ((0, 0), 0)])
async def test_a_route_is_down_when_it_failed_twice_in_a_row(
    sender: Any, look: Any, newest: tuple[int, int], up: int
) -> None:
    for ago, value in ((40, 1), (25, newest[1]), (10, newest[0])):
        sender.gauge("observatory.probe.up", value, ago=ago)
    view = await look("resources")
    assert view.member("resources.probes_up", "one").value == up
    assert view.judged("resources.probes_up", "one")


async def test_one_probe_is_too_few_to_judge(sender: Any, look: Any) -> None:
    sender.gauge("observatory.probe.up", 0)
    view = await look("resources")
    least = next(
        area.indicators["resources.probes_up"].least_samples for area in areas.load() if area.id == "resources"
    )
    assert view.member("resources.probes_up", "one").samples < least


async def test_a_certificate_tells_its_last_word(sender: Any, look: Any) -> None:
    for ago, left_s in ((70, 86_470), (10, 86_410)):
        sender.gauge("tlscheck.time_left", left_s, ago=ago)
    view = await look("resources")
    assert view.member("resources.certificate_time_left", "one").value == 86_410
    assert view.judged("resources.certificate_time_left", "one")


async def test_what_nobody_collects_is_not_there(sender: Any, look: Any) -> None:
    sender.gauge("observatory.probe.up", 1, ago=200)
    sender.gauge("postgresql.connection.max", 100, ago=100)
    view = await look("resources")
    named = {each.indicator for each in view.assessment.readings if each.measurement.value is not None}
    assert not named & {"resources.probes_up", "resources.postgresql_connections_used"}
