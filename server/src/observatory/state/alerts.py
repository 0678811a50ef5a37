"""Alerts as they stand, and every change of phase. Changes are only ever added."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.model.alert import Alert, Phase, Severity, Transition
from observatory.model.measurement import Measurement
from observatory.state.schema import Key, Table, UtcTime

_OPEN = (Phase.PENDING.value, Phase.FIRING.value)


@dataclass(frozen=True, slots=True)
class Kept:
    """A transition as it was kept: its id counts up with every change of any alert."""

    id: int
    transition: Transition


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are asked for; an empty field asks for all.

    Attributes:
        environment, rule, member, area, fingerprint: exactly.
        phases, severities: any of them.
        service: one of the services concerned.
    """

    environment: str = ""
    rule: str = ""
    member: str = ""
    area: str = ""
    fingerprint: str = ""
    phases: tuple[Phase, ...] = ()
    severities: tuple[Severity, ...] = ()
    service: str = ""


class AlertRow(Table):
    """Table `alerts`: the newest of each fingerprint."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_phase", "phase"),
        Index("ix_alerts_change", "change"),
        UniqueConstraint("fingerprint"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(32))
    change: Mapped[int] = mapped_column(BigInteger())
    environment: Mapped[str] = mapped_column(String(128))
    rule: Mapped[str] = mapped_column(String(160))
    phase: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())


class TransitionRow(Table):
    """Table `alert_transitions`."""

    __tablename__ = "alert_transitions"
    __table_args__ = (
        Index("ix_alert_transitions_at", "at"),
        Index("ix_alert_transitions_fingerprint", "fingerprint"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(32))
    environment: Mapped[str] = mapped_column(String(128))
    rule: Mapped[str] = mapped_column(String(160))
    member: Mapped[str] = mapped_column(String(512))
    severity: Mapped[str] = mapped_column(String(16))
    area: Mapped[str] = mapped_column(String(64))
    episode: Mapped[int] = mapped_column(Integer())
    before: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(Text())
    told: Mapped[str] = mapped_column(Text())

    def record(self) -> Kept:
        """The row as an immutable value."""
        return Kept(self.id, Transition(decode(self.told), Phase(self.before), self.at, self.reason))


class AlertRows:
    """Reads and writes of both tables inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def write(self, transitions: Sequence[Transition]) -> list[int]:
        """Keep changes of phase, and the alerts as they are after them; returns the changes' ids in order."""
        rows = [_transition(each) for each in transitions]
        self._session.add_all(rows)
        await self._session.flush()
        for row, each in zip(rows, transitions, strict=True):
            found = await self._row(each.alert.fingerprint) or AlertRow(fingerprint=each.alert.fingerprint)
            found.change, found.environment, found.rule = row.id, each.alert.environment, each.alert.rule
            found.phase, found.since, found.told = each.alert.phase.value, each.alert.since, row.told
            self._session.add(found)
            await self._session.flush()
        return [row.id for row in rows]

    async def refresh(self, alerts: Iterable[Alert]) -> None:
        """Keep what is newest known of alerts whose phase did not change."""
        for alert in alerts:
            row = await self._row(alert.fingerprint)
            # Another server may have closed it meanwhile: what is old must not open it again.
            if row is not None and row.phase == alert.phase.value:
                row.told = encode(alert)
        await self._session.flush()

    async def newest(self, after: datetime) -> list[Alert]:
        """Alerts as they stand: those that are open, and those that closed after a time."""
        statement = select(AlertRow.told).where(or_(AlertRow.phase.in_(_OPEN), AlertRow.since > after))
        return [decode(told) for told in await self._session.scalars(statement)]

    async def open(self, environment: str = "") -> list[Alert]:
        """Alerts that are pending or firing, of one environment or of all."""
        statement = select(AlertRow.told).where(AlertRow.phase.in_(_OPEN))
        if environment:
            statement = statement.where(AlertRow.environment == environment)
        return [decode(told) for told in await self._session.scalars(statement)]

    async def find(self, fingerprint: str) -> Alert | None:
        """One alert as it stands; None when there never was one."""
        row = await self._row(fingerprint)
        return None if row is None else decode(row.told)

    async def page(
        self, wanted: Wanted, before: int | None, limit: int, as_of: datetime | None = None
    ) -> Sequence[Kept]:
        """The newest change of each alert, newest first; with `as_of` the newest one up to then.

        `before` is the last id of the page before.
        """
        newest = select(func.max(TransitionRow.id)).group_by(TransitionRow.fingerprint)
        if as_of is not None:
            newest = newest.where(TransitionRow.at <= as_of)
        ids = select(AlertRow.change) if as_of is None else newest
        return await self._page(wanted, before, limit, TransitionRow.id.in_(ids))

    async def history(self, wanted: Wanted, before: int | None, limit: int) -> Sequence[Kept]:
        """Every change, newest first."""
        return await self._page(wanted, before, limit)

    async def between(
        self,
        environment: str,
        since: datetime,
        until: datetime,
        most: int = 10_000,
        of: Collection[str] | None = None,
    ) -> Sequence[Kept]:
        """Changes of one environment in a stretch of time, oldest first; with `of`, of these fingerprints alone."""
        statement = (
            select(TransitionRow)
            .where(TransitionRow.environment == environment, TransitionRow.at >= since, TransitionRow.at < until)
            .order_by(TransitionRow.id)
            .limit(most)
        )
        if of is not None:
            statement = statement.where(TransitionRow.fingerprint.in_(of))
        return [row.record() for row in await self._session.scalars(statement)]

    async def last_change(self) -> int:
        """Number of the newest change; 0 before the first."""
        return int(await self._session.scalar(select(func.coalesce(func.max(TransitionRow.id), 0))) or 0)

    async def after(self, change: int, environment: str, limit: int) -> list[Kept]:
        """Changes after one, oldest first; of one environment, or of all."""
        statement = select(TransitionRow).where(TransitionRow.id > change).order_by(TransitionRow.id).limit(limit)
        if environment:
            statement = statement.where(TransitionRow.environment == environment)
        return [row.record() for row in await self._session.scalars(statement)]

    async def changed_after(self, at: datetime) -> datetime | None:
        """When the newest change was, if it was at a time or after it."""
        return await self._session.scalar(select(func.max(TransitionRow.at)).where(TransitionRow.at >= at))

    async def rewind(self, at: datetime) -> None:
        """Forget every change since a time. Alerts that changed since are closed; their episodes go on counting up."""
        await self._session.execute(delete(TransitionRow).where(TransitionRow.at >= at))
        for row in await self._session.scalars(select(AlertRow)):
            alert = decode(row.told)
            if alert.since >= at:
                alert = replace(alert, phase=Phase.INACTIVE, since=at, fired_at=None, resolved_at=None)
            # Nothing may have been seen in what is the future by now.
            alert = replace(alert, started_at=min(alert.started_at, at), seen_at=min(alert.seen_at, at))
            row.phase, row.since, row.told = alert.phase.value, alert.since, encode(alert)
        await self._session.flush()

    async def forget(self, before: datetime) -> None:
        """Delete changes from before a time, and alerts that have been closed since."""
        await self._session.execute(delete(TransitionRow).where(TransitionRow.at < before))
        await self._session.execute(delete(AlertRow).where(AlertRow.since < before, AlertRow.phase.not_in(_OPEN)))

    async def _row(self, fingerprint: str) -> AlertRow | None:
        statement = select(AlertRow).where(AlertRow.fingerprint == fingerprint)
        return (await self._session.scalars(statement)).one_or_none()

    async def _page(self, wanted: Wanted, before: int | None, limit: int, *also: ColumnElement[bool]) -> Sequence[Kept]:
        found: list[Kept] = []
        while len(found) < limit:
            statement = select(TransitionRow).where(*_conditions(wanted), *also)
            if before is not None:
                statement = statement.where(TransitionRow.id < before)
            rows = list(await self._session.scalars(statement.order_by(TransitionRow.id.desc()).limit(limit)))
            kept = [row.record() for row in rows]
            # The services concerned are part of the text: the database does not look into it.
            found += [each for each in kept if not wanted.service or wanted.service in each.transition.alert.services]
            if len(rows) < limit:
                break
            before = rows[-1].id
        return found[:limit]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    exact = ("environment", "rule", "member", "area", "fingerprint")
    found = [getattr(TransitionRow, name) == getattr(wanted, name) for name in exact if getattr(wanted, name)]
    if wanted.phases:
        found.append(TransitionRow.phase.in_([each.value for each in wanted.phases]))
    if wanted.severities:
        found.append(TransitionRow.severity.in_([each.value for each in wanted.severities]))
    return found


def _transition(told: Transition) -> TransitionRow:
    alert = told.alert
    return TransitionRow(
        fingerprint=alert.fingerprint,
        environment=alert.environment,
        rule=alert.rule,
        member=alert.member[:512],
        severity=alert.severity.value,
        area=alert.area,
        episode=alert.episode,
        before=told.before.value,
        phase=alert.phase.value,
        at=told.at,
        reason=told.reason,
        told=encode(alert),
    )


def encode(alert: Alert) -> str:
    """An alert as JSON text."""
    measured = alert.measurement
    plain: dict[str, Any] = {
        name: getattr(alert, name)
        for name in ("fingerprint", "environment", "rule", "member", "severity", "phase", "episode", "bound")
    }
    plain |= {name: getattr(alert, name) for name in ("sentence", "area", "runbook", "no_data")}
    plain |= {name: list(getattr(alert, name)) for name in ("services", "evidence")}
    plain |= {"labels": dict(alert.labels), "measurement": None if measured is None else _measured(measured)}
    plain |= {name: _time(getattr(alert, name)) for name in _TIMES}
    return json.dumps(plain, ensure_ascii=False)


def decode(text: str) -> Alert:
    """The alert of a JSON text that `encode` wrote."""
    plain = json.loads(text)
    measured = plain["measurement"]
    return Alert(
        **{name: plain[name] for name in ("fingerprint", "environment", "rule", "member", "episode", "bound")},
        **{name: plain[name] for name in ("sentence", "area", "runbook", "no_data", "labels")},
        **{name: _moment(plain[name]) for name in _TIMES},
        severity=Severity(plain["severity"]),
        phase=Phase(plain["phase"]),
        services=tuple(plain["services"]),
        evidence=tuple(plain["evidence"]),
        measurement=None if measured is None else _measurement(measured),
    )


_TIMES = ("since", "started_at", "fired_at", "resolved_at", "seen_at")


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)


def _measured(measured: Measurement) -> dict[str, Any]:
    # Money stays exact: a float would round it.
    exact = isinstance(measured.value, Decimal)
    return {
        "value": str(measured.value) if exact else measured.value,
        "exact": exact,
        "unit": measured.unit,
        "samples": measured.samples,
        "window_s": measured.window_s,
        "as_of": measured.as_of.isoformat(),
        "source": measured.source,
        "estimated": measured.estimated,
        "interval": measured.interval,
    }


def _measurement(plain: dict[str, Any]) -> Measurement:
    value = Decimal(plain["value"]) if plain["exact"] else plain["value"]
    interval = plain["interval"]
    return Measurement(
        value,
        plain["unit"],
        plain["samples"],
        plain["window_s"],
        datetime.fromisoformat(plain["as_of"]),
        plain["source"],
        plain["estimated"],
        None if interval is None else (interval[0], interval[1]),
    )
