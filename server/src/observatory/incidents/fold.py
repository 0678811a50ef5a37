"""Alerts folded into incidents: pure, and the same for simultaneous changes in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from observatory.incidents import links
from observatory.incidents.case import back, concerns, eased, made, new_id, opened, stepped
from observatory.incidents.graph import Graph, Graphs
from observatory.incidents.links import Link, Traits, terms
from observatory.incidents.model import Case, Incident, IncidentChange, Kind, Member, State
from observatory.model.alert import Alert, Phase, Severity, Transition

_FIRST = "no open incident has anything in common with it"


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of the incidents.

    Attributes:
        cases: those that changed, as they are now, by id in the order of their first change.
        changes: every change, in order.
    """

    cases: Mapping[str, Case]
    changes: Sequence[IncidentChange]


def fold(cases: Iterable[Case], transitions: Sequence[Transition], graphs: Graphs) -> Folded:
    """Fold changes of alerts into incidents.

    An alert that fires joins the open incident that it is tied to most strongly, or opens one; one that ends may end
    its incident. Alerts that fire at the same moment are taken strongest tie first, so that their order says nothing.

    Args:
        cases: incidents that are open, and those that ended lately (`again_s` of `links.yaml`).
        transitions: changes of phase. Those of one moment may stand in any order.
        graphs: the service graph of an environment.
    """
    work: dict[str, _Environment] = {}
    told: dict[str, list[Transition]] = {}
    for each in transitions:
        if matters(each):
            told.setdefault(each.alert.environment, []).append(each)
    known: dict[str, list[Case]] = {}
    for case in cases:
        known.setdefault(case.incident.environment, []).append(case)
    for environment in sorted(told):
        work[environment] = _Environment(environment, known.get(environment, ()), graphs(environment))
        for wave in _waves(told[environment]):
            work[environment].take(wave)
    return Folded(
        {name: done.cases[name] for done in work.values() for name in done.touched},
        [change for done in work.values() for change in done.changes],
    )


def matters(change: Transition) -> bool:
    """Whether incidents look at a change. All ends count: labels and severity may be others than when it fired."""
    return change.before is Phase.FIRING or concerns(change.alert)


def _waves(transitions: Sequence[Transition]) -> Iterable[Sequence[Transition]]:
    """Simultaneous changes together; a second change of one alert at the same moment comes after all first ones."""
    for _, moment in groupby(sorted(transitions, key=lambda each: each.at), key=lambda each: each.at):
        seen: Counter[str] = Counter()
        numbered: list[tuple[int, Transition]] = []
        for each in moment:
            numbered.append((seen[each.alert.fingerprint], each))
            seen[each.alert.fingerprint] += 1
        numbered.sort(key=lambda pair: (pair[0], pair[1].alert.started_at, pair[1].alert.fingerprint))
        for _, wave in groupby(numbered, key=lambda pair: pair[0]):
            yield [each for _, each in wave]


@dataclass
class _Joining:
    """The alerts that join at one moment, by incident, each with the reason; and the incidents as they were before."""

    before: Mapping[str, Incident]
    joined: dict[str, list[tuple[Member, str]]] = field(default_factory=dict)

    def add(self, incident_id: str, member: Member, reason: str) -> None:
        self.joined.setdefault(incident_id, []).append((member, reason))


@dataclass
class _Environment:
    """The incidents of one environment while changes are folded into them."""

    name: str
    given: Iterable[Case]
    graph: Graph
    cases: dict[str, Case] = field(init=False)
    touched: dict[str, None] = field(default_factory=dict)
    changes: list[IncidentChange] = field(default_factory=list)
    _holds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        standing = (case for case in self.given if case.incident.merged_into is None)
        ordered = sorted(standing, key=lambda case: (case.incident.opened_at, case.incident.id))
        self.cases = {case.incident.id: case for case in ordered}
        held = [(case.incident, each) for case in ordered for each in case.members]
        # Where it fires an alert is; else an open incident's claim to it goes before that of one that has ended.
        held.sort(key=lambda pair: (pair[0].open, pair[1].firing, pair[1].fired_at))
        self._holds |= {each.fingerprint: incident.id for incident, each in held}

    def take(self, wave: Sequence[Transition]) -> None:
        """Fold in changes of one moment, at most one of each alert."""
        at = wave[0].at
        fired = [each for each in wave if each.alert.phase is Phase.FIRING and each.before is not Phase.FIRING]
        ended = [each for each in wave if each.before is Phase.FIRING and each.alert.phase is not Phase.FIRING]
        # What fires is taken first: an incident whose last alert ends as another of it begins goes on.
        joining = _Joining({name: case.incident for name, case in self.cases.items()})
        strangers = [each.alert for each in fired if not self._again(each.alert, at, joining)]
        self._place(strangers, at, joining)
        for incident_id, joined in joining.joined.items():
            self._grow(incident_id, joining.before.get(incident_id), joined, at)
        for incident_id in self._end(ended):
            self._settle(incident_id, at, [each.alert for each in ended])

    def _again(self, alert: Alert, at: datetime, joining: _Joining) -> bool:
        """Take back an alert that an incident knows already; False when none does, or one that ended too long ago."""
        case = self.cases.get(self._holds.get(alert.fingerprint, ""))
        if case is None:
            return False
        if not case.incident.open and not self._may_open(case.incident, at):
            return False
        place = next(nth for nth, each in enumerate(case.members) if each.fingerprint == alert.fingerprint)
        old = case.members[place]
        if old.alert == alert.id and old.firing:
            return True
        new = replace(
            old,
            alert=alert.id,
            severity=alert.severity,
            sentence=alert.sentence,
            evidence=_evidence(old.evidence, alert.evidence),
            fired_at=alert.fired_at or at,
            resolved_at=None,
            times=old.times + 1,
        )
        incident = replace(case.incident, state=State.OPENED) if not case.incident.open else case.incident
        self.cases[incident.id] = Case(incident, (*case.members[:place], new, *case.members[place + 1 :]))
        joining.add(incident.id, new, f"{links.name(new)} fires again, for the {_nth(new.times)} time")
        return True

    def _may_open(self, incident: Incident, at: datetime) -> bool:
        """Whether a resolved incident is taken up again: it ended lately, and there is room."""
        lately = incident.resolved_at is not None and at - incident.resolved_at <= timedelta(seconds=terms().again_s)
        return lately and sum(case.incident.open for case in self.cases.values()) < terms().most_open

    def _place(self, alerts: Sequence[Alert], at: datetime, joining: _Joining) -> None:
        """Find an incident for each of some alerts that none knows: strongest tie first."""
        left = {alert.fingerprint: _member(alert, at) for alert in alerts}
        traits = {name: links.traits(each, self.graph) for name, each in left.items()}
        ties: dict[str, tuple[Link, str]] = {}
        for case in [case for case in self.cases.values() if left and case.incident.open]:
            for member in case.members:
                self._tie(left, traits, ties, links.traits(member, self.graph), case.incident.id)
        while left:
            name = min(left, key=lambda each: _strength(ties.get(each), left[each]))
            member, tie = left.pop(name), ties.pop(name, None)
            incident_id = self._put(member, tie, at, joining)
            self._tie(left, traits, ties, traits[name], incident_id)

    def _tie(
        self,
        left: Mapping[str, Member],
        traits: Mapping[str, Traits],
        ties: dict[str, tuple[Link, str]],
        old: Traits,
        incident_id: str,
    ) -> None:
        if len(self.cases[incident_id].members) >= terms().most_alerts:
            for name in [name for name, (_, held_by) in ties.items() if held_by == incident_id]:
                del ties[name]
            return
        for name in left:
            tie = ties.get(name)
            found = links.link(traits[name], old, tie[0].confidence if tie else 0.0)
            if found is not None:
                ties[name] = (found, incident_id)

    def _put(self, member: Member, tie: tuple[Link, str] | None, at: datetime, joining: _Joining) -> str:
        """Into the incident it is tied to, or into a new one; returns the incident's id."""
        open_ids = [case.incident.id for case in self.cases.values() if case.incident.open]
        if tie is None and len(open_ids) >= terms().most_open:
            why = f"{len(open_ids)} incidents are open, and no more than that are kept: put into the newest"
            tie = (Link(0.0, why, self.cases[open_ids[-1]].incident.root), open_ids[-1])
        if tie is None:
            incident_id = new_id(self.name, member.alert, at)
            self.cases[incident_id] = opened(incident_id, self.name, [member], self.graph)
            joining.add(incident_id, member, member.sentence)
        else:
            link, incident_id = tie
            case = self.cases[incident_id]
            member = replace(member, link=link.to, reason=link.reason, confidence=link.confidence)
            self.cases[incident_id] = Case(case.incident, (*case.members, member))
            joining.add(incident_id, member, f"{links.name(member)}: {link.reason}")
        self._holds[member.fingerprint] = incident_id
        return incident_id

    def _grow(
        self, incident_id: str, before: Incident | None, joined: Sequence[tuple[Member, str]], at: datetime
    ) -> None:
        """What the alerts of one moment make of an incident: put together once, however many they are."""
        case = self.cases[incident_id]
        was = case.incident if before is None else before
        after = stepped(made(was, case.members, self.graph))
        worst = next((each for each, _ in joined if each.severity is Severity.CRITICAL), None)
        if was.state is State.MITIGATED and after.incident.state is State.MITIGATED and worst is not None:
            after = back(after)
        self._keep(after)
        for nth, (each, reason) in enumerate(joined):
            self._tell(incident_id, "opened" if before is None and nth == 0 else "joined", at, each.alert, reason)
        if before is None:
            return
        newest, reason = joined[-1]
        if after.incident.severity is not before.severity and worst is not None:
            self._tell(incident_id, "severity", at, worst.alert, f"now {after.incident.severity}: {worst.sentence}")
        if before.state in (State.MITIGATED, State.RESOLVED) and after.incident.state is not before.state:
            self._tell(incident_id, "reopened", at, newest.alert, f"was {before.state}: {reason}")

    def _end(self, changes: Sequence[Transition]) -> list[str]:
        """Note that alerts ended; returns the incidents that they are part of."""
        over: dict[str, dict[str, Transition]] = {}
        for each in changes:
            case = self.cases.get(self._holds.get(each.alert.fingerprint, ""))
            if case is not None and case.incident.open:
                over.setdefault(case.incident.id, {})[each.alert.id] = each
        for incident_id, of in over.items():
            case = self.cases[incident_id]
            members = [_over(each, of.get(each.alert)) for each in case.members]
            self._keep(Case(case.incident, tuple(members)))
        return [each for each in self.cases if each in over]

    def _settle(self, incident_id: str, at: datetime, ended: Sequence[Alert]) -> None:
        """What the end of some of its alerts means for an incident."""
        before = self.cases[incident_id]
        after = eased(stepped(before), at)
        if after == before:
            return
        self._keep(after)
        held = {each.alert for each in after.members}
        last = next((alert for alert in reversed(ended) if alert.id in held), None)
        kind: Kind = "resolved" if after.incident.state is State.RESOLVED else "mitigated"
        reason = "its last alert ended" if kind == "resolved" else "nothing critical of it fires any more"
        self._tell(incident_id, kind, at, None if last is None else last.id, reason)

    def _keep(self, case: Case) -> None:
        self.cases[case.incident.id] = case
        self.touched[case.incident.id] = None

    def _tell(self, incident_id: str, kind: Kind, at: datetime, alert: str | None, reason: str) -> None:
        self.changes.append(IncidentChange(self.cases[incident_id].incident, kind, at, alert, reason))


def _strength(tie: tuple[Link, str] | None, member: Member) -> tuple[float, datetime, str]:
    """Sorts the strongest tie first; without one, whichever began first."""
    return (-tie[0].confidence if tie else 0.0, member.started_at, member.fingerprint)


def _member(alert: Alert, at: datetime) -> Member:
    fired = alert.fired_at or at
    return Member(
        alert=alert.id,
        rule=alert.rule,
        member=alert.member,
        severity=alert.severity,
        sentence=alert.sentence,
        subjects=tuple(f"{name} {alert.labels[name]}" for name in sorted(terms().subjects & alert.labels.keys())),
        services=alert.services,
        area=alert.area,
        evidence=alert.evidence,
        runbook=alert.runbook,
        started_at=alert.started_at,
        first_fired_at=fired,
        fired_at=fired,
        resolved_at=None,
        joined_at=at,
        deviated_at=None,
        times=1,
        link="",
        reason=_FIRST,
        confidence=1.0,
    )


def _over(member: Member, ended: Transition | None) -> Member:
    if ended is None or not member.firing:
        return member
    return replace(member, resolved_at=ended.at, evidence=_evidence(member.evidence, ended.alert.evidence))


def _evidence(old: Sequence[str], new: Sequence[str], most: int = 20) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old, *new)))[:most]


def _nth(times: int) -> str:
    return {2: "second", 3: "third"}.get(times, f"{times}th")
