"""Which alerts need not be told because another one, that is told, explains them. Pure.

Three ways, in this order: the other's rule says so; another tier of the same judgement (its critical bound, its bound
where this is only unusual); the service that fails is called by this one, as the live service graph has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from observatory.alerting import Rule, silences
from observatory.incidents import Graph
from observatory.model.alert import Alert, Severity

# Of one member, or one service: more than this fire there only when everything does, and then one of them is enough.
_MOST_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Inhibited:
    """That an alert's messages are muted by another alert.

    Attributes:
        by: the one that explains it.
        reason: why, in words.
    """

    by: Alert
    reason: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What of alerts may be explained by the service graph: see `inhibition.yaml`."""

    roots: tuple[str, ...]
    dependents: tuple[str, ...]
    ahead_s: float


@cache
def terms() -> Terms:
    """The patterns and numbers in force."""
    told: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("inhibition.yaml").read_text(encoding="utf-8"))
    return Terms(tuple(told["roots"]), tuple(told["dependents"]), float(told["ahead_s"]))


def inhibited(
    firing: Sequence[Alert], rules: Mapping[str, Rule], graph: Callable[[str], Graph]
) -> Mapping[str, Inhibited]:
    """Of the alerts that fire, those that another explains, by fingerprint.

    Whatever the rules say, an alert that is muted can be followed from one to the next to an alert that is not: of
    alerts that would mute each other in a circle, the most urgent and oldest one is told.

    Args:
        firing: every alert that fires.
        rules: those in force, by id.
        graph: the live service graph of an environment.
    """
    ranked = sorted(firing, key=_rank)
    near = _Near(ranked, rules, graph)
    because = {alert.fingerprint: near.explaining(alert) for alert in firing}
    return _followed(because, {each.fingerprint: nth for nth, each in enumerate(ranked)})


class _Near:
    """Finds the few alerts that may explain one: those of its member, and those of services that are its or called.

    Args:
        ranked: every alert that fires, the most urgent and oldest first.
        rules: those in force, by id.
        graph: the live service graph of an environment.
    """

    def __init__(self, ranked: Sequence[Alert], rules: Mapping[str, Rule], graph: Callable[[str], Graph]) -> None:
        self._rules, self._graph = rules, graph
        self._order = {each.fingerprint: nth for nth, each in enumerate(ranked)}
        self._tiers: dict[tuple[str, str, str], list[Alert]] = {}
        self._members: dict[tuple[str, str], list[Alert]] = {}
        self._services: dict[tuple[str, str], list[Alert]] = {}
        self._roots: dict[tuple[str, str], list[Alert]] = {}
        for each in ranked:
            self._add(each)

    def _add(self, alert: Alert) -> None:
        where = alert.environment
        self._tiers.setdefault((where, alert.member, _judged(alert.rule)[0]), []).append(alert)
        rule = self._rules.get(alert.rule)
        if rule is not None and rule.inhibits:
            self._members.setdefault((where, alert.member), []).append(alert)
            for service in alert.services:
                self._services.setdefault((where, service), []).append(alert)
        if _is_root(alert):
            for service in alert.services:
                self._roots.setdefault((where, service), []).append(alert)

    def explaining(self, alert: Alert) -> list[Inhibited]:
        """What explains it, the most urgent and oldest first; of very many that might, the first are looked at."""
        where = alert.environment
        found: dict[str, Alert] = {}
        told = [self._tiers.get((where, alert.member, _judged(alert.rule)[0]), ())]
        told.append(self._members.get((where, alert.member), ()))
        told += [self._services.get((where, each), ()) for each in alert.services]
        if alert.services and self._roots:
            # What its first service calls: an alert that is explained so has no other that calls nothing bad.
            called = sorted(self._graph(where).callees(alert.services[0]))
            told += [self._roots.get((where, each), ()) for each in called]
        for group in told:
            found |= {each.fingerprint: each for each in group[:_MOST_LOOKED_AT]}
        found.pop(alert.fingerprint, None)
        others = sorted(found.values(), key=lambda each: self._order[each.fingerprint])
        why = ((each, _why(alert, each, self._rules.get(each.rule), self._graph)) for each in others)
        return [Inhibited(each, reason) for each, reason in why if reason]


def _followed(because: Mapping[str, Sequence[Inhibited]], order: Mapping[str, int]) -> Mapping[str, Inhibited]:
    """Go from what nothing explains to all that it explains; of what is left, a circle, start with its first."""
    explains: dict[str, list[str]] = {}
    for name, reasons in because.items():
        for each in reasons:
            explains.setdefault(each.by.fingerprint, []).append(name)
    ranked = sorted(because, key=order.__getitem__)
    roots = [name for name in ranked if not because[name]]
    known: dict[str, Inhibited | None] = {}
    for name in (*roots, *ranked):
        if name in known:
            continue
        known[name] = None
        reached = [name]
        while reached:
            source = reached.pop()
            for target in explains.get(source, ()):
                if target not in known:
                    known[target] = next(each for each in because[target] if each.by.fingerprint == source)
                    reached.append(target)
    return {name: found for name, found in known.items() if found is not None}


def _why(alert: Alert, other: Alert, rule: Rule | None, graph: Callable[[str], Graph]) -> str:
    return _by_rule(alert, other, rule) or _by_tier(alert, other) or _by_graph(alert, other, graph)


def _by_rule(alert: Alert, other: Alert, rule: Rule | None) -> str:
    if rule is None or not any(silences.like(alert.rule, pattern) for pattern in rule.inhibits):
        return ""
    shared = sorted(set(alert.services) & set(other.services))
    if alert.member != other.member and not shared:
        return ""
    of = f"of {alert.member}" if alert.member and alert.member == other.member else f"on {shared[0]}" if shared else ""
    return f"{_named(other)} fires{f' {of}' if of else ''}, and its rule says that it explains {alert.rule}"


def _by_tier(alert: Alert, other: Alert) -> str:
    if alert.member != other.member or other.severity.rank < alert.severity.rank:
        return ""
    mine, theirs = _judged(alert.rule), _judged(other.rule)
    if mine[0] != theirs[0] or theirs[1] <= mine[1]:
        return ""
    return f"{_named(other)} fires: a higher tier of the same judgement"


def _judged(rule: str) -> tuple[str, int]:
    """What a rule judges, and in which tier: unusual, beyond the warning bound, beyond the critical one."""
    for tier, (first, last) in enumerate((("anomaly.", ""), ("", ".warning"), ("", ".critical"))):
        if rule.startswith(first) and rule.endswith(last):
            return rule[len(first) : len(rule) - len(last)], tier
    return rule, 2


def _by_graph(alert: Alert, other: Alert, graph: Callable[[str], Graph]) -> str:
    found = terms()
    if not _is_root(other):
        return ""
    # What says by itself what is wrong is never explained away; nor is what began well before the other.
    if alert.severity is Severity.CRITICAL and not _fits(alert.rule, found.dependents):
        return ""
    if (other.started_at - alert.started_at).total_seconds() > found.ahead_s or not alert.services:
        return ""
    # A service that has an alert of its own kind is a trouble of its own unless it calls the one that fails.
    calls = graph(alert.environment)
    for service in alert.services:
        callees = calls.callees(service) & set(other.services)
        if service in other.services or not callees:
            return ""
        callee = min(callees)
    return f"{alert.services[-1]} calls {callee}, of which {_named(other)} fires"


def _is_root(alert: Alert) -> bool:
    return alert.severity is Severity.CRITICAL and _fits(alert.rule, terms().roots)


def _fits(rule: str, patterns: Iterable[str]) -> bool:
    return any(silences.like(rule, pattern) for pattern in patterns)


def _named(alert: Alert) -> str:
    return f"{alert.rule} ({alert.member})" if alert.member else alert.rule


def _rank(alert: Alert) -> tuple[int, object, str]:
    return -alert.severity.rank, alert.started_at, alert.fingerprint
