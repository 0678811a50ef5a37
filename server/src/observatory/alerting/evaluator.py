"""Every alert's state: stepped with each round and after commits, and changed only once the change is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from observatory.alerting import machine
from observatory.alerting.conditions import Bounded, Sql
from observatory.alerting.inputs import Inputs
from observatory.alerting.observe import missing, observe, readings
from observatory.alerting.own import OwnState
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.rulebook import Rulebook
from observatory.alerting.scene import Scene
from observatory.catalogue import Catalogue
from observatory.errors import StoreError
from observatory.model import Reading, Snapshot
from observatory.model.alert import Alert, Phase, Transition
from observatory.selfwatch import Selfwatch
from observatory.state import Rows, State

_log = logging.getLogger(__name__)
REFRESH_S = 60.0
# Alerts that have been closed for so long are forgotten: then their episodes count from 1 again.
_FORGET = timedelta(days=35)
_RETAIN = timedelta(days=400)

Key = tuple[str, str, str]
Step = Callable[[Rows, Sequence[Transition]], Awaitable[None]]
Sink = Callable[[Sequence[Transition]], Awaitable[None]]
Fence = Callable[[Rows], Awaitable[None]]


class Keeper:
    """A sink: changes of phase, and what other rooms make of them, in one transaction of the control store.

    Args:
        state: the control store.
        steps: what is done with the changes inside the transaction, in order; one that raises undoes all of it.
    """

    def __init__(self, state: State, steps: Iterable[Step] = ()) -> None:
        self._state = state
        self.steps: list[Step] = list(steps)
        self.after: list[Callable[[], None]] = []
        """Called once a transaction is committed."""

    async def __call__(self, transitions: Sequence[Transition]) -> None:
        """Keep them.

        Raises:
            StateError: the control store refused; nothing is kept then.
        """
        async with self._state.writing() as rows:
            await rows.alerts.write(transitions)
            for step in self.steps:
                await step(rows, transitions)
        for told in self.after:
            told()


@dataclass(frozen=True, slots=True)
class Watch:
    """What the evaluator is made of, beside rules and inputs.

    Attributes:
        catalogue: the services.
        since: since when the server listens.
        home: the environment in which Observatory speaks of itself.
    """

    catalogue: Catalogue
    since: datetime
    home: str = "production"


class Evaluator:
    """Rules against rounds.

    Args:
        rulebook: the rules in force.
        inputs: what conditions look at beside a round.
        own: what Observatory says of itself; None: nothing.
        sink: takes the changes of one round; the states follow only when it has them.
        state: where alerts are read from at the start; None: nothing is read from there, nor tidied up (a replay).
        selfwatch: where failures are counted.
        watch: the rest.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        inputs: Inputs,
        own: OwnState | None,
        sink: Sink,
        state: State | None,
        selfwatch: Selfwatch,
        watch: Watch,
    ) -> None:
        self.rulebook = rulebook
        self.inputs = inputs
        self._own = own
        self._sink = sink
        self._state = state
        self._selfwatch = selfwatch
        self._watch = watch
        self._alerts: dict[Key, Alert] = {}
        self._one = asyncio.Lock()
        self._refreshed: datetime | None = None
        self._forgotten: datetime | None = None
        self.fence: Fence | None = None
        """Called first in each transaction that writes beside the sink; raises where another server leads by now."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every alert that is or was, as it stands, with what the newest round measured."""
        return tuple(self._alerts.values())

    def open(self, environment: str) -> Sequence[Alert]:
        """The environment's alerts that are pending or firing."""
        return [each for each in self._alerts.values() if each.environment == environment and each.phase.open]

    async def load(self) -> None:
        """Read rules and alerts as they were when the last process ended.

        Raises:
            StateError: the control store failed.
        """
        await self.rulebook.load()
        if self._state is None:
            return
        async with self._state.reading() as rows:
            found = await rows.alerts.newest(self._watch.since - _FORGET)
        self._alerts = {_key(each): each for each in found if each.phase.open or each.episode}

    async def count(self, at: datetime) -> None:
        """Count how budgets burn without holding rules against it, for a server that only shows it."""
        try:
            await self.inputs.count(at)
        except StoreError:
            self._selfwatch.tick_failures.labels(area="rules").inc()
            _log.exception("burn rates could not be read")

    async def round(self, snapshots: Iterable[Snapshot], at: datetime) -> Sequence[Transition]:
        """Hold every rule against a round; returns the changes, which the sink has taken.

        Raises:
            StateError: the changes could not be kept; the next round finds them again.
        """
        async with self._one:
            self.rulebook.reread()
            rules = self.rulebook.rules
            snapshots = list(snapshots)
            rows = await self.inputs.answers(rules, at)
            burns = await self._learnt(rules, at)
            staged: dict[Key, Alert | None] = {}
            changes: list[Transition] = []
            for snapshot in snapshots:
                scene = await self._scene(snapshot, rules, rows, burns)
                changes += self._held_against(rules, scene, staged)
            changes += self._orphans(rules, {each.environment for each in snapshots}, at, staged)
            await self._commit(changes, staged)
            await self._upkeep(at)
            return changes

    async def after_commit(
        self, found: Mapping[str, Mapping[str, Sequence[Reading]]], tables: frozenset[str], at: datetime
    ) -> Sequence[Transition]:
        """Hold what was read right after a commit against its rules: what crossed a bound is seen at once.

        Only what is bad counts: what gets better waits for the next round, which sees all of it.

        Args:
            found: readings by environment and indicator.
            tables: the tables that got rows; rules that ask them are asked.
            at: end of the readings' windows.

        Raises:
            StateError: the changes could not be kept.
        """
        async with self._one:
            asking = [rule for rule in self.rulebook.rules if _asks(rule, tables)]
            rows = await self.inputs.answers(asking, at, {rule.id for rule in asking})
            wanted = {name for of in found.values() for name in of}
            rules = [*asking, *(rule for rule in self.rulebook.rules if _judges(rule, wanted))]
            staged: dict[Key, Alert | None] = {}
            changes: list[Transition] = []
            for environment in {*found, *(name for of in rows.values() for name in of)}:
                answers = {rule_id: of.get(environment, ()) for rule_id, of in rows.items()}
                scene = Scene(
                    environment,
                    at,
                    self._watch.since,
                    self._watch.catalogue,
                    self.rulebook.known.indicators,
                    found.get(environment, {}),
                    rows=answers,
                )
                seen = {
                    name: [each for each in told if each.verdict is Verdict.BAD]
                    for name, told in observe(rules, scene).items()
                }
                changes += self._step(rules, seen, at, staged)
            await self._commit(changes, staged)
            return changes

    async def _learnt(self, rules: Sequence[Rule], at: datetime) -> Mapping[str, object] | None:
        """Burn rates; and once, what history knows of members and courses. None when the store did not answer."""
        try:
            await self.inputs.recall(rules, at)
            await self.inputs.anomalies.learn(rules, at)
            return await self.inputs.count(at)
        except StoreError:
            self._selfwatch.tick_failures.labels(area="rules").inc()
            _log.exception("burn rates or history could not be read")
            return None

    async def _scene(
        self,
        snapshot: Snapshot,
        rules: Sequence[Rule],
        rows: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]],
        burns: Mapping[str, object] | None,
    ) -> Scene:
        name, read = snapshot.environment, readings(snapshot)
        told = await self.inputs.told(name, snapshot.at)
        if self._own is not None and name == self._watch.home:
            told |= self._own.tell(snapshot.at)
        return Scene(
            environment=name,
            at=snapshot.at,
            since=self._watch.since,
            catalogue=self._watch.catalogue,
            indicators=self.rulebook.known.indicators,
            readings=read,
            snapshot=snapshot,
            expected=self.inputs.expected(rules, name, read, snapshot.at),
            rows={rule_id: of.get(name, ()) for rule_id, of in rows.items()},
            burns=None if burns is None else self.inputs.burns.get(name, {}),
            scores=self.inputs.anomalies.scores(rules, name, read, snapshot.at),
            told=told,
        )

    def _held_against(self, rules: Sequence[Rule], scene: Scene, staged: dict[Key, Alert | None]) -> list[Transition]:
        seen = observe(rules, scene)
        opened: dict[str, list[Alert]] = {}
        for alert in self.open(scene.environment):
            opened.setdefault(alert.rule, []).append(alert)
        whole = {
            rule.id: [*seen[rule.id], *missing(rule, seen[rule.id], opened.get(rule.id, ()))]
            for rule in rules
            if rule.id in seen
        }
        return self._step(rules, whole, scene.at, staged)

    def _step(
        self,
        rules: Iterable[Rule],
        seen: Mapping[str, Sequence[Observation]],
        at: datetime,
        staged: dict[Key, Alert | None],
    ) -> list[Transition]:
        changes: list[Transition] = []
        for rule in rules:
            for each in seen.get(rule.id, ()):
                key = (each.environment, rule.id, each.member)
                before = self._alerts.get(key)
                # A commit has been looked at since this round's windows ended.
                if before is not None and each.verdict is not Verdict.BAD and at < before.seen_at:
                    continue
                after, change = machine.step(before, each, rule, at)
                if after is not before:
                    staged[key] = after
                if change is not None:
                    changes.append(change)
        return changes

    def _orphans(
        self, rules: Sequence[Rule], environments: set[str], at: datetime, staged: dict[Key, Alert | None]
    ) -> list[Transition]:
        """Close the alerts of rules that are gone, switched off, or no longer hold there."""
        holding = {rule.id: rule for rule in rules if rule.enabled}
        changes: list[Transition] = []
        for key, alert in self._alerts.items():
            rule = holding.get(alert.rule)
            if not alert.phase.open or (
                rule is not None and alert.environment in environments and _holds(rule, key[0])
            ):
                continue
            if rule is None or not _holds(rule, alert.environment):
                after, change = machine.end(alert, at, "its rule is no longer in force")
            else:
                gone = Observation(*key, Verdict.NO_DATA, "nothing is heard from the environment")
                silent, change = machine.step(alert, gone, rule, at)
                after = silent or alert
            staged[key] = after
            changes += [change] if change is not None else []
        return changes

    async def _commit(self, changes: Sequence[Transition], staged: Mapping[Key, Alert | None]) -> None:
        if changes:
            # Written down first: a change that is not kept has not happened, and is found again.
            await self._sink(changes)
        for key, alert in staged.items():
            if alert is None or (alert.phase is Phase.INACTIVE and not alert.episode):
                self._alerts.pop(key, None)
            else:
                self._alerts[key] = alert

    async def _upkeep(self, at: datetime) -> None:
        if self._state is None:
            return
        if self._refreshed is None:
            self._refreshed = self._forgotten = at
        if (at - self._refreshed).total_seconds() >= REFRESH_S:
            self._refreshed = at
            opened = [each for each in self._alerts.values() if each.phase.open]
            if opened:
                async with self._writing(self._state) as rows:
                    await rows.alerts.refresh(opened)
        if self._forgotten is not None and at - self._forgotten >= timedelta(days=1):
            self._forgotten = at
            old = [key for key, each in self._alerts.items() if not each.phase.open and at - each.since > _FORGET]
            for key in old:
                del self._alerts[key]
            async with self._writing(self._state) as rows:
                await rows.alerts.forget(at - _RETAIN)

    @asynccontextmanager
    async def _writing(self, state: State) -> AsyncIterator[Rows]:
        async with state.writing() as rows:
            if self.fence is not None:
                await self.fence(rows)
            yield rows


def _key(alert: Alert) -> Key:
    return alert.environment, alert.rule, alert.member


def _holds(rule: Rule, environment: str) -> bool:
    return not rule.environments or environment in rule.environments


def _asks(rule: Rule, tables: frozenset[str]) -> bool:
    condition = rule.condition
    # One that is asked every so often looks far back: that is dear, and nobody waits for it.
    return isinstance(condition, Sql) and not condition.every_s and not tables.isdisjoint(condition.tables)


def _judges(rule: Rule, indicators: set[str]) -> bool:
    return isinstance(rule.condition, Bounded) and rule.condition.indicator.id in indicators
