"""Would-be fires held against labelled incidents: precision and recall.

The rule. A fire began when its condition was first seen (`started_at`), and belongs to a label when it began between
the label's start and `tail_s` seconds after its end (windows of five minutes forget no sooner), and concerns it: its
rule is one of the label's `rules`; or, where the label names none, its area is one of `areas` or `permitted`, or it has
no area. A fire is true when it belongs to a fault. A fault is found when a fire belongs to it whose rule is named, or
whose area is one of `areas`. Fires of severity info, of the daily run and of services that are burnt in silently do not
count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from observatory.alerting import Rule
from observatory.analytics import intervals
from observatory.model.alert import Severity
from observatory.replay.fires import Fire
from observatory.replay.labels import Label

TAIL_S = 330.0


@dataclass(frozen=True, slots=True)
class Share:
    """A share with the counts behind it; None without any. `interval`: Wilson's, 95 %."""

    hits: int
    of: int

    @property
    def ratio(self) -> float | None:
        """hits / of."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which the true share lies, 95 %."""
        return intervals.wilson(self.hits / self.of, self.of) if self.of else None


@dataclass(frozen=True, slots=True)
class Score:
    """What fires and labels say of each other.

    Attributes:
        precision: true fires of all that count.
        recall: faults found of all that could be.
        found: by label, seconds from its start to the first fire that found it; None: it was missed.
        false: fires that belong to no fault.
    """

    precision: Share
    recall: Share
    found: Sequence[tuple[Label, float | None]]
    false: Sequence[Fire]


def score(
    fires: Iterable[Fire],
    labels: Iterable[Label],
    rules: Iterable[Rule],
    since: datetime,
    until: datetime,
    tail_s: float = TAIL_S,
) -> Score:
    """Hold fires against labels.

    Args:
        fires: of the replay.
        labels: every label excuses the fires that belong to it; recall is asked of those that began within the replay
            and that one of the rules is there for.
        rules: those that were replayed. A rule is there for a label that names it; or, where the label names none,
            that has the rule's area in `areas`, or has it found by rules without an area.
        since, until: what was replayed.
        tail_s: seconds after a label's end in which a fire still belongs to it.
    """
    rules = list(rules)
    counted = [each for each in fires if each.told and each.alert.severity is not Severity.INFO]
    faults = [each for each in labels if each.fault]
    tail = timedelta(seconds=tail_s)
    false = [fire for fire in counted if not any(_belongs(fire, label, tail) for label in faults)]
    asked = [label for label in faults if since <= label.start <= until and any(_meant(label, each) for each in rules)]
    found = [(label, _found_after_s(label, counted, tail)) for label in asked]
    hits = sum(after_s is not None for _, after_s in found)
    return Score(Share(len(counted) - len(false), len(counted)), Share(hits, len(asked)), found, false)


def together(scores: Sequence[Score]) -> Score:
    """Several scores as one, such as those of several environments."""
    return Score(
        Share(sum(each.precision.hits for each in scores), sum(each.precision.of for each in scores)),
        Share(sum(each.recall.hits for each in scores), sum(each.recall.of for each in scores)),
        [found for each in scores for found in each.found],
        [fire for each in scores for fire in each.false],
    )


def _meant(label: Label, rule: Rule) -> bool:
    if label.rules:
        return any(fnmatchcase(rule.id, pattern) for pattern in label.rules)
    return not rule.area or rule.area in label.areas


def _found_after_s(label: Label, fires: Iterable[Fire], tail: timedelta) -> float | None:
    hits = (fire for fire in fires if _belongs(fire, label, tail) and (label.rules or fire.alert.area in label.areas))
    return min(((fire.fired_at - label.start).total_seconds() for fire in hits), default=None)


def _belongs(fire: Fire, label: Label, tail: timedelta) -> bool:
    began = fire.alert.started_at
    if began < label.start or (label.end is not None and began > label.end + tail):
        return False
    if label.rules:
        return any(fnmatchcase(fire.alert.rule, pattern) for pattern in label.rules)
    return not fire.alert.area or fire.alert.area in label.areas or fire.alert.area in label.permitted
