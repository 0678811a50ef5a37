"""An area's view of what was sent."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from observatory import areas
from observatory.areas import Assessment
from observatory.model import Measurement
from observatory.store import Store


class View:
    """One area as assessed once."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment

    def __getitem__(self, field: str) -> Any:
        """The plain value behind a field of the area's entry."""
        found = self.assessment.fields[field]
        return found.value if isinstance(found, Measurement) else found

    def measured(self, field: str) -> Measurement:
        found = self.assessment.fields[field]
        assert isinstance(found, Measurement)
        return found

    def member(self, indicator: str, member: str = "") -> Measurement:
        return next(
            each.measurement
            for each in self.assessment.readings
            if (each.indicator, each.member) == (indicator, member)
        )

    def judged(self, indicator: str, member: str = "") -> bool:
        return next(
            each.judged for each in self.assessment.readings if (each.indicator, each.member) == (indicator, member)
        )


@pytest.fixture
def sends(sender: Any, insert: Callable[..., Any]) -> Callable[[], Any]:
    """A sender of an environment of its own, for each example."""
    return lambda: type(sender)(insert, f"test-{uuid.uuid4().hex[:12]}", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def look(store: Store, sender: Any) -> Callable[..., Any]:
    """Send what the sender holds, then assess an area as a round does."""

    async def run(area: str, alive: Collection[str] = (), listened_s: float = 86_400) -> View:
        sender.flush()
        since = sender.at - timedelta(seconds=listened_s)
        definition = next(each for each in areas.load() if each.id == area)
        readings = await areas.read(definition, store.reader, sender.at, since)
        return View(areas.shape(definition, readings.get(sender.environment, ()), alive, sender.at, since))

    return run
