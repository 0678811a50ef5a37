"""Whether what a runbook is about is over: its checks held against the newest round, its history and the alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.datastructures import State

from observatory import areas
from observatory.areas import series
from observatory.areas.assess import Span
from observatory.model import Indicator, Reading, Snapshot
from observatory.model.alert import Alert
from observatory.runbooks import Check, Runbook, verify
from observatory.runbooks.verify import Judged, Point
from observatory.tick import Published

STEP_S = 10
# Alerts that ended lately still say which members were the trouble.
_LATELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What checks are asked about.

    Attributes:
        state: the application's state.
        environment: which environment.
        member: the member or service concerned; empty: all.
        alerts: the environment's alerts that are open or ended lately, of any rule.
        at: the time.
    """

    state: State
    environment: str
    member: str
    alerts: Sequence[Alert]
    at: datetime

    @property
    def published(self) -> Published | None:
        """The environment's newest round; None before the first."""
        found: Published | None = self.state.snapshots.of(self.environment)
        return found

    @property
    def snapshot(self) -> Snapshot | None:
        """The same without its JSON; None when it is overdue."""
        found = self.published
        late = found is None or (self.at - found.snapshot.at).total_seconds() > self.state.stale_after_s
        return None if found is None or late else found.snapshot


async def asked(state: State, environment: str, member: str = "") -> Asked:
    """What is asked now.

    Raises:
        StateError: the control store failed.
    """
    at = state.clock.now()
    async with state.control.reading() as rows:
        opened = await rows.alerts.open(environment)
        changed = await rows.alerts.between(environment, at - _LATELY, at)
    newest = {each.transition.alert.fingerprint: each.transition.alert for each in changed}
    newest |= {each.fingerprint: each for each in opened}
    return Asked(state, environment, member, tuple(newest.values()), at)


async def judged(book: Runbook, asked: Asked) -> Sequence[tuple[Check, Judged]]:
    """Each check of the runbook with what it says.

    Raises:
        StoreError: the history could not be read.
    """
    return [(check, await _judged(book, check, asked)) for check in book.checks]


def sentence(check: Check) -> str:
    """What a check asks for, in words."""
    held = f"for {check.held_s} s"
    if check.kind == "alerts":
        return f"no alert of this runbook's rules has been open {held}"
    if check.kind == "service":
        return f"the service concerned has been healthy {held}, or no service is critical"
    found = series.indicators()[check.of]
    return f"{found.sentence}: not {verify.bound_of(check, found)} {held}"


def readings(asked: Asked, indicator: Indicator) -> Sequence[Reading]:
    """The indicator's newest readings; of one member only where one is asked about that it can have."""
    area = None if asked.snapshot is None else asked.snapshot.areas.get(indicator.area)
    every = [each for each in area.readings if each.indicator == indicator.id] if area else []
    member = member_of(asked, indicator)
    return every if member is None else [each for each in every if each.member == member]


def member_of(asked: Asked, indicator: Indicator) -> str | None:
    """The one member of the indicator that is asked about; None: all of them.

    The runbook of a service may look at numbers of exchanges: then the service is none of these.
    """
    if not asked.member or not indicator.group_by:
        return None
    services = {each.id for each in asked.state.catalogue.services}
    return None if asked.member in services and "Service" not in indicator.group_by else asked.member


def indicator_of(name: str) -> Indicator:
    """An area's indicator by its id."""
    return next(definition.indicators[name] for definition in areas.load() if definition.id == name.partition(".")[0])


async def _judged(book: Runbook, check: Check, asked: Asked) -> Judged:
    mine = [
        each for each in asked.alerts if each.runbook == book.id and asked.member in ("", each.member, *each.services)
    ]
    if check.kind == "alerts":
        newest = asked.published
        return verify.alerts(check, mine, None if newest is None else newest.snapshot.at, asked.at)
    if check.kind == "service":
        states = asked.snapshot.services if asked.snapshot else {}
        named = [asked.member] if asked.member else [name for each in mine for name in each.services]
        return verify.services(check, states, dict.fromkeys(named), asked.at)
    found = indicator_of(check.of)
    read, member = readings(asked, found), member_of(asked, found)
    concerned = {each.member for each in mine if each.rule.startswith(f"{check.of}.")}
    concerned = concerned if member is None else {member}
    return verify.indicator(check, found, read, await _past(check, found, asked), concerned, asked.at)


async def _past(check: Check, found: Indicator, asked: Asked) -> Mapping[str, Sequence[Point]]:
    span = Span(asked.at, check.held_s + STEP_S, asked.state.listening_since)
    reader, named = asked.state.store.reader, "*" if found.group_by else ""
    steps = await series.read(reader, found.id, asked.environment, named, span, STEP_S, asked.at)
    upward = verify.bound_of(check, found).upward
    past = {
        member: [Point(each.at, each.greatest if upward else each.least) for each in points]
        for member, points in steps.items()
    }
    member = member_of(asked, found)
    return past if member is None else {member: past.get(member, [])}
