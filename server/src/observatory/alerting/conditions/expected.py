"""Members that were there and are expected to go on: one that reports nothing any more is bad by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene
from observatory.health import words
from observatory.model import Indicator, Reading


@dataclass(frozen=True, slots=True)
class Expected:
    """Bad when a member that was seen within `remember_s` has not been seen for `missing_s`.

    Attributes:
        indicator: whose members are expected.
        what: what a member is, in words: `exchange`, `channel`.
        missing_s: seconds without a sample after which it is missing.
        remember_s: seconds after which it is no longer expected.
        zero_is_missing: whether a value of 0 is as good as none.
    """

    kind: ClassVar[str] = "expected"
    absent: ClassVar[Verdict] = Verdict.GOOD
    indicator: Indicator
    what: str
    missing_s: float
    remember_s: float
    zero_is_missing: bool = False

    @classmethod
    def decode(cls, fields: Fields) -> Expected:
        """From `indicator`, `what`, `missing`, `remember`, `zero_is_missing`."""
        indicator = fields.indicator("indicator")
        if not indicator.group_by:
            raise fields.refuse("indicator", f"{indicator.id} has no members")
        missing_s, remember_s = fields.seconds("missing", 60), fields.seconds("remember", 86_400)
        if remember_s <= missing_s:
            raise fields.refuse("remember", "must be longer than missing")
        return cls(indicator, fields.text("what"), missing_s, remember_s, fields.yes("zero_is_missing", False))

    def seen(self, read: Reading) -> bool:
        """Whether a reading shows its member to be there."""
        measured = read.measurement
        there = measured.value is not None and measured.samples > 0
        return there and not (self.zero_is_missing and measured.value == 0)

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each member that is expected."""
        readings = scene.readings.get(self.indicator.id)
        if readings is None or scene.snapshot is None:
            return None
        newest = {each.member: each for each in readings}
        last = dict(scene.expected.get(self.indicator.id, {}))
        last |= {member: scene.at for member, each in newest.items() if self.seen(each)}
        forgotten = scene.at - timedelta(seconds=self.remember_s)
        return [
            self._observe(rule, scene, (member, at), newest.get(member))
            for member, at in last.items()
            if at > forgotten
        ]

    def _observe(self, rule: Rule, scene: Scene, seen: tuple[str, datetime], read: Reading | None) -> Observation:
        member, last = seen
        gone_s = (scene.at - last).total_seconds()
        # What came while nobody listened is not missing.
        listened_s = (scene.at - scene.since).total_seconds()
        missing = gone_s >= self.missing_s
        verdict = Verdict.GOOD if not missing else Verdict.BAD if listened_s >= self.missing_s else Verdict.NO_DATA
        since = f"nothing for {words.span(gone_s)}, last seen at {words.moment(last)}"
        return Observation(
            environment=scene.environment,
            rule=rule.id,
            member=member,
            verdict=verdict,
            sentence=f"the {self.what} {member} " + (f"is missing: {since}" if missing else "is there"),
            measurement=read.measurement if read else None,
            bound=f"at least once in {words.span(self.missing_s)}",
            area=self.indicator.area,
            services=self.indicator.zero_from,
            labels={self.what: member},
        )
