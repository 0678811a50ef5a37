"""A bound of an indicator: its own from the areas' files, or the rule's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene
from observatory.health import judge, words
from observatory.model import Bound, Health, Indicator, Reading

LEVELS = ("critical", "warning")
_PARTS = {"Exchange": "exchange", "Channel": "channel", "Provider": "provider", "Symbol": "symbol", "Rail": "rail"}


@dataclass(frozen=True, slots=True)
class Bounded:
    """Bad when a value lies beyond the bound; each member for itself.

    Attributes:
        indicator: what is judged.
        level: which of the indicator's bounds; with a bound of the rule's own, how that one is called.
        bound: the rule's own bound; None: the indicator's.
        members: patterns of the members that are judged; empty: all.
    """

    kind: ClassVar[str] = "bound"
    absent: ClassVar[Verdict] = Verdict.NO_DATA
    indicator: Indicator
    level: str
    bound: Bound | None = None
    members: tuple[str, ...] = ()

    @classmethod
    def decode(cls, fields: Fields) -> Bounded:
        """From `indicator`, `level` (critical, warning), `bound`, `members`."""
        indicator, bound = fields.indicator("indicator"), fields.bound("bound")
        level = fields.one_of("level", LEVELS, "critical")
        if bound is None and (indicator.crit if level == "critical" else indicator.warn) is None:
            raise fields.refuse("level", f"{indicator.id} has no {level} bound: give the rule a bound of its own")
        return cls(indicator, level, bound, fields.texts("members"))

    @property
    def held_to(self) -> Bound:
        """The bound in force."""
        own = self.indicator.crit if self.level == "critical" else self.indicator.warn
        found = self.bound or own
        assert found is not None
        return found

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each member that was read."""
        readings = scene.readings.get(self.indicator.id)
        if readings is None:
            return None
        return [self._observe(rule, scene, each) for each in readings if self._looks_at(each.member)]

    def _looks_at(self, member: str) -> bool:
        return not self.members or any(fnmatchcase(member, pattern) for pattern in self.members)

    def _observe(self, rule: Rule, scene: Scene, read: Reading) -> Observation:
        bound, unit = self.held_to, self.indicator.unit
        crit, warn = (bound, None) if self.level == "critical" else (None, bound)
        judged = replace(self.indicator, least_samples=rule.least_samples, crit=crit, warn=warn)
        found = judge.reading(judged, read, scene.since)
        verdict = Verdict.NO_DATA
        if found is not None and found.health is not Health.UNKNOWN:
            verdict = Verdict.GOOD if found.health is Health.HEALTHY else Verdict.BAD
        return Observation(
            environment=scene.environment,
            rule=rule.id,
            member=read.member,
            verdict=verdict,
            sentence=found.sentence if found else f"{self.indicator.sentence}: nothing that can be judged",
            measurement=read.measurement,
            bound=words.bound(bound, unit, self.level),
            area=self.indicator.area,
            services=_services(scene, self.indicator),
            labels=_labels(self.indicator, read.member),
        )


def _services(scene: Scene, indicator: Indicator) -> tuple[str, ...]:
    """Whose work it is: the services that own the indicator in the catalogue, else those that report it."""
    owners = tuple(service.id for service in scene.catalogue.services if service.indicator == indicator.id)
    return owners or indicator.zero_from


def _labels(indicator: Indicator, member: str) -> dict[str, str]:
    """`exchange: binance`, where the members' parts have names that people route by."""
    # The last part may hold the separator itself: a symbol such as BTC/USDT.
    parts = member.split("/", max(len(indicator.group_by) - 1, 0)) if member else []
    if len(parts) != len(indicator.group_by):
        return {}
    return {_PARTS[name]: part for name, part in zip(indicator.group_by, parts, strict=True) if name in _PARTS}
