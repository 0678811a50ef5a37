"""History that nobody lived: indicators, snapshots, alerts and incidents of telemetry that was stored later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from observatory.alerting import Keeper, Rule, machine
from observatory.errors import InvalidRequest
from observatory.model.alert import Phase
from observatory.replay.replaying import Progress
from observatory.replay.rounds import Rounds, Sources, untold
from observatory.replay.span import Span
from observatory.state import State
from observatory.store import History
from observatory.tick import Recorder, Snapshots

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
    """What was recorded: rounds, queries that failed, changes of phase, alerts that fired."""

    rounds: int
    failures: int
    changes: int
    fired: int


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
    return Recorded(span.rounds, rounds.failures, changes, fired)


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
