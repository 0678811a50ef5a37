"""What somebody may have to be told of: open incidents, and alerts that fire and are part of none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.alerting import silences
from observatory.model.alert import Alert, Severity
from observatory.model.incident import Case
from observatory.state import SilenceRecord
from observatory.state.oncall import Acknowledgement


@dataclass(frozen=True, slots=True)
class Concern:
    """One of them.

    Attributes:
        subject: `alert:<id>` or `incident:<id>`.
        environment: where.
        severity: the worst that fires.
        areas: concerned.
        alert: of its firing alerts the one that is told.
        incident: its id; empty for an alert by itself.
        acknowledged_at: since when somebody has all of it; None: nobody does.
        muted: whether a silence or a maintenance window mutes all of it.
    """

    subject: str
    environment: str
    severity: Severity
    areas: tuple[str, ...]
    alert: Alert
    incident: str
    acknowledged_at: datetime | None
    muted: bool


def concerns(
    firing: Mapping[str, Alert],
    cases: Iterable[Case],
    holding: Iterable[Acknowledgement],
    mutes: Sequence[SilenceRecord],
    at: datetime,
) -> Mapping[str, Concern]:
    """By subject, all of them; alerts of a rule that nobody is to be told of are left out.

    Args:
        firing: alerts that fire, by id.
        cases: open incidents.
        holding: acknowledgements that hold.
        mutes: silences in force or to come.
        at: now.
    """
    taken = {each.subject: each.at for each in holding}
    loud = {name: alert for name, alert in firing.items() if not alert.labels.get("silent", "")}
    found: dict[str, Concern] = {}
    folded: set[str] = set()
    for case in cases:
        mine = [loud[each.alert] for each in case.members if each.alert in loud]
        folded |= {each.id for each in mine}
        if mine:
            root = loud.get(case.incident.root)
            of = _of(f"incident:{case.incident.id}", mine, root, taken, mutes, at, case.incident.acknowledged_at)
            found[of.subject] = of
    for name in loud.keys() - folded:
        of = _of(f"alert:{name}", [loud[name]], None, taken, mutes, at, None)
        found[of.subject] = of
    return found


def _of(
    subject: str,
    mine: Sequence[Alert],
    root: Alert | None,
    taken: Mapping[str, datetime],
    mutes: Sequence[SilenceRecord],
    at: datetime,
    also: datetime | None,
) -> Concern:
    audible = [each for each in mine if silences.mutes(mutes, each, at) is None]
    worst = max(audible or mine, key=lambda each: each.severity.rank)
    told = root if root is not None and root in (audible or mine) and root.severity is worst.severity else worst
    kind, _, name = subject.partition(":")
    return Concern(
        subject=subject,
        environment=worst.environment,
        severity=worst.severity,
        areas=tuple(dict.fromkeys(each.area for each in mine)),
        alert=told,
        incident=name if kind == "incident" else "",
        acknowledged_at=_acknowledged(subject, mine, taken, also),
        muted=not audible,
    )


def _acknowledged(
    subject: str, mine: Sequence[Alert], taken: Mapping[str, datetime], also: datetime | None
) -> datetime | None:
    whole = [each for each in (taken.get(subject), also) if each is not None]
    if whole:
        return max(whole)
    # Whoever has each alert of it has all of it; a new one has to be taken as well.
    each_of = [taken.get(f"alert:{each.id}") for each in mine]
    known = [each for each in each_of if each is not None]
    return max(known) if known and len(known) == len(each_of) else None
