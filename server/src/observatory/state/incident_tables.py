"""The tables of incidents, and incidents as the JSON text that is kept in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from observatory.model.alert import Severity
from observatory.model.incident import Case, Incident, IncidentChange, Member, Move, State
from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A change as it was kept.

    Attributes:
        id: counts up over all incidents.
        incident: id of the incident.
        state, severity, merged_into: of the incident after it.
        alert, actor, reason, move: as told.
    """

    id: int
    incident: str
    kind: str
    state: State
    severity: Severity
    merged_into: str | None
    at: datetime
    alert: str | None
    actor: str
    reason: str
    move: Move | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was written of an incident once it was over: JSON text of one `kind`."""

    kind: str
    written_at: datetime
    told: str


class IncidentRow(Table):
    """Table `incidents`."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_state", "state"),
        Index("ix_incidents_opened_at", "opened_at"),
        UniqueConstraint("incident"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident: Mapped[str] = mapped_column(String(32))
    environment: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    merged_into: Mapped[str | None] = mapped_column(String(32))
    told: Mapped[str] = mapped_column(Text())


class IncidentChangeRow(Table):
    """Table `incident_changes`."""

    __tablename__ = "incident_changes"
    __table_args__ = (
        Index("ix_incident_changes_incident", "incident"),
        Index("ix_incident_changes_at", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    merged_into: Mapped[str | None] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcTime)
    alert: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(160))
    reason: Mapped[str] = mapped_column(Text())
    move: Mapped[str | None] = mapped_column(Text())

    def record(self) -> KeptChange:
        """The row as an immutable value."""
        return KeptChange(
            self.id,
            self.incident,
            self.kind,
            State(self.state),
            Severity(self.severity),
            self.merged_into,
            self.at,
            self.alert,
            self.actor,
            self.reason,
            None if self.move is None else decode_move(self.move),
        )


class IncidentReportRow(Table):
    """Table `incident_reports`."""

    __tablename__ = "incident_reports"
    __table_args__ = (UniqueConstraint("incident", "kind"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    incident: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    written_at: Mapped[datetime] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())


def fill(row: IncidentRow, case: Case) -> None:
    """Make a row that of an incident as it is now."""
    incident = case.incident
    row.environment, row.state, row.severity = incident.environment, incident.state.value, incident.severity.value
    row.opened_at, row.resolved_at, row.merged_into = incident.opened_at, incident.resolved_at, incident.merged_into
    row.told = encode(case)


def change(told: IncidentChange) -> IncidentChangeRow:
    """The row of a change."""
    incident = told.incident
    return IncidentChangeRow(
        incident=incident.id,
        kind=told.kind,
        state=incident.state.value,
        severity=incident.severity.value,
        merged_into=incident.merged_into,
        at=told.at,
        alert=told.alert,
        actor=told.actor,
        reason=told.reason,
        move=None if told.move is None else json.dumps(_moved(told.move), ensure_ascii=False),
    )


def encode(case: Case) -> str:
    """An incident with its alerts as JSON text."""
    return json.dumps(_case(case), ensure_ascii=False)


def decode(text: str) -> Case:
    """The incident of a JSON text that `encode` wrote."""
    return _of_case(json.loads(text))


def decode_move(text: str) -> Move:
    """The merge or split of a JSON text that `change` wrote."""
    return _move(json.loads(text))


def _case(case: Case) -> dict[str, Any]:
    return {"incident": _plain(case.incident), "members": [_plain(each) for each in case.members]}


def _of_case(plain: Mapping[str, Any]) -> Case:
    incident = _known(Incident, plain["incident"])
    return Case(
        Incident(**(incident | {"state": State(incident["state"])})),
        tuple(Member(**_known(Member, each)) for each in plain["members"]),
    )


def _moved(move: Move) -> dict[str, Any]:
    return {
        "key": move.key,
        "fingerprints": list(move.fingerprints),
        "source": _case(move.source),
        "target": None if move.target is None else _case(move.target),
        "target_id": move.target_id,
        "undoes": move.undoes,
    }


def _move(plain: Mapping[str, Any]) -> Move:
    return Move(
        plain["key"],
        tuple(plain["fingerprints"]),
        _of_case(plain["source"]),
        None if plain["target"] is None else _of_case(plain["target"]),
        plain["target_id"],
        plain["undoes"],
    )


def _plain(value: Incident | Member) -> dict[str, Any]:
    found = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in found.items()}


def _known(kind: type[Incident | Member], plain: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(kind):
        # Texts of an older server have fewer fields.
        value = plain.get(each.name)
        if each.name.endswith("_at") and value is not None:
            value = datetime.fromisoformat(value)
        found[each.name] = tuple(value) if isinstance(value, list) else value
    return found | {"severity": Severity(found["severity"])}
