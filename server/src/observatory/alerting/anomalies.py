"""Detectors of unusual courses: one for each watched indicator and environment, one value a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from observatory.alerting.conditions import Anomaly
from observatory.alerting.rule import Rule
from observatory.alerting.scene import Score
from observatory.analytics.anomaly import Detector, Persistence
from observatory.areas import select
from observatory.model import Reading
from observatory.store import Reader

EVERY_S = 60
_BACK = timedelta(days=1)
_HISTORY = """SELECT Environment, Indicator, toUnixTimestamp(Timestamp), Mean FROM indicator_history
WHERE Resolution = 60 AND Member = '' AND Indicator IN {indicators:Array(String)} AND Known > 0
    AND Timestamp > {since:DateTime('UTC')} AND Timestamp <= {now:DateTime('UTC')}
ORDER BY Environment, Indicator, Timestamp LIMIT 100000"""


@dataclass(slots=True)
class _Course:
    detector: Detector = field(default_factory=Detector)
    persistence: Persistence = field(default_factory=Persistence)
    points: int = 0
    next_s: float = 0.0
    score: Score | None = None

    def take(self, time_s: float, value: float) -> float:
        score = self.detector.update(time_s, value)
        self.persistence.update(score)
        self.points += 1
        self.next_s = (time_s // EVERY_S + 1) * EVERY_S
        return score


class Anomalies:
    """Scores the values of rounds. What the detectors know outlives a reload of the rules.

    Args:
        reader: reads history, from which detectors learn at the start.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._courses: dict[tuple[str, str], _Course] = {}
        self._learnt: set[str] = set()

    async def learn(self, rules: Iterable[Rule], at: datetime) -> None:
        """Teach detectors that are new what history holds of the last day.

        Raises:
            StoreError: the store refused it.
        """
        wanted = _watched(rules) - self._learnt
        if not wanted:
            return
        bound = {
            "indicators": sorted(wanted),
            "since": select.text(at - _BACK)[:19],
            "now": select.text(at)[:19],
        }
        rows = (await self._reader.read(_HISTORY, bound)).rows
        await asyncio.to_thread(self._teach, rows)
        self._learnt |= wanted

    def _teach(self, rows: Sequence[tuple[str, str, int, float]]) -> None:
        for environment, indicator, time_s, value in rows:
            self._courses.setdefault((str(environment), str(indicator)), _Course()).take(float(time_s), float(value))

    def scores(
        self, rules: Iterable[Rule], environment: str, readings: Mapping[str, Sequence[Reading]], at: datetime
    ) -> Mapping[str, Mapping[str, Score]]:
        """By indicator and member, how unusual the newest value is; the whole area's only."""
        found: dict[str, Mapping[str, Score]] = {}
        for indicator in _watched(rules):
            whole = next((each for each in readings.get(indicator, ()) if not each.member), None)
            if whole is None:
                continue
            course = self._courses.setdefault((environment, indicator), _Course())
            value, time_s = whole.measurement.value, at.timestamp()
            if value is not None and time_s >= course.next_s:
                score = course.take(time_s, float(value))
                course.score = Score(whole.measurement, score, course.persistence.firing, course.points)
            found[indicator] = {} if course.score is None else {"": course.score}
        return found


def _watched(rules: Iterable[Rule]) -> set[str]:
    return {rule.condition.indicator.id for rule in rules if rule.enabled and isinstance(rule.condition, Anomaly)}
