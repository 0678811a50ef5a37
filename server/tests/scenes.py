"""Scenes of alerting made by hand: a round in which all is well, and what a test changes about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from observatory import alerting, catalogue
from observatory.alerting.observe import readings
from observatory.alerting.scene import Scene
from observatory.model import (
    AreaState,
    Health,
    LoadState,
    Measurement,
    Reading,
    ServiceSight,
    ServiceState,
    Snapshot,
    Verdict,
)

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SINCE = AT - timedelta(days=30)


def measured(value: Any, unit: str = "1", samples: int = 1_000, at: datetime = AT) -> Measurement:
    return Measurement(value, unit, samples, 300, at, "a test")


def reading(indicator: str, value: Any, member: str = "", samples: int = 1_000, at: datetime = AT) -> Reading:
    return Reading(indicator, member, measured(value, samples=samples, at=at))


def sight(name: str, at: datetime = AT, load: LoadState = LoadState.REPORTING) -> ServiceSight:
    number = measured(0.0, "ratio", at=at)
    return ServiceSight(name, load, *([number] * 8), at, ("i-1",), (), ())


def snapshot(readings: Sequence[Reading] = (), at: datetime = AT, environment: str = "production") -> Snapshot:
    """A round in which every service of the catalogue is healthy."""
    healthy = Verdict(Health.HEALTHY, (), at)
    by_area: dict[str, list[Reading]] = {area.id: [] for area in catalogue.load().areas}
    for each in readings:
        by_area[each.indicator.split(".")[0]].append(each)
    return Snapshot(
        environment,
        at,
        healthy,
        {name: AreaState(name, healthy, {}, tuple(of)) for name, of in by_area.items()},
        {each.id: ServiceState(sight(each.id, at), healthy) for each in catalogue.load().services},
        (),
    )


def scene(known: alerting.Known, shot: Snapshot, **more: Any) -> Scene:
    plain = Scene(shot.environment, shot.at, SINCE, catalogue.load(), known.indicators, readings(shot), shot)
    return replace(plain, **more)
