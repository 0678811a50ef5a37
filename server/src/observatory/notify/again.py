"""What is told once more: what still fires and nobody took, and what a channel gave up on and can tell by now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from observatory import oncall
from observatory.model.alert import Alert, Phase, Severity
from observatory.model.notification import Message
from observatory.notify import plan
from observatory.notify.pace import Pace
from observatory.state import Rows
from observatory.state.deliveries import GivenUp, Standing

# An alert is offered so often to a channel that gives up each time, and so many at one look.
_MOST_TIMES = 12
_MOST_AT_ONCE = 20
_OLDEST = timedelta(days=2)


async def messages(rows: Rows, at: datetime, pace: Pace, channels: Collection[str]) -> list[Message]:
    """All that is to be told once more now; a message whose key is in the outbox was told so already.

    Args:
        rows: to read from.
        at: now.
        pace: when.
        channels: ids of those that there are.

    Raises:
        StateError: the control store failed.
    """
    firing = {each.id: each for each in await rows.alerts.open() if each.phase is Phase.FIRING}
    if not firing:
        return []
    told = await rows.deliveries.last_told(firing)
    before = await rows.outbox.beginnings(told)
    taken = await oncall.taken(rows)
    open_ = {name: firing[name] for name in before if name in told and name not in taken}
    return [*_reminders(open_, before, told, at, pace), *await _given_up(rows, open_, before, at, pace, channels)]


def _reminders(
    open_: Mapping[str, Alert], before: Mapping[str, Message], told: Mapping[str, datetime], at: datetime, pace: Pace
) -> list[Message]:
    if not pace.repeat_s:
        return []
    due = at - timedelta(seconds=pace.repeat_s)
    return [
        plan.reminder(alert, before[name], told[name], at)
        for name, alert in open_.items()
        if alert.severity is not Severity.INFO and told[name] <= due
    ]


async def _given_up(
    rows: Rows,
    open_: Mapping[str, Alert],
    before: Mapping[str, Message],
    at: datetime,
    pace: Pace,
    channels: Collection[str],
) -> list[Message]:
    lost = [each for each in await rows.deliveries.given_up(at - _OLDEST) if each.alert in open_]
    if not lost or not pace.revive_s:
        return []
    standings = await rows.deliveries.standings()
    heard = (await rows.deliveries.past("", {each.alert for each in lost})).told
    due = [
        each
        for each in lost
        if each.channel in channels and each.alert not in heard.get(each.channel, {})
        if each.times <= _MOST_TIMES and _due(each, standings.get(each.channel), at, pace)
    ]
    due.sort(key=lambda each: (-open_[each.alert].severity.rank, each.at))
    return [plan.again(open_[each.alert], before[each.alert], each, at) for each in due[:_MOST_AT_ONCE]]


def _due(lost: GivenUp, standing: Standing | None, at: datetime, pace: Pace) -> bool:
    """At once when the channel has delivered since; else it is tried, after a wait that doubles up to an hour."""
    if standing is not None and standing.sent_at is not None and standing.sent_at > lost.at:
        return True
    wait_s = min(pace.revive_s * 2.0 ** (lost.times - 1), max(pace.revive_s, 3_600.0))
    return (at - lost.at).total_seconds() >= wait_s
