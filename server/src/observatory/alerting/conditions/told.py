"""What another room has judged: budgets, anomalies of costs, Observatory itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene, Told

TOPICS = {
    "budget.exhausted": "a budget is used up",
    "budget.warned": "a budget is nearly used up",
    "budget.forecast": "a budget will be used up by the end of its period, if it goes on like this",
    "cost.spike": "costs that are far from the usual",
    "observatory.refusing": "telemetry that was refused",
    "observatory.losing": "telemetry that was lost or put aside",
    "observatory.late": "rounds that come late or fail",
    "observatory.channel": "a channel of notifications that does not deliver",
    "observatory.rules": "a file of rules that was refused",
    "foreign.critical": "critical alerts of other systems",
    "foreign.warning": "warnings of other systems",
    "foreign.info": "what other systems tell for information",
    "backup.done": "a backup that was made",
    "digest.sent": "a daily digest that was sent",
}


@dataclass(frozen=True, slots=True)
class ToldOf:
    """Bad when the topic's room says so of a member.

    Attributes:
        topic: one of `TOPICS`.
    """

    kind: ClassVar[str] = "told"
    absent: ClassVar[Verdict] = Verdict.GOOD
    topic: str

    @classmethod
    def decode(cls, fields: Fields) -> ToldOf:
        """From `topic`."""
        return cls(fields.one_of("topic", TOPICS))

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each member that was told of."""
        told = scene.told.get(self.topic)
        return None if told is None else [_observe(rule, scene, each) for each in told]


def _observe(rule: Rule, scene: Scene, told: Told) -> Observation:
    return Observation(
        environment=scene.environment,
        rule=rule.id,
        member=told.member,
        verdict=Verdict.NO_DATA if told.bad is None else Verdict.BAD if told.bad else Verdict.GOOD,
        sentence=told.sentence,
        measurement=told.measurement,
        bound=told.bound,
        area=rule.area,
        services=told.services,
        labels=told.labels,
    )
