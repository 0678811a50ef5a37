"""Rules over a stretch of the past: what would have fired, when, of what and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from observatory.alerting import Rule
from observatory.clock import Clock
from observatory.model.alert import Transition
from observatory.replay.fires import Fire, fires
from observatory.replay.rounds import Rounds, Sources, untold
from observatory.replay.span import Span, listening

MOST_CHANGES = 20_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a replay may do.

    Attributes:
        seconds: of work; then it ends where it is.
        changes: most changes of phase that are kept.
    """

    seconds: float = float("inf")
    changes: int = MOST_CHANGES


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay found.

    Attributes:
        rules: what was replayed.
        environment: where.
        span: what was asked for.
        listening: since when a server is taken to have listened.
        until: up to when it was replayed.
        rounds: how many moments were looked at.
        why_short: why it ended before the end; empty when it did not.
        failures: queries that failed; what they should have told is missing.
        skipped: by rule, why it was not replayed.
        changes: every change of phase, in order of time.
        fires: the firings, by when they fired.
    """

    rules: Sequence[Rule]
    environment: str
    span: Span
    listening: datetime
    until: datetime
    rounds: int
    why_short: str
    failures: int
    skipped: Mapping[str, str]
    changes: Sequence[Transition]
    fires: Sequence[Fire]


async def replay(
    sources: Sources,
    rules: Sequence[Rule],
    environment: str,
    span: Span,
    clock: Clock,
    bounds: Bounds = Bounds(),
    since: datetime | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Hold rules against every moment of a stretch, with the live server's own tick, conditions and state machine.

    Args:
        sources: the telemetry.
        rules: also one that is not saved, or switched off: it is replayed as if it were on.
        environment: whose alerts.
        span: from when to when, how often.
        clock: how long it takes.
        bounds: how much it may do.
        since: since when a server is taken to have listened; None: found out.
        progress: is told of the rounds done and of all.

    Raises:
        StoreError: the store does not answer.
    """
    skipped = {rule.id: why for rule in rules if (why := untold(rule))}
    held = [replace(rule, enabled=True) for rule in rules if rule.id not in skipped]
    heard = since or await listening(sources.reader, environment, span.since, span.until)
    rounds = Rounds(sources, held, span.since, heard, environment)
    changes: list[Transition] = []
    started, done, newest, why = clock.monotonic(), 0, span.since, ""
    for moment in span.moments() if held else ():
        changes += await rounds.at(moment)
        done, newest = done + 1, moment
        if progress is not None:
            progress(done, span.rounds)
        why = _enough(clock.monotonic() - started, len(changes), bounds)
        if why and done < span.rounds:
            break
    kept = changes[: bounds.changes]
    short = "" if not held or (done == span.rounds and len(kept) == len(changes)) else why
    until = newest if held else span.until
    return Outcome(
        held, environment, span, heard, until, done, short, rounds.failures, skipped, kept, fires(kept, until)
    )


def _enough(spent_s: float, changes: int, bounds: Bounds) -> str:
    if changes >= bounds.changes:
        return f"there are {bounds.changes:,} changes already"
    if spent_s >= bounds.seconds:
        return f"it took {bounds.seconds:g} s"
    return ""
