"""The ledger of notifications: every message that was sent, is to be sent, or was suppressed, with each attempt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from observatory.model.alert import Severity
from observatory.model.notification import Attempt, DeliveryState, Kind, Outcome, Status
from observatory.state import outbox
from observatory.state.delivery_tables import AttemptRow, ChannelRow, DeliveredAlertRow, DeliveryRow
from observatory.state.delivery_values import Asked, Delivery, GivenUp, Past, Standing

_QUEUED, _SENT = DeliveryState.QUEUED.value, DeliveryState.SENT.value
_FAILED, _SUPPRESSED = DeliveryState.FAILED.value, DeliveryState.SUPPRESSED.value


__all__ = ["Asked", "Delivery", "DeliveryRows", "GivenUp", "Past", "Standing", "record"]


class DeliveryRows:
    """Reads and writes of the ledger inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, deliveries: Iterable[Delivery]) -> None:
        """Write deliveries down; one whose key is known is left out."""
        new = {each.key: each for each in deliveries}
        if not new:
            return
        known = set(await self._session.scalars(select(DeliveryRow.key).where(DeliveryRow.key.in_(new))))
        pairs = [(_row(each), each) for key, each in new.items() if key not in known]
        self._session.add_all([row for row, _ in pairs])
        await self._session.flush()
        for row, each in pairs:
            self._session.add_all(_alerts(row, each))
        await self._session.flush()

    async def claim(self, channel: str, owner: str, now: datetime, limit: int, lease_s: float) -> Sequence[Delivery]:
        """Take what is due on a channel and nobody else holds: the most urgent first, then the oldest.

        Of one grouping only the oldest: the end of something is not told before its beginning.
        """
        free = or_(DeliveryRow.claimed_until.is_(None), DeliveryRow.claimed_until <= now)
        first = (
            select(func.min(DeliveryRow.id))
            .where(DeliveryRow.channel == channel, DeliveryRow.state == _QUEUED)
            .group_by(DeliveryRow.grouping)
        )
        due = (
            select(DeliveryRow.id)
            .where(DeliveryRow.channel == channel, DeliveryRow.state == _QUEUED, DeliveryRow.due_at <= now, free)
            .where(DeliveryRow.id.in_(first))
            .order_by(DeliveryRow.urgency.desc(), DeliveryRow.id)
            .limit(limit)
        )
        statement = (
            update(DeliveryRow)
            # Said again: who waited for another server's claim finds the row as that one left it.
            .where(DeliveryRow.id.in_(due), free, DeliveryRow.state == _QUEUED, DeliveryRow.due_at <= now)
            .values(claimed_by=owner, claimed_until=now + timedelta(seconds=lease_s))
            .returning(DeliveryRow)
            .execution_options(populate_existing=True)
        )
        rows = sorted(await self._session.scalars(statement), key=lambda row: (-row.urgency, row.id))
        return [record(row) for row in rows]

    async def tried(
        self, delivery_id: int, owner: str, attempt: Attempt, state: DeliveryState, due: datetime, reason: str
    ) -> bool:
        """Write an attempt down with what became of the delivery; False when somebody else holds it by now."""
        ended = attempt.at + timedelta(milliseconds=attempt.took_ms)
        values = {
            "state": state.value,
            "due_at": due,
            "reason": reason,
            "stage": "send",
            "attempts": DeliveryRow.attempts + 1,
            "sent_at": ended if state is DeliveryState.SENT else None,
            "claimed_by": "",
            "claimed_until": None,
        }
        statement = (
            update(DeliveryRow)
            .where(DeliveryRow.id == delivery_id, DeliveryRow.claimed_by == owner)
            .values(**values)
            .returning(DeliveryRow.channel)
        )
        channel = (await self._session.scalars(statement)).one_or_none()
        if channel is None:
            return False
        self._session.add(
            AttemptRow(
                delivery=delivery_id,
                at=attempt.at,
                took_ms=attempt.took_ms,
                result=attempt.outcome.value,
                detail=attempt.detail,
            )
        )
        await self._stand(channel, attempt, ended, gave_up=state is DeliveryState.FAILED)
        return True

    async def put_off(self, delivery_id: int, owner: str, due: datetime, stage: str, reason: str) -> None:
        """Let go of a claimed delivery until later."""
        statement = (
            update(DeliveryRow)
            .where(DeliveryRow.id == delivery_id, DeliveryRow.claimed_by == owner)
            .values(due_at=due, stage=stage, reason=reason, claimed_by="", claimed_until=None)
        )
        await self._session.execute(statement)

    async def past(self, grouping: str, alert_ids: Iterable[str]) -> Past:
        """What was told, or is about to be, in a grouping and of alerts."""
        alive = (_QUEUED, _SENT)
        newest = (
            await self._session.execute(
                select(func.max(DeliveryRow.created_at), func.max(DeliveryRow.urgency)).where(
                    DeliveryRow.grouping == grouping,
                    DeliveryRow.state.in_(alive),
                    # That somebody took a trouble, or was reminded of it, holds up no news of it.
                    DeliveryRow.kind == Kind.ALERT.value,
                )
            )
        ).one()
        statement = (
            select(DeliveredAlertRow.channel, DeliveredAlertRow.alert, DeliveredAlertRow.status)
            .join(DeliveryRow, DeliveryRow.id == DeliveredAlertRow.delivery)
            .where(DeliveredAlertRow.alert.in_(list(alert_ids)), DeliveryRow.state.in_(alive))
            .order_by(DeliveredAlertRow.id)
        )
        told: dict[str, dict[str, Status]] = {}
        for channel, alert, status in (await self._session.execute(statement)).all():
            told.setdefault(channel, {})[alert] = Status(status)
        worst = None if newest[1] is None else next(each for each in Severity if each.rank == newest[1])
        return Past(told, newest[0], worst)

    async def sent_since(self, channel: str, since: datetime) -> int:
        """How many attempts to send to a channel there were after a time."""
        # Asked of each attempt of the last minute: joined, SQLite would go through all that the channel ever sent.
        of = select(DeliveryRow.channel).where(DeliveryRow.id == AttemptRow.delivery).scalar_subquery()
        statement = select(func.count()).select_from(AttemptRow).where(AttemptRow.at > since, of == channel)
        return int((await self._session.scalars(statement)).one())

    async def waiting(self, channel: str) -> int:
        """How many deliveries wait for a channel."""
        statement = select(func.count()).where(DeliveryRow.channel == channel, DeliveryRow.state == _QUEUED)
        return int((await self._session.scalars(statement)).one())

    async def due_channels(self, now: datetime) -> Sequence[str]:
        """Channels for which a delivery is due that nobody holds."""
        free = or_(DeliveryRow.claimed_until.is_(None), DeliveryRow.claimed_until <= now)
        statement = (
            select(DeliveryRow.channel).where(DeliveryRow.state == _QUEUED, DeliveryRow.due_at <= now, free).distinct()
        )
        return list(await self._session.scalars(statement))

    async def next_due(self) -> datetime | None:
        """When the next delivery is due; None when none waits."""
        found: datetime | None = await self._session.scalar(
            select(func.min(DeliveryRow.due_at)).where(DeliveryRow.state == _QUEUED)
        )
        return found

    async def page(self, asked: Asked, before: int | None, limit: int) -> Sequence[Delivery]:
        """Deliveries, newest first; `before` is the last id of the page before."""
        statement = select(DeliveryRow).where(*_conditions(asked)).order_by(DeliveryRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(DeliveryRow.id < before)
        return [record(row) for row in await self._session.scalars(statement)]

    async def find(self, delivery_id: int) -> Delivery | None:
        """One delivery."""
        row = await self._session.get(DeliveryRow, delivery_id)
        return None if row is None else record(row)

    async def attempts(self, ids: Iterable[int]) -> Mapping[int, Sequence[Attempt]]:
        """Every attempt of some deliveries, oldest first."""
        statement = select(AttemptRow).where(AttemptRow.delivery.in_(list(ids))).order_by(AttemptRow.id)
        found: dict[int, list[Attempt]] = {}
        for row in await self._session.scalars(statement):
            attempt = Attempt(row.at, row.took_ms, Outcome(row.result), row.detail)
            found.setdefault(row.delivery, []).append(attempt)
        return found

    async def standings(self) -> Mapping[str, Standing]:
        """How each channel does that was ever used."""
        rows = await self._session.scalars(select(ChannelRow))
        return {row.channel: _standing(row) for row in rows}

    async def last_told(self, alert_ids: Iterable[str]) -> Mapping[str, datetime]:
        """When each of some alerts was told last, is about to be, or was to be by a channel that gave up."""
        # One channel that gives up again and again must not put off the reminders of the others.
        counts = or_(DeliveryRow.state.in_((_QUEUED, _SENT)), DeliveryRow.kind == Kind.REMINDER.value)
        told = (func.max(case((counts, DeliveryRow.created_at))), func.max(DeliveryRow.created_at))
        statement = (
            select(DeliveredAlertRow.alert, *told)
            .join(DeliveryRow, DeliveryRow.id == DeliveredAlertRow.delivery)
            .where(DeliveredAlertRow.alert.in_(list(alert_ids)), DeliveryRow.state.in_((_QUEUED, _SENT, _FAILED)))
            .group_by(DeliveredAlertRow.alert)
        )
        return {row[0]: row[1] or row[2] for row in (await self._session.execute(statement)).all()}

    async def given_up(self, since: datetime) -> Sequence[GivenUp]:
        """Of which alerts a channel gave up to tell that they fire; not what the other side refused for good."""
        refused = select(AttemptRow.id).where(
            AttemptRow.delivery == DeliveryRow.id, AttemptRow.result == Outcome.REFUSED.value
        )
        # One that was given up is due no more: the column says when that was.
        times = (func.max(DeliveryRow.due_at), func.count())
        statement = (
            select(DeliveredAlertRow.alert, DeliveredAlertRow.channel, *times)
            .join(DeliveryRow, DeliveryRow.id == DeliveredAlertRow.delivery)
            .where(DeliveryRow.state == _FAILED, DeliveryRow.due_at > since, ~refused.exists())
            .where(DeliveredAlertRow.status == Status.FIRING.value)
            .group_by(DeliveredAlertRow.alert, DeliveredAlertRow.channel)
        )
        return [GivenUp(*row) for row in (await self._session.execute(statement)).all()]

    async def of_grouping(self, grouping: str) -> frozenset[str]:
        """Ids of the alerts that were told in a grouping, or are about to be."""
        statement = (
            select(DeliveredAlertRow.alert)
            .join(DeliveryRow, DeliveryRow.id == DeliveredAlertRow.delivery)
            .where(DeliveryRow.grouping == grouping, DeliveryRow.state.in_((_QUEUED, _SENT)))
        )
        return frozenset(await self._session.scalars(statement))

    async def forget(self, before: datetime) -> None:
        """Delete what was written down before a time and waits no longer."""
        old = select(DeliveryRow.id).where(DeliveryRow.state != _QUEUED, DeliveryRow.created_at < before)
        await self._session.execute(delete(AttemptRow).where(AttemptRow.delivery.in_(old)))
        await self._session.execute(delete(DeliveredAlertRow).where(DeliveredAlertRow.delivery.in_(old)))
        await self._session.execute(
            delete(DeliveryRow).where(DeliveryRow.state != _QUEUED, DeliveryRow.created_at < before)
        )

    async def _stand(self, channel: str, attempt: Attempt, ended: datetime, gave_up: bool) -> None:
        # Two servers may be the first to use it, or change it, at once: neither must fail the attempt's own record.
        dialect = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        made = {"channel": channel, "failures": 0, "error": "", "given_up": 0}
        await self._session.execute(dialect.insert(ChannelRow).values(made).on_conflict_do_nothing())
        statement = select(ChannelRow).where(ChannelRow.channel == channel).with_for_update()
        row = (await self._session.scalars(statement)).one()
        if attempt.outcome is Outcome.SENT:
            row.failures, row.failing_since, row.given_up, row.sent_at = 0, None, 0, ended
        else:
            row.failures += 1
            row.failing_since = row.failing_since or attempt.at
            row.failed_at, row.error = ended, attempt.detail
            row.given_up += 1 if gave_up else 0
        await self._session.flush()


def record(row: DeliveryRow) -> Delivery:
    """A row as an immutable value."""
    told = json.loads(row.told)
    return Delivery(
        key=row.key,
        channel=row.channel,
        kind=row.kind,
        environment=row.environment,
        grouping=row.grouping,
        severity=Severity(row.severity),
        status=Status(row.status),
        state=DeliveryState(row.state),
        stage=row.stage,
        reason=row.reason,
        created_at=row.created_at,
        due_at=row.due_at,
        messages=tuple(outbox.of_plain(each) for each in told["messages"]),
        note=told["note"],
        id=row.id,
        attempts=row.attempts,
        sent_at=row.sent_at,
    )


def _row(each: Delivery) -> DeliveryRow:
    told = {"note": each.note, "messages": [outbox.plain(message) for message in each.messages]}
    return DeliveryRow(
        key=each.key,
        channel=each.channel,
        kind=each.kind,
        environment=each.environment,
        grouping=each.grouping,
        severity=each.severity.value,
        urgency=each.severity.rank,
        status=each.status.value,
        state=each.state.value,
        stage=each.stage,
        reason=each.reason,
        attempts=0,
        created_at=each.created_at,
        due_at=each.due_at,
        claimed_by="",
        told=json.dumps(told, ensure_ascii=False),
    )


def _alerts(row: DeliveryRow, each: Delivery) -> list[DeliveredAlertRow]:
    return [
        DeliveredAlertRow(
            delivery=row.id,
            channel=each.channel,
            fingerprint=message.alert.fingerprint,
            alert=message.alert.id,
            status=message.status.value,
        )
        for message in each.messages
        if message.alert is not None
    ]


def _standing(row: ChannelRow) -> Standing:
    return Standing(row.channel, row.failures, row.failing_since, row.sent_at, row.failed_at, row.error, row.given_up)


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    exact = ("environment", "channel", "kind", "stage")
    found = [getattr(DeliveryRow, name) == getattr(asked, name) for name in exact if getattr(asked, name)]
    if asked.states:
        found.append(DeliveryRow.state.in_(asked.states))
    if asked.since is not None:
        found.append(DeliveryRow.created_at >= asked.since)
    if asked.until is not None:
        found.append(DeliveryRow.created_at < asked.until)
    if asked.fingerprint:
        of = select(DeliveredAlertRow.delivery).where(DeliveredAlertRow.fingerprint == asked.fingerprint)
        found.append(DeliveryRow.id.in_(of))
    return found
