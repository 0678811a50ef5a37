"""Incidents as they stand, every change of them, and what was written of them. Changes are only ever added."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

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
    decode_move,
    fill,
)

_RESOLVED = State.RESOLVED.value
# Rows are turned into Python values in pieces, so that nothing else waits long.
_PIECE = 200


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


@dataclass(frozen=True, slots=True)
class CasePage:
    """Incidents, newest first, and the number by which the next page goes on; None on the last page."""

    cases: Sequence[KeptCase]
    next: int | None


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far an incident was after a change."""

    state: State
    severity: Severity
    merged_into: str | None


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
    ) -> CasePage:
        """Incidents, newest first, with `as_of` as they were then; `before` is where the page before said to go on.

        One query finds them. What the database finds may not fit in the end: a page may be shorter than `limit`.
        """
        statement = select(IncidentRow.id, IncidentRow.told).where(*_conditions(wanted, as_of))
        if before is not None:
            statement = statement.where(IncidentRow.id < before)
        rows = await self._rows(statement.order_by(IncidentRow.id.desc()).limit(limit + 1))
        found = await self._fitting(rows, wanted, as_of)
        if len(rows) <= limit:
            return CasePage(found, None)
        return CasePage(found[:limit], rows[limit - 1].id)

    async def between(self, wanted: IncidentsWanted, most: int = 5_000, as_of: datetime | None = None) -> list[Case]:
        """The newest of those that fit, oldest first; with `as_of` as they were then."""
        statement = select(IncidentRow.id, IncidentRow.told).where(*_conditions(wanted, as_of))
        rows = await self._rows(statement.order_by(IncidentRow.opened_at.desc()).limit(most))
        return [each.case for each in reversed(await self._fitting(rows, wanted, as_of))]

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

    async def notes(self, incident_ids: Collection[str], most: int = 200) -> Mapping[str, Sequence[str]]:
        """What people wrote beside some incidents, by incident, oldest first; the newest of them."""
        statement = (
            select(IncidentChangeRow.incident, IncidentChangeRow.reason)
            .where(IncidentChangeRow.incident.in_(incident_ids), IncidentChangeRow.kind == "note")
            .order_by(IncidentChangeRow.id.desc())
            .limit(most)
        )
        found: dict[str, list[str]] = {each: [] for each in incident_ids}
        for incident, reason in reversed(await self._rows(statement)):
            found[incident].append(reason)
        return found

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

    async def unwritten(self, kind: str, before: datetime, but: Collection[str] = (), most: int = 20) -> list[Case]:
        """Resolved incidents without a report of a kind, that ended before a time; newest first, `but` left out."""
        written = select(IncidentReportRow.incident).where(IncidentReportRow.kind == kind)
        statement = (
            select(IncidentRow.told)
            .where(
                IncidentRow.state == _RESOLVED,
                IncidentRow.merged_into.is_(None),
                IncidentRow.resolved_at < before,
                IncidentRow.incident.not_in(written),
                IncidentRow.incident.not_in(but),
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

    async def _fitting(
        self, rows: Sequence[Row[*tuple[Any, ...]]], wanted: IncidentsWanted, as_of: datetime | None
    ) -> list[KeptCase]:
        cases = await asyncio.to_thread(_decoded, rows)
        if as_of is not None:
            cases = await self._then(cases, as_of)
        return [each for each in cases if _fits(each.case.incident, wanted)]

    async def _then(self, cases: Sequence[KeptCase], at: datetime) -> list[KeptCase]:
        of_them = IncidentChangeRow.incident.in_([each.case.incident.id for each in cases])
        newest = select(func.max(IncidentChangeRow.id)).where(of_them, IncidentChangeRow.at <= at)
        # A merge or split that came later tells how the incident was before it.
        moved = select(func.min(IncidentChangeRow.id)).where(
            of_them, IncidentChangeRow.at > at, IncidentChangeRow.move.is_not(None)
        )
        told = (IncidentChangeRow.state, IncidentChangeRow.severity, IncidentChangeRow.merged_into)
        standings = await self._rows(_grouped(newest, *told))
        moves = await self._rows(_grouped(moved, IncidentChangeRow.move))
        return await asyncio.to_thread(_as_then, cases, standings, moves, at)

    async def _rows(self, statement: Select[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
        found: list[Row[*tuple[Any, ...]]] = []
        async for piece in (await self._session.stream(statement)).partitions(_PIECE):
            found += piece
        return found

    async def _row(self, incident_id: str) -> IncidentRow | None:
        statement = select(IncidentRow).where(IncidentRow.incident == incident_id)
        return (await self._session.scalars(statement)).one_or_none()

    async def _report(self, incident_id: str, kind: str) -> IncidentReportRow | None:
        statement = select(IncidentReportRow).where(
            IncidentReportRow.incident == incident_id, IncidentReportRow.kind == kind
        )
        return (await self._session.scalars(statement)).one_or_none()


def _conditions(wanted: IncidentsWanted, as_of: datetime | None) -> list[ColumnElement[bool]]:
    """What the database can tell: exactly for state, severity and merges, a little too much for services and areas."""
    found: list[ColumnElement[bool]] = []
    if wanted.environment:
        found.append(IncidentRow.environment == wanted.environment)
    if wanted.since is not None:
        found.append(IncidentRow.opened_at >= wanted.since)
    until = min((each for each in (wanted.until, as_of) if each is not None), default=None)
    if until is not None:
        found.append(IncidentRow.opened_at <= until)
    found += [_named(each, as_of) for each in (wanted.service, wanted.area) if each]
    return [*found, *(_standing(IncidentRow, wanted) if as_of is None else [_stood(wanted, as_of)])]


def _standing(of: Any, wanted: IncidentsWanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if not wanted.merged:
        found.append(of.merged_into.is_(None))
    if wanted.states:
        found.append(of.state.in_([each.value for each in wanted.states]))
    if wanted.severities:
        found.append(of.severity.in_([each.value for each in wanted.severities]))
    return found


def _stood(wanted: IncidentsWanted, at: datetime) -> ColumnElement[bool]:
    """What the newest change up to then said."""
    last, each = aliased(IncidentChangeRow), aliased(IncidentChangeRow)
    newest = select(func.max(each.id)).where(each.incident == IncidentRow.incident, each.at <= at)
    number = newest.correlate(IncidentRow).scalar_subquery()
    return select(last.id).where(last.id == number, *_standing(last, wanted)).correlate(IncidentRow).exists()


def _named(name: str, as_of: datetime | None) -> ColumnElement[bool]:
    """Whether the text names a service or an area; of an earlier time also what was moved away since."""
    quoted = json.dumps(name, ensure_ascii=False)
    now = IncidentRow.told.contains(quoted, autoescape=True)
    if as_of is None:
        return now
    later = select(IncidentChangeRow.id).where(
        IncidentChangeRow.incident == IncidentRow.incident,
        IncidentChangeRow.at > as_of,
        IncidentChangeRow.move.contains(quoted, autoescape=True),
    )
    return or_(now, later.correlate(IncidentRow).exists())


def _fits(incident: Incident, wanted: IncidentsWanted) -> bool:
    """Exactly what was asked for: the database sees services and areas as text only."""
    return (
        (wanted.merged or incident.merged_into is None)
        and (not wanted.states or incident.state in wanted.states)
        and (not wanted.severities or incident.severity in wanted.severities)
        and (not wanted.service or wanted.service in incident.services)
        and (not wanted.area or wanted.area in incident.areas)
    )


def _decoded(rows: Iterable[Row[*tuple[Any, ...]]]) -> list[KeptCase]:
    return [KeptCase(number, decode(told)) for number, told in rows]


def _grouped(ids: Select[int], *columns: InstrumentedAttribute[Any]) -> Select[*tuple[Any, ...]]:
    """Of each incident one change: its incident and some columns."""
    found = select(IncidentChangeRow.incident, *columns)
    return found.where(IncidentChangeRow.id.in_(ids.group_by(IncidentChangeRow.incident)))


def _as_then(
    cases: Iterable[KeptCase],
    standings: Iterable[Row[*tuple[Any, ...]]],
    moves: Iterable[Row[*tuple[Any, ...]]],
    at: datetime,
) -> list[KeptCase]:
    last = {name: _Standing(State(state), Severity(severity), into) for name, state, severity, into in standings}
    next_move = {name: decode_move(told) for name, told in moves}
    return [
        KeptCase(each.number, _as_of(_before(each.case, next_move.get(name)), last[name], at))
        for each in cases
        if (name := each.case.incident.id) in last
    ]


def _before(case: Case, later: Move | None) -> Case:
    sides = () if later is None else (later.source, later.target)
    return next((each for each in sides if each is not None and each.incident.id == case.incident.id), case)


def _as_of(case: Case, last: _Standing, at: datetime) -> Case:
    members = tuple(
        replace(each, resolved_at=_until(each.resolved_at, at)) for each in case.members if each.joined_at <= at
    )
    incident = replace(
        case.incident,
        state=last.state,
        severity=last.severity,
        merged_into=last.merged_into,
        acknowledged_at=_until(case.incident.acknowledged_at, at),
        first_acknowledged_at=_until(case.incident.first_acknowledged_at, at),
        mitigated_at=_until(case.incident.mitigated_at, at),
        resolved_at=_until(case.incident.resolved_at, at),
        alerts=tuple(each.alert for each in members),
        services=tuple(dict.fromkeys(service for each in members for service in each.services)),
        areas=tuple(dict.fromkeys(each.area for each in members if each.area)),
    )
    return Case(incident, members)


def _until(moment: datetime | None, at: datetime) -> datetime | None:
    return moment if moment is not None and moment <= at else None
