"""History that nobody lived: indicators, snapshots, alerts and incidents of telemetry that was stored later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from observatory.alerting import Keeper, Rule, machine
from observatory.errors import InvalidRequest, StoreError
from observatory.incidents import onsets
from observatory.model.alert import Phase
from observatory.replay.replaying import Progress
from observatory.replay.rounds import Rounds, Sources, untold
from observatory.replay.span import Span
from observatory.state import IncidentsWanted, State
from observatory.store import History
from observatory.tick import Recorder, Snapshots

_MOST_INCIDENTS = 20_000
_NEWEST = "SELECT max(Timestamp) FROM indicator_history WHERE Timestamp >= {since:DateTime('UTC')}"


@dataclass(frozen=True, slots=True)
class Into:
    """Where a record goes.

    Attributes:
        recorder: keeps indicators and snapshots.
        history: where that is kept.
        snapshots: where rounds are published, with what makes their JSON.
        state: the control store.
        keeper: keeps alerts, and what other rooms make of them. None of its steps may tell anybody.
    """

    recorder: Recorder
    history: History
    snapshots: Snapshots
    state: State
    keeper: Keeper


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded.

    Attributes:
        rounds: how many moments were lived through.
        failures: queries that failed.
        changes, fired: changes of phase, and alerts that fired among them.
        deviations: alerts of incidents whose first deviation was found.
    """

    rounds: int
    failures: int
    changes: int
    fired: int
    deviations: int


async def record(
    sources: Sources,
    rules: Sequence[Rule],
    span: Span,
    listening: datetime,
    into: Into,
    replace: bool = False,
    progress: Progress | None = None,
) -> Recorded:
    """Live through a stretch of the past: history, alerts and incidents are kept as if a server had been there.

    Nobody is told anything. Alerts that are open at the end stay open: a server that starts then goes on with them.

    Args:
        sources: the telemetry.
        rules: those that hold; what cannot be replayed is left out.
        span: from when to when.
        listening: since when a server is taken to have listened.
        into: where it goes.
        replace: whether history, alerts and incidents that are there from `span.since` on are thrown away first. Then
            the stretch must reach up to the newest of them.
        progress: is told of the rounds done and of all.

    Raises:
        InvalidRequest: history or alerts are there already from `span.since` on, and shall not be replaced.
        StateError, StoreError: a store failed; what was recorded before stays.
    """
    await _make_room(sources, span, into, replace)
    held = [each for each in rules if not untold(each)]
    rounds = Rounds(
        sources,
        held,
        span.since,
        listening,
        sink=into.keeper,
        snapshots=into.snapshots,
        recorder=into.recorder,
        state=into.state,
        whole=True,
    )
    await rounds.load()
    changes = fired = 0
    for done, moment in enumerate(span.moments(), 1):
        found = await rounds.at(moment)
        changes += len(found)
        fired += sum(each.alert.phase is Phase.FIRING for each in found)
        if progress is not None:
            progress(done, span.rounds)
    deviations, failed = await _deviations(sources, rules, span, listening, into.state)
    return Recorded(span.rounds, rounds.failures + failed, changes, fired, deviations)


async def _deviations(
    sources: Sources, rules: Sequence[Rule], span: Span, listening: datetime, state: State
) -> tuple[int, int]:
    """Look for what a server finds beside its rounds; how many were found, and how many questions failed."""
    indicators = {rule.id: getattr(rule.condition, "indicator", None) for rule in rules}
    judged = {name: each.id for name, each in indicators.items() if each is not None}
    async with state.reading() as rows:
        cases = await rows.incidents.between(IncidentsWanted(since=span.since, until=span.until), _MOST_INCIDENTS)
    found = failed = 0
    until = span.until + timedelta(seconds=span.step_s)
    for incident, member in ((case.incident, each) for case in cases for each in case.members):
        if member.deviated_at is not None:
            continue
        where = incident.environment
        try:
            at = await onsets.read(member, where, judged.get, sources.reader, listening, until, span.step_s)
        except StoreError:
            failed += 1
            continue
        if at is not None:
            found += 1
            async with state.writing() as rows:
                await onsets.keep(rows, incident.id, member, at)
    return found, failed


async def _make_room(sources: Sources, span: Span, into: Into, replace: bool) -> None:
    """See to it that nothing is kept from the beginning on, neither history nor alerts."""
    found = await _newest(sources, span.since, into.state)
    if found is None:
        return
    if not replace:
        raise InvalidRequest(
            f"from: history or alerts up to {found:%Y-%m-%dT%H:%M:%SZ} are there already: begin after that, "
            "or have them replaced"
        )
    if found > span.until:
        raise InvalidRequest(f"to: what is replaced reaches up to {found:%Y-%m-%dT%H:%M:%SZ}: end after that")
    await asyncio.to_thread(into.history.forget, span.since)
    async with into.state.writing() as rows:
        await rows.alerts.rewind(span.since)
        await rows.incidents.rewind(span.since)
        opened = await rows.alerts.open()
    ends = (machine.end(each, span.since, "what was found from here on is found anew") for each in opened)
    changes = [change for _, change in ends if change is not None]
    if changes:
        await into.keeper(changes)


async def _newest(sources: Sources, since: datetime, state: State) -> datetime | None:
    rows = (await sources.reader.read(_NEWEST, {"since": f"{since:%Y-%m-%d %H:%M:%S}"})).rows
    kept = rows[0][0].astimezone(UTC) if rows and rows[0][0].year > 1970 else None
    async with state.reading() as found:
        changed = await found.alerts.changed_after(since)
    return max((each for each in (kept, changed) if each is not None), default=None)
