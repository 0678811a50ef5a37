"""Every indicator's newest reading, and health, as gauges for Prometheus, from the snapshots in memory.

One family for all indicators, since their ids are data: a sum over it means nothing, a selection by `area` and
`indicator` does. Values are in base units: milliseconds become seconds, and `unit` says which unit it is. Members are
groups such as a provider or an exchange, never users, and at most `MEMBERS` of an indicator are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from observatory.model import Health, Reading, Snapshot
from observatory.tick import Snapshots

MEMBERS = 50

# An indicator's unit to the unit that `/metrics` gives it in, and what its values are multiplied by.
BASE = {"ms": ("seconds", 1e-3), "s": ("seconds", 1.0), "bps": ("ratio", 1e-4), "By": ("bytes", 1.0)}
_LABELS = ("environment", "area", "indicator", "member", "unit")


class IndicatorCollector(Collector):
    """The newest snapshots as metric families.

    Args:
        snapshots: where the rounds are published.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Families of readings, health of areas and services, and services reporting. What is unknown has no sample."""
        found = [each.snapshot for name in self._snapshots.environments if (each := self._snapshots.of(name))]
        yield _readings(found)
        yield _health("area", found)
        yield _health("service", found)
        reporting = GaugeMetricFamily(
            "observatory_services_reporting", "Services that are there.", labels=["environment"]
        )
        for snapshot in found:
            reporting.add_metric([snapshot.environment], snapshot.services_reporting)
        yield reporting


def _readings(snapshots: Iterable[Snapshot]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "observatory_indicator",
        "Newest reading of an indicator, in the base unit that its label names.",
        labels=_LABELS,
    )
    for snapshot in snapshots:
        for area in snapshot.areas.values():
            shown: dict[str, int] = {}
            for reading in area.readings:
                shown[reading.indicator] = shown.get(reading.indicator, 0) + 1
                if shown[reading.indicator] <= MEMBERS:
                    _add(family, (snapshot.environment, area.id), reading)
    return family


def _add(family: GaugeMetricFamily, place: tuple[str, str], reading: Reading) -> None:
    measured = reading.measurement
    if measured.value is None:
        return
    unit, factor = BASE.get(measured.unit, (measured.unit.strip("{}"), 1.0))
    name = reading.indicator.partition(".")[2]
    family.add_metric([*place, name, reading.member, unit], float(measured.value) * factor)


def _health(kind: str, snapshots: Iterable[Snapshot]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        f"observatory_{kind}_health",
        "1 for the status in force, 0 for the others.",
        labels=["environment", kind, "status"],
    )
    for snapshot in snapshots:
        states = snapshot.areas if kind == "area" else snapshot.services
        for name, state in states.items():
            for status in Health:
                family.add_metric([snapshot.environment, name, status], float(state.verdict.health is status))
    return family
