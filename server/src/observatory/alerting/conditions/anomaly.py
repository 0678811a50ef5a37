"""An indicator that behaves as it did not before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene, Score
from observatory.health import words
from observatory.model import Indicator


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Bad when the newest values have been unusual for long enough; nothing is known before `points` of them were seen.

    Attributes:
        indicator: what is watched.
        points: values, one a minute, that must be known first.
    """

    kind: ClassVar[str] = "anomaly"
    absent: ClassVar[Verdict] = Verdict.NO_DATA
    indicator: Indicator
    points: int

    @classmethod
    def decode(cls, fields: Fields) -> Anomaly:
        """From `indicator` and `points`."""
        return cls(fields.indicator("indicator"), fields.whole("points", 120, 24, 100_000))

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each member that was scored."""
        scores = scene.scores.get(self.indicator.id)
        if scores is None:
            return None
        return [self._observe(rule, scene, member, score) for member, score in scores.items()]

    def _observe(self, rule: Rule, scene: Scene, member: str, score: Score) -> Observation:
        value, who = score.measurement.value, f" ({member})" if member else ""
        known = value is not None and score.points >= self.points
        verdict = Verdict.NO_DATA if not known else Verdict.BAD if score.unusual else Verdict.GOOD
        number = "nothing" if value is None else words.number(value, self.indicator.unit)
        how = "unlike anything before" if score.unusual else "as usual"
        return Observation(
            environment=scene.environment,
            rule=rule.id,
            member=member,
            verdict=verdict,
            sentence=f"{self.indicator.sentence}{who}: {number}, {how} in {score.points:,} minutes",
            measurement=score.measurement,
            bound="the usual course of the indicator",
            area=self.indicator.area,
            services=tuple(s.id for s in scene.catalogue.services if s.indicator == self.indicator.id),
        )
