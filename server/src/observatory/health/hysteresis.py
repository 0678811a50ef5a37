"""One noisy round does not flip a verdict: a state machine that is handed what was seen and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from observatory.health import words
from observatory.model import Finding, Health, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a change must last before it comes into force.

    Attributes:
        worse_s: seconds that something must have been worse; two rounds at least.
        better_s: seconds that something must have been better; two rounds at least.
    """

    worse_s: float = 0.0
    better_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """Rounds in a row that were all worse, or all better, than the verdict in force.

    Attributes:
        since: time of the first of them.
        mildest: the least bad of them, the newest of such.
        harshest: the worst of them, the newest of such.
    """

    since: datetime
    mildest: Verdict
    harshest: Verdict


@dataclass(frozen=True, slots=True)
class Held:
    """The verdict in force and what speaks against it so far.

    Attributes:
        verdict: in force, with the findings of the last round that agreed with it.
        run: the rounds since that disagreed, all to the same side.
    """

    verdict: Verdict
    run: Run | None = None


def step(held: Held | None, seen: Verdict, now: datetime, patience: Patience = Patience()) -> Held:
    """The verdict in force after one more round.

    The first round comes into force at once. Later ones need a second round in a row on the same side of the verdict
    in force, and the patience of that side; then as much of the change comes into force as all of them agree on.

    Args:
        held: what the step before returned; None at the first.
        seen: this round's verdict.
        now: this round's time; never earlier than the step before's.
    """
    if held is None:
        return Held(replace(seen, since=now))
    current = held.verdict.health
    if seen.health is current:
        return Held(replace(seen, since=held.verdict.since))
    run = _extend(held, seen, now)
    if held.run is None or run.since == now or not _ripe(run, current, now, patience):
        return Held(_waiting(held.verdict, seen, run, patience), run)
    agreed = run.mildest if run.mildest.health.rank > current.rank else run.harshest
    # The rounds may agree on a step, not on all of it: the rest starts a run of its own.
    rest = None if agreed.health is seen.health else Run(now, seen, seen)
    return Held(replace(agreed, since=now), rest)


def _extend(held: Held, seen: Verdict, now: datetime) -> Run:
    run, current = held.run, held.verdict.health
    same_side = run is not None and (run.mildest.health.rank > current.rank) == (seen.health.rank > current.rank)
    if run is None or not same_side:
        return Run(now, seen, seen)
    return Run(
        run.since,
        seen if seen.health.rank <= run.mildest.health.rank else run.mildest,
        seen if seen.health.rank >= run.harshest.health.rank else run.harshest,
    )


def _ripe(run: Run, current: Health, now: datetime, patience: Patience) -> bool:
    worse = run.mildest.health.rank > current.rank
    # What was unknown is no verdict that needs protection: knowledge comes into force with the second round.
    needed_s = patience.worse_s if worse or current is Health.UNKNOWN else patience.better_s
    return now - run.since >= timedelta(seconds=needed_s)


def _waiting(verdict: Verdict, seen: Verdict, run: Run, patience: Patience) -> Verdict:
    if verdict.health is Health.HEALTHY or seen.health.rank > verdict.health.rank:
        return replace(verdict, findings=_plain(verdict.findings))
    needed = (
        "another round confirms it" if verdict.health is Health.UNKNOWN else f"that has lasted {patience.better_s:g} s"
    )
    sentence = f"measured as {seen.health} since {words.moment(run.since)}; stays {verdict.health} until {needed}"
    note = Finding(Reason.CONFIRMING, sentence, seen.health)
    return replace(verdict, findings=(*_plain(verdict.findings), note))


def _plain(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(found for found in findings if found.reason is not Reason.CONFIRMING)


def carry(before: Verdict | None, seen: Verdict, now: datetime) -> Verdict:
    """`seen` with the time since when it is so: for a verdict made of verdicts that are held already."""
    same = before is not None and before.health is seen.health
    return replace(seen, since=before.since if before is not None and same else now)


def overdue(verdict: Verdict, at: datetime, now: datetime, limit_s: float) -> Verdict:
    """`verdict`, or unknown when the round it comes from is older than `limit_s`."""
    age_s = (now - at).total_seconds()
    if age_s <= limit_s:
        return verdict
    sentence = f"the newest round is {words.span(age_s)} old: rounds have stopped"
    late = Finding(Reason.ROUND_OVERDUE, sentence, Health.UNKNOWN)
    return Verdict(Health.UNKNOWN, (late, *verdict.findings), now)
