"""Inhibition under any alerts, rules and graphs: somebody is always told, and every mute can be followed to why."""

from __future__ import annotations

from dataclasses import replace

from alert_scenes import alert, later
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from observatory.alerting import Rule
from observatory.alerting.conditions.told import ToldOf
from observatory.incidents import Graph
from observatory.model.alert import Alert, Severity
from observatory.notify import inhibition

SERVICES = ("edge", "router", "store", "chat")
RULES = (
    "service.down",
    "service.failing",
    "burn.service.fast",
    "x.critical",
    "x.warning",
    "anomaly.x",
    "own.a",
    "own.b",
)
SEVERITIES = {"x.warning": Severity.WARNING, "anomaly.x": Severity.WARNING, "own.b": Severity.WARNING}
names, services = st.sampled_from(RULES), st.sampled_from(SERVICES)


class Inhibition(RuleBasedStateMachine):
    """Alerts come and go, services call each other or not, rules explain what they like, in circles too."""

    def __init__(self) -> None:
        super().__init__()
        self.firing: dict[str, Alert] = {}
        self.calls: set[tuple[str, str]] = set()
        self.inhibits: dict[str, tuple[str, ...]] = {}
        self.age_s = 0

    @rule(name=names, service=services)
    def fire(self, name: str, service: str) -> None:
        self.age_s += 7
        severity = SEVERITIES.get(name, Severity.CRITICAL)
        at = later(self.age_s)
        found = alert(name, service, at, severity=severity, services=(service,))
        self.firing.setdefault(found.fingerprint, found)

    @rule(name=names, service=services)
    def end(self, name: str, service: str) -> None:
        self.firing.pop(alert(name, service).fingerprint, None)

    @rule(caller=services, callee=services)
    def call(self, caller: str, callee: str) -> None:
        if caller != callee:
            self.calls ^= {(caller, callee)}

    @rule(name=names, others=st.lists(st.sampled_from([*RULES, "own.*", "*"]), max_size=3))
    def explain(self, name: str, others: list[str]) -> None:
        self.inhibits[name] = tuple(others)

    def look(self, order: int = 1) -> dict[str, inhibition.Inhibited]:
        graph = Graph(frozenset(self.calls))
        rules = {
            name: Rule(name, "so", Severity.CRITICAL, ToldOf("backup.done"), inhibits=others)
            for name, others in self.inhibits.items()
        }
        alerts = list(self.firing.values())[::order]
        return dict(inhibition.inhibited(alerts, rules, lambda _: graph))

    @invariant()
    def every_mute_leads_to_an_alert_that_is_told(self) -> None:
        muted = self.look()
        for name in muted:
            seen = {name}
            while name in muted:
                name = muted[name].by.fingerprint
                assert name not in seen, "muted by each other in a circle: nobody is told"
                seen.add(name)
            assert name in self.firing
        assert not self.firing or len(muted) < len(self.firing)

    @invariant()
    def the_order_in_which_alerts_are_looked_at_does_not_matter(self) -> None:
        assert self.look().keys() == self.look(-1).keys()

    @invariant()
    def each_reason_names_the_alert_that_is_the_cause(self) -> None:
        assert all(found.by.rule in found.reason for found in self.look().values())

    @invariant()
    def what_says_something_by_itself_is_muted_by_nothing_but_a_rule(self) -> None:
        if not self.inhibits:
            assert all(self.firing[name].rule not in ("x.critical", "own.a") for name in self.look())

    @invariant()
    def another_environment_explains_nothing(self) -> None:
        elsewhere = [replace(each, environment=f"e{nth}") for nth, each in enumerate(self.firing.values())]
        assert not inhibition.inhibited(elsewhere, {}, lambda _: Graph(frozenset(self.calls)))


TestInhibition = Inhibition.TestCase
TestInhibition.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
