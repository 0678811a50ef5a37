"""Whether a service is there, and how it does against its own objective."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from observatory.alerting.fields import Fields
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.scene import Scene
from observatory.model import Finding, LoadState, Measurement, Reason, ServiceState

# What each state is found by, in the findings of the service's health.
STATES = {
    "down": frozenset({Reason.SILENT, Reason.PROBE_FAILED}),
    "failing": frozenset({Reason.BEYOND_CRITICAL_BOUND}),
    "degraded": frozenset({Reason.BEYOND_WARNING_BOUND, Reason.BEYOND_CRITICAL_BOUND}),
}
_UNKNOWN = (LoadState.UNHEARD, LoadState.NEVER_LOADED)


@dataclass(frozen=True, slots=True)
class Service:
    """Bad when a service of the catalogue is in the state. One that no process has loaded is not judged.

    Attributes:
        state: `down` (silent, or by its probes), `failing` or `degraded` (beyond its objective).
        services: ids; empty: every service of the catalogue.
    """

    kind: ClassVar[str] = "service"
    absent: ClassVar[Verdict] = Verdict.NO_DATA
    state: str
    services: tuple[str, ...] = ()

    @classmethod
    def decode(cls, fields: Fields) -> Service:
        """From `state` and `services`."""
        services = fields.texts("services", most=1_000)
        unknown = [name for name in services if name not in fields.known.services]
        if unknown:
            raise fields.refuse("services", f"no service {unknown[0][:64]!r} in the catalogue")
        return cls(fields.one_of("state", STATES), services)

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """One observation for each service."""
        if scene.snapshot is None:
            return None
        states = scene.snapshot.services
        return [self._observe(rule, scene, states[name]) for name in self.services or states if name in states]

    def _observe(self, rule: Rule, scene: Scene, state: ServiceState) -> Observation:
        sight = state.sight
        found = [each for each in state.verdict.findings if each.reason in STATES[self.state]]
        # An absence that a probe finds answering is a fault of its telemetry: told, and no outage.
        verdict = self._verdict(state, found)
        sentence = found[0].sentence if found else f"is {sight.load_state.value.replace('_', ' ')}"
        return Observation(
            environment=scene.environment,
            rule=rule.id,
            member=sight.id,
            verdict=verdict,
            sentence=f"{scene.catalogue.service(sight.id).name}: {sentence}",
            measurement=sight.heartbeat_age if self.state == "down" else _measured(state, found),
            area=scene.catalogue.service(sight.id).area,
            services=(sight.id,),
            labels={"service": sight.id},
        )

    def _verdict(self, state: ServiceState, found: list[Finding]) -> Verdict:
        if found:
            return Verdict.BAD
        if state.sight.load_state in _UNKNOWN:
            return Verdict.NO_DATA
        failed = any(each.reason in (Reason.QUERY_FAILED, Reason.LISTENING) for each in state.verdict.findings)
        return Verdict.NO_DATA if failed else Verdict.GOOD


def _measured(state: ServiceState, found: list[Finding]) -> Measurement:
    slow = bool(found) and "calls take" in found[0].sentence
    return state.sight.p95 if slow else state.sight.error_rate
