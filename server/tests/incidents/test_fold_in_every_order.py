"""Incidents tried in every order: alerts that fire and end, people who merge, split and undo, servers that restart."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from alert_scenes import alert, graphs, later
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from observatory.errors import InvalidRequest
from observatory.incidents import Case, Folded, Move, State, concerns, fold, moves
from observatory.incidents.links import terms
from observatory.model.alert import Alert, Phase, Severity, Transition
from observatory.state import incident_tables as kept

SERVICES = ("trade_execution_service", "binance_smart_router", "exchange_universe_service", "ai_chat_engine")
SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.CRITICAL, Severity.INFO)
# Rules on members that share now a service, now a call, now a trace, now nothing.
KINDS = [(nth, SERVICES[nth % 4], SEVERITIES[nth % 4]) for nth in range(10)]


def an_alert(nth: int, episode: int, at_s: float) -> Alert:
    _, service, severity = KINDS[nth]
    return alert(
        f"rule.{nth // 2}",
        f"m{nth}",
        later(at_s),
        episode=episode,
        severity=severity,
        services=(service,) if nth % 3 else (),
        evidence=("f" * 32,) if nth in (0, 7) else (),
        area="one" if nth in (3, 6) else "",
    )


def rounds() -> st.SearchStrategy[list[set[int]]]:
    """In each round, which alerts change their phase."""
    return st.lists(st.sets(st.integers(0, len(KINDS) - 1), max_size=6), max_size=8)


def changes_of(flips: set[int], firing: dict[int, Alert], episodes: Counter[int], at_s: float) -> list[Transition]:
    told = []
    for nth in sorted(flips):
        if nth in firing:
            over = replace(firing.pop(nth), phase=Phase.RESOLVED, resolved_at=later(at_s))
            told.append(Transition(over, Phase.FIRING, later(at_s), "good again"))
        else:
            episodes[nth] += 1
            firing[nth] = an_alert(nth, episodes[nth], at_s)
            told.append(Transition(firing[nth], Phase.INACTIVE, later(at_s), "bad"))
    return told


@settings(max_examples=60, deadline=None)
@given(rounds(), st.randoms(use_true_random=False))
def test_the_order_of_simultaneous_changes_says_nothing(flips: list[set[int]], dice: random.Random) -> None:
    firing: dict[int, Alert] = {}
    episodes: Counter[int] = Counter()
    first: dict[str, Case] = {}
    second: dict[str, Case] = {}
    for nth, each in enumerate(flips):
        told = changes_of(each, firing, episodes, 90.0 * nth)
        first |= fold(first.values(), told, graphs).cases
        cases = list(second.values())
        dice.shuffle(told)
        dice.shuffle(cases)
        second |= fold(cases, told, graphs).cases
        assert first == second


class Incidents(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cases: dict[str, Case] = {}
        self.moves: list[Move] = []
        self.firing: dict[int, Alert] = {}
        self.episodes: Counter[int] = Counter()
        self.now_s = 0.0

    def take(self, folded: Folded) -> None:
        self.cases |= folded.cases
        for change in folded.changes:
            assert change.incident.id in self.cases
        # Both incidents of a move tell of it.
        self.moves += [change.move for change in folded.changes[:1] if change.move is not None]

    @rule(
        flips=st.sets(st.integers(0, len(KINDS) - 1), min_size=1, max_size=5),
        wait_s=st.sampled_from([0, 5, 300, 4_000]),
    )
    def a_round(self, flips: set[int], wait_s: float) -> None:
        self.now_s += wait_s
        told = changes_of(flips, self.firing, self.episodes, self.now_s)
        standing = [case for case in self.cases.values() if case.incident.merged_into is None]
        self.take(fold(standing, told, graphs))

    @precondition(lambda self: self.standing())
    @rule(data=st.data(), state=st.sampled_from([State.ACKNOWLEDGED, State.MITIGATED, State.OPENED]))
    def somebody_says_how_far_it_is(self, data: st.DataObject, state: State) -> None:
        case = self.cases[data.draw(st.sampled_from(self.standing()))]
        self.take(moves.set_state(case, state, later(self.now_s), "token:1", "looked at it"))

    @precondition(lambda self: len(self.standing()) > 1)
    @rule(data=st.data(), undo=st.booleans())
    def merged(self, data: st.DataObject, undo: bool) -> None:
        one, other = data.draw(st.permutations(self.standing()))[:2]
        before = dict(self.cases)
        try:
            folded = moves.merge(
                self.cases[one], self.cases[other], graphs(""), later(self.now_s), "token:1", "one trouble"
            )
        except InvalidRequest:
            return
        self.take(folded)
        if undo:
            self.undone(one, before)

    @precondition(lambda self: any(len(self.cases[each].members) > 1 for each in self.standing()))
    @rule(data=st.data(), undo=st.booleans())
    def parted(self, data: st.DataObject, undo: bool) -> None:
        name = data.draw(st.sampled_from([each for each in self.standing() if len(self.cases[each].members) > 1]))
        case = self.cases[name]
        going = data.draw(
            st.lists(st.sampled_from(case.members), min_size=1, max_size=len(case.members) - 1, unique=True)
        )
        before = dict(self.cases)
        alerts = [each.alert for each in going]
        # One and the same alert cannot open two incidents in one moment.
        self.now_s += 1
        self.take(moves.split(case, alerts, graphs(""), later(self.now_s), "token:1", "another trouble"))
        if undo:
            self.undone(name, before)

    @precondition(lambda self: moves.last(self.moves) is not None)
    @rule()
    def undone_later(self) -> None:
        move = moves.last(self.moves)
        assert move is not None
        self.undone(move.source.incident.id, None)

    @rule()
    def restarted(self) -> None:
        self.cases = {name: kept.decode(kept.encode(case)) for name, case in self.cases.items()}

    def undone(self, name: str, before: dict[str, Case] | None) -> None:
        move = moves.last(self.of(name))
        assert move is not None
        sides = (move.source.incident.id, move.target_id)
        moves.only_newest(move, [moves.last(self.of(each)) for each in sides])
        source, target = self.cases[move.source.incident.id], self.cases[move.target_id]
        self.take(moves.undo(move, source, target, graphs(""), later(self.now_s), "token:1", "no"))
        if before is not None:
            assert before == {each: self.cases[each] for each in before}

    def of(self, name: str) -> list[Move]:
        return [each for each in self.moves if name in (each.source.incident.id, each.target_id)]

    def standing(self) -> list[str]:
        return sorted(name for name, case in self.cases.items() if case.incident.open)

    @invariant()
    def every_firing_alert_is_in_exactly_one_open_incident(self) -> None:
        held = Counter(each.alert for name in self.standing() for each in self.cases[name].firing)
        assert held == Counter(each.id for each in self.firing.values() if concerns(each))

    @invariant()
    def an_incident_is_what_its_alerts_make_of_it(self) -> None:
        assert len(self.standing()) <= terms().most_open
        for case in self.cases.values():
            incident = case.incident
            assert incident.alerts == tuple(each.alert for each in case.members)
            assert incident.root in incident.alerts
            assert 0 <= incident.confidence <= 1
            assert incident.reason
            assert incident.title
            if incident.merged_into is None:
                assert bool(case.firing) is incident.open
            assert (incident.state is State.RESOLVED) is (incident.resolved_at is not None)
            assert (incident.state is State.MITIGATED) <= (incident.mitigated_at is not None)
            assert len({each.fingerprint for each in case.members}) == len(case.members)


TestIncidents = Incidents.TestCase
TestIncidents.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
