"""Escalations, policies and schedules as the control store keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.oncall import escalation, policy, schedule
from observatory.oncall.escalation import Escalation
from observatory.oncall.policy import Policy
from observatory.oncall.schedule import Schedule
from observatory.state import Rows
from observatory.state.oncall import EscalationRecord


async def policies(rows: Rows) -> Sequence[Policy]:
    """All policies, by id."""
    return [policy.decode(each.id, each.told) for each in await rows.oncall.policies()]


async def schedules(rows: Rows) -> Mapping[str, Schedule]:
    """All schedules, by id."""
    return {each.id: schedule.decode(each.id, each.told) for each in await rows.oncall.schedules()}


def of_record(record: EscalationRecord) -> Escalation:
    """The escalation of a record."""
    return escalation.decode(record.subject, record.environment, record.state, record.started_at, record.told)


def to_record(found: Escalation) -> EscalationRecord:
    """The record of an escalation."""
    return EscalationRecord(
        found.subject, found.environment, found.policy.id, found.state.value, found.started_at, escalation.encode(found)
    )
