"""Error budgets that burn too fast: both windows of a pair, on enough events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene
from observatory.health import words
from observatory.model import Measurement
from observatory.slo import Burn, Burning, Measure, Objective, windows

SOURCE = "rollup_services_10s and rollup_services_1m"
KINDS = ("service", "area")


@dataclass(frozen=True, slots=True)
class Burns:
    """Bad when both windows of the pair burn faster than its factor. An objective in its burn-in is labelled as silent.

    Attributes:
        of: `service` or `area`.
        pair: name of the pair of windows: `fast`, `medium`, `slow`.
        measure: which of its promises.
    """

    kind: ClassVar[str] = "burn"
    absent: ClassVar[Verdict] = Verdict.NO_DATA
    of: str
    pair: str
    measure: Measure = Measure.AVAILABILITY

    @classmethod
    def decode(cls, fields: Fields) -> Burns:
        """From `of`, `pair` and `measure` (availability, latency)."""
        pairs = [pair.name for pair in windows().pairs]
        measure = fields.one_of("measure", [each.value for each in Measure], Measure.AVAILABILITY)
        return cls(fields.one_of("of", KINDS), fields.one_of("pair", pairs), Measure(measure))

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each objective with events."""
        if scene.burns is None:
            return None
        mine = (self.of, self.measure)
        wanted = (burn for burn in scene.burns.values() if (burn.objective.kind, burn.objective.measure) == mine)
        return [self._observe(rule, scene, burn) for burn in wanted]

    def _observe(self, rule: Rule, scene: Scene, burn: Burn) -> Observation:
        burning = next(each for each in burn.burnings if each.pair.name == self.pair)
        pair, objective = burning.pair, burn.objective
        known = burning.long_rate is not None and burning.short_rate is not None
        verdict = Verdict.NO_DATA if not known else Verdict.BAD if burning.burning else Verdict.GOOD
        rate = None if burning.long_rate is None else min(burning.long_rate, 1e9)
        area = objective.subject if self.of == "area" else scene.catalogue.service(objective.subject).area
        return Observation(
            environment=scene.environment,
            rule=rule.id,
            member=objective.subject,
            verdict=verdict,
            sentence=_sentence(burn, burning),
            measurement=Measurement(rate, "1", burning.events, pair.long_s, burn.at, SOURCE, burn.counts.estimated),
            bound=f"faster than {pair.factor:g} times the even rate over {words.window(pair.long_s)} "
            f"and {words.window(pair.short_s)}",
            area=area,
            services=objective.services if self.of == "service" else (),
            labels={self.of: objective.subject} | ({"silent": "burn_in"} if burn.burn_in else {}),
        )


def _sentence(burn: Burn, burning: Burning) -> str:
    if burning.long_rate is None or burning.short_rate is None:
        return f"{burn.objective.name}: no calls that could burn its budget"
    bad, left = burn.counts.ratio(burning.pair.long_s) or 0.0, burn.budget_left_ratio
    kept = "" if left is None else f"; {words.number(max(left, 0.0), 'ratio')} of the budget is left"
    return (
        f"{burn.objective.name}: {words.number(bad, 'ratio')} of {burning.events:,} calls {_bad(burn.objective)} in "
        f"{words.window(burning.pair.long_s)}, {words.number(min(burning.long_rate, 1e9), '1')} times what the "
        f"objective of {words.number(burn.objective.promised_ratio, 'ratio')} allows{kept}"
    )


def _bad(objective: Objective) -> str:
    if objective.measure is Measure.AVAILABILITY:
        return "failed"
    longest = "their services may" if objective.latency_ms is None else words.number(objective.latency_ms, "ms")
    return f"took longer than {longest}"
