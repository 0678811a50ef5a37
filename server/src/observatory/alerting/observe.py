"""Rules and a scene to observations; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene
from observatory.model import Reading, Snapshot
from observatory.model.alert import Alert


def observe(rules: Iterable[Rule], scene: Scene) -> Mapping[str, Sequence[Observation]]:
    """What each rule that holds here saw, by rule id; one whose input was not read is left out."""
    found: dict[str, Sequence[Observation]] = {}
    for rule in rules:
        if rule.enabled and (not rule.environments or scene.environment in rule.environments):
            seen = rule.condition.observe(rule, scene)
            if seen is not None:
                found[rule.id] = tuple(seen)
    return found


def missing(rule: Rule, seen: Sequence[Observation], opened: Iterable[Alert]) -> list[Observation]:
    """An observation for each open alert of whose member nothing was said."""
    named = {each.member for each in seen}
    verdict = rule.condition.absent
    told = "is no longer so" if verdict is Verdict.GOOD else "nothing is known of it"
    return [
        Observation(alert.environment, rule.id, alert.member, verdict, f"{rule.sentence}: {told}")
        for alert in opened
        if alert.member not in named
    ]


def readings(snapshot: Snapshot) -> Mapping[str, Sequence[Reading]]:
    """A snapshot's readings by indicator. An area that could not be read has none."""
    found: dict[str, list[Reading]] = {}
    for area in snapshot.areas.values():
        for reading in area.readings:
            found.setdefault(reading.indicator, []).append(reading)
    return found
