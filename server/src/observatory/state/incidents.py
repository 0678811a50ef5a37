"""Incidents as they stand, every change of them, and what was written of them. Changes are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from observatory.model.alert import Severity
from observatory.model.incident import Case, Incident, IncidentChange, Move, State
from observatory.state.incident_tables import (
    IncidentChangeRow,
    IncidentReportRow,
    IncidentRow,
    KeptChange,
    Report,
    change,
    decode,
    fill,
)

_RESOLVED = State.RESOLVED.value


@dataclass(frozen=True, slots=True)
class IncidentsWanted:
    """Which incidents are asked for; an empty field asks for all.

    Attributes:
        environment, service, area: exactly.
        states, severities: any of them.
        merged: those as well that were merged into another.
        since, until: opened from then on, and before then.
    """

    environment: str = ""
    service: str = ""
    area: str = ""
    states: tuple[State, ...] = ()
    severities: tuple[Severity, ...] = ()
    merged: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeptCase:
    """An incident with its number, by which pages go on."""

    number: int
    case: Case


class IncidentRows:
    """Reads and writes of the three tables inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def write(self, cases: Iterable[Case], changes: Sequence[IncidentChange]) -> None:
        """Keep incidents as they are now, and the changes that made them so."""
        for case in cases:
            found = await self._row(case.incident.id) or IncidentRow(incident=case.incident.id)
            fill(found, case)
            self._session.add(found)
        self._session.add_all([change(each) for each in changes])
        await self._session.flush()

    async def rewind(self, at: datetime) -> None:
        """Delete the incidents that opened from a time on, and all that was kept of them."""
        ids = select(IncidentRow.incident).where(IncidentRow.opened_at >= at)
        for table in (IncidentChangeRow, IncidentReportRow):
            await self._session.execute(delete(table).where(table.incident.in_(ids)))
        await self._session.execute(delete(IncidentRow).where(IncidentRow.opened_at >= at))

    async def lock(self) -> None:
        """Let nobody else change incidents before the commit. To be called before they are read to be changed.

        Rows alone do not do: a merge or split makes others, which a reader that waited for it would not see.
        """
        if self._session.get_bind().dialect.name == "postgresql":
            # SQLite has one writer at a time anyway.
            await self._session.execute(text("LOCK TABLE incidents IN SHARE ROW EXCLUSIVE MODE"))

    async def find(self, incident_id: str) -> Case | None:
        """One incident as it stands; None when there never was one."""
        row = await self._row(incident_id)
        return None if row is None else decode(row.told)

    async def open(self, environment: str = "", ended_after: datetime | None = None) -> list[Case]:
        """Incidents that are open, oldest first, and with a time those that ended after it."""
        standing = IncidentRow.state != _RESOLVED
        if ended_after is not None:
            standing = or_(standing, IncidentRow.resolved_at > ended_after)
        statement = select(IncidentRow.told).where(standing, IncidentRow.merged_into.is_(None))
        if environment:
            statement = statement.where(IncidentRow.environment == environment)
        ordered = statement.order_by(IncidentRow.opened_at, IncidentRow.incident)
        return [decode(told) for told in await self._session.scalars(ordered)]

    async def page(
        self, wanted: IncidentsWanted, before: int | None, limit: int, as_of: datetime | None = None
    ) -> Sequence[KeptCase]:
        """Incidents, newest first, with `as_of` as they were then; `before` is the last number of the page before."""
        found: list[KeptCase] = []
        while len(found) < limit:
            statement = select(IncidentRow).where(*_conditions(wanted, as_of))
            if before is not None:
                statement = statement.where(IncidentRow.id < before)
            rows = list(await self._session.scalars(statement.order_by(IncidentRow.id.desc()).limit(limit)))
            cases = [KeptCase(row.id, decode(row.told)) for row in rows]
            if as_of is not None:
                cases = await self._then(cases, as_of)
            found += [each for each in cases if _fits(each.case.incident, wanted)]
            if len(rows) < limit:
                break
            before = rows[-1].id
        return found[:limit]

    async def between(self, wanted: IncidentsWanted, most: int = 5_000) -> list[Case]:
        """The newest of those that fit, oldest first."""
        statement = select(IncidentRow.told).where(*_conditions(wanted, None)).order_by(IncidentRow.opened_at.desc())
        cases = [decode(told) for told in await self._session.scalars(statement.limit(most))]
        return [case for case in reversed(cases) if _fits(case.incident, wanted)]

    async def as_of(self, cases: Sequence[Case], at: datetime) -> list[Case]:
        """Incidents as they were at a time; those that were not there yet are left out."""
        return [each.case for each in await self._then([KeptCase(0, case) for case in cases], at)]

    async def changes(self, incident_id: str, most: int = 2_000) -> Sequence[KeptChange]:
        """The newest changes of one incident, oldest first."""
        statement = (
            select(IncidentChangeRow)
            .where(IncidentChangeRow.incident == incident_id)
            .order_by(IncidentChangeRow.id.desc())
            .limit(most)
        )
        return [row.record() for row in reversed(list(await self._session.scalars(statement)))]

    async def moves(self, incident_id: str) -> Sequence[Move]:
        """Merges and splits that an incident had part in, oldest first."""
        statement = (
            select(IncidentChangeRow)
            .where(IncidentChangeRow.incident == incident_id, IncidentChangeRow.move.is_not(None))
            .order_by(IncidentChangeRow.id)
        )
        kept = (row.record().move for row in await self._session.scalars(statement))
        return [each for each in kept if each is not None]

    async def report(self, incident_id: str, kind: str) -> Report | None:
        """What was written of an incident; None when nothing was yet."""
        row = await self._report(incident_id, kind)
        return None if row is None else Report(row.kind, row.written_at, row.told)

    async def write_report(self, incident_id: str, report: Report) -> None:
        """Keep a report in place of the one of its kind before."""
        row = await self._report(incident_id, report.kind) or IncidentReportRow(incident=incident_id, kind=report.kind)
        row.written_at, row.told = report.written_at, report.told
        self._session.add(row)
        await self._session.flush()

    async def drop_reports(self, incident_id: str) -> None:
        """Forget what was written of an incident that has changed since."""
        await self._session.execute(delete(IncidentReportRow).where(IncidentReportRow.incident == incident_id))

    async def unwritten(self, kind: str, before: datetime, most: int = 20) -> list[Case]:
        """Resolved incidents without a report of a kind, that ended before a time; newest first."""
        written = select(IncidentReportRow.incident).where(IncidentReportRow.kind == kind)
        statement = (
            select(IncidentRow.told)
            .where(
                IncidentRow.state == _RESOLVED,
                IncidentRow.merged_into.is_(None),
                IncidentRow.resolved_at < before,
                IncidentRow.incident.not_in(written),
            )
            .order_by(IncidentRow.id.desc())
            .limit(most)
        )
        return [decode(told) for told in await self._session.scalars(statement)]

    async def forget(self, before: datetime) -> None:
        """Delete incidents that were over before a time, with all that belongs to them."""
        over = select(IncidentRow.incident).where(
            IncidentRow.opened_at < before,
            or_(IncidentRow.state == _RESOLVED, IncidentRow.merged_into.is_not(None)),
        )
        for table in (IncidentChangeRow, IncidentReportRow):
            await self._session.execute(delete(table).where(table.incident.in_(over)))
        await self._session.execute(delete(IncidentRow).where(IncidentRow.incident.in_(over)))

    async def _then(self, cases: Sequence[KeptCase], at: datetime) -> list[KeptCase]:
        ids = [each.case.incident.id for each in cases]
        of_them = IncidentChangeRow.incident.in_(ids)
        newest = select(func.max(IncidentChangeRow.id)).where(of_them, IncidentChangeRow.at <= at)
        # A merge or split that came later tells how the incident was before it.
        moved = select(func.min(IncidentChangeRow.id)).where(
            of_them, IncidentChangeRow.at > at, IncidentChangeRow.move.is_not(None)
        )
        last, next_move = [
            {row.incident: row.record() for row in await self._session.scalars(_grouped(each))}
            for each in (newest, moved)
        ]
        return [
            KeptCase(each.number, _as_of(_before(each.case, next_move.get(name)), last[name], at))
            for each in cases
            if (name := each.case.incident.id) in last
        ]

    async def _row(self, incident_id: str) -> IncidentRow | None:
        statement = select(IncidentRow).where(IncidentRow.incident == incident_id)
        return (await self._session.scalars(statement)).one_or_none()

    async def _report(self, incident_id: str, kind: str) -> IncidentReportRow | None:
        statement = select(IncidentReportRow).where(
            IncidentReportRow.incident == incident_id, IncidentReportRow.kind == kind
        )
        return (await self._session.scalars(statement)).one_or_none()


def _conditions(wanted: IncidentsWanted, as_of: datetime | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.environment:
        found.append(IncidentRow.environment == wanted.environment)
    if wanted.since is not None:
        found.append(IncidentRow.opened_at >= wanted.since)
    until = min((each for each in (wanted.until, as_of) if each is not None), default=None)
    if until is not None:
        found.append(IncidentRow.opened_at <= until)
    if as_of is None:
        if not wanted.merged:
            found.append(IncidentRow.merged_into.is_(None))
        if wanted.states:
            found.append(IncidentRow.state.in_([each.value for each in wanted.states]))
        if wanted.severities:
            found.append(IncidentRow.severity.in_([each.value for each in wanted.severities]))
    return found


def _fits(incident: Incident, wanted: IncidentsWanted) -> bool:
    """What the database cannot tell: what is part of the text, and how it was at another time."""
    return (
        (wanted.merged or incident.merged_into is None)
        and (not wanted.states or incident.state in wanted.states)
        and (not wanted.severities or incident.severity in wanted.severities)
        and (not wanted.service or wanted.service in incident.services)
        and (not wanted.area or wanted.area in incident.areas)
    )


def _grouped(ids: Select[int]) -> Select[IncidentChangeRow]:
    return select(IncidentChangeRow).where(IncidentChangeRow.id.in_(ids.group_by(IncidentChangeRow.incident)))


def _before(case: Case, later: KeptChange | None) -> Case:
    if later is None or later.move is None:
        return case
    sides = (later.move.source, later.move.target)
    return next((each for each in sides if each is not None and each.incident.id == case.incident.id), case)


def _as_of(case: Case, last: KeptChange, at: datetime) -> Case:
    members = tuple(
        replace(each, resolved_at=_until(each.resolved_at, at)) for each in case.members if each.joined_at <= at
    )
    incident = replace(
        case.incident,
        state=last.state,
        severity=last.severity,
        merged_into=last.merged_into,
        acknowledged_at=_until(case.incident.acknowledged_at, at),
        mitigated_at=_until(case.incident.mitigated_at, at),
        resolved_at=_until(case.incident.resolved_at, at),
        alerts=tuple(each.alert for each in members),
        services=tuple(dict.fromkeys(service for each in members for service in each.services)),
        areas=tuple(dict.fromkeys(each.area for each in members if each.area)),
    )
    return Case(incident, members)


def _until(moment: datetime | None, at: datetime) -> datetime | None:
    return moment if moment is not None and moment <= at else None
