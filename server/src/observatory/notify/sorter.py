"""From the outbox to deliveries: one transaction takes messages, runs the row of stages, and keeps what they say."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from observatory.alerting import Rule
from observatory.errors import StateError
from observatory.incidents import Graphs
from observatory.model.alert import Alert, Phase
from observatory.model.notification import DeliveryState, Kind, Message, Status
from observatory.notify import inhibition, plan, stages
from observatory.notify.pace import Pace
from observatory.notify.stages import Batch, Decision, Fate, Look, Route
from observatory.state import Rows
from observatory.state.deliveries import Delivery, Past
from observatory.state.outbox import DONE, MUTED, WAITING, Waiting

MOST_AT_ONCE = 200
# What is told again and again must not make a message longer than people read.
_MOST_STILL = 20
_ALONE = frozenset({Kind.INCIDENT, Kind.ESCALATION, Kind.REMINDER, Kind.DIGEST, Kind.TEST})


@dataclass(frozen=True, slots=True)
class Knows:
    """What the sorter is told by others, each time anew.

    Attributes:
        rules: those in force, by id.
        graphs: the live service graph of an environment.
        routes: of the channels in force.
    """

    rules: Callable[[], Mapping[str, Rule]]
    graphs: Graphs
    routes: Callable[[], Sequence[Route]]


@dataclass(frozen=True, slots=True)
class Sorted:
    """What one pass did: deliveries written down, and how many messages each stage kept back for good or for now."""

    deliveries: int
    kept_back: Mapping[str, int]


async def sort(rows: Rows, owner: str, at: datetime, pace: Pace, knows: Knows) -> Sorted:
    """Take what is due and decide what becomes of it.

    Raises:
        StateError: the control store failed, or somebody else took the messages; nothing is kept then.
    """
    taken = await rows.outbox.claim(owner, at, MOST_AT_ONCE, pace.lease_s)
    if not taken:
        return Sorted(0, {})
    firing = {each.id: each for each in await rows.alerts.open() if each.phase is Phase.FIRING}
    # On a thread: of thousands of alerts it takes longer than the loop may be held.
    explained = await asyncio.to_thread(inhibition.inhibited, list(firing.values()), knows.rules(), knows.graphs)
    mutes, routes = await rows.silences.living(at), knows.routes()
    made, kept_back = 0, dict[str, int]()
    for items in _batches(taken):
        past = await _past(rows, items)
        beginnings = await _beginnings(rows, items)
        look = Look(at, pace, firing, explained, mutes, routes, past, beginnings)
        batch, decided = stages.run(Batch(items), look)
        still = await _still(rows, batch, look)
        deliveries = _deliveries(batch, look, still)
        news = [each for each in items if each.id in decided and _is_news(each, decided[each.id])]
        await rows.deliveries.add([*deliveries, *(_suppressed(each, decided[each.id], at) for each in news)])
        await _settle(rows, owner, at, items, decided)
        made += len(deliveries)
        for each in news:
            kept_back[decided[each.id].stage] = kept_back.get(decided[each.id].stage, 0) + 1
    return Sorted(made, kept_back)


def _batches(taken: Sequence[Waiting]) -> Iterable[Sequence[Waiting]]:
    """What is told together; what names its channels, or is not news, goes by itself."""
    found: dict[str, list[Waiting]] = {}
    for each in taken:
        alone = each.message.kind in _ALONE or each.message.targets
        found.setdefault(f"{each.message.grouping}\0{each.id if alone else ''}", []).append(each)
    return found.values()


async def _past(rows: Rows, items: Sequence[Waiting]) -> Past:
    ids = {each.message.alert.id for each in items if each.message.alert is not None}
    return await rows.deliveries.past(items[0].message.grouping, ids)


async def _beginnings(rows: Rows, items: Sequence[Waiting]) -> Mapping[str, Waiting]:
    ends = [each.message.alert.id for each in items if each.message.alert and each.message.status is Status.RESOLVED]
    if not ends:
        return {}
    found = await rows.outbox.of_alerts(ends)
    return {
        each.message.alert.id: each
        for each in found
        if each.message.alert is not None and each.message.status is Status.FIRING and each.message.kind is Kind.ALERT
        if each.state != DONE or each.stage
    }


async def _still(rows: Rows, batch: Batch, look: Look) -> Sequence[Alert]:
    """Of the same grouping, what was told before and fires still: a message that only says what ended misleads."""
    if not batch.items or batch.items[0].message.kind is not Kind.ALERT:
        return ()
    here = {each.message.alert.id for each in batch.items if each.message.alert is not None}
    known = await rows.deliveries.of_grouping(batch.items[0].message.grouping)
    return [look.firing[each] for each in sorted(known - here) if each in look.firing][:_MOST_STILL]


def _deliveries(batch: Batch, look: Look, still: Sequence[Alert]) -> list[Delivery]:
    of: dict[str, list[Waiting]] = {}
    for item in batch.items:
        for channel in batch.channels.get(item.id, ()):
            of.setdefault(channel, []).append(item)
    return [_delivery(channel, items, look, still) for channel, items in of.items()]


def _delivery(channel: str, items: Sequence[Waiting], look: Look, still: Sequence[Alert]) -> Delivery:
    told = _newest(items)
    first = told[0]
    if first.kind is Kind.ALERT:
        told += [_again(each, first) for each in still]
    firing = any(each.status is Status.FIRING for each in told)
    status = Status.FIRING if firing else first.status
    return Delivery(
        key=_key(channel, [each.message.key for each in items]),
        channel=channel,
        kind=first.kind.value,
        environment=first.environment,
        grouping=first.grouping,
        severity=stages.worst(items),
        status=status,
        state=DeliveryState.QUEUED,
        stage="",
        reason="",
        created_at=look.at,
        due_at=look.at,
        messages=tuple(told),
        note=_note(told, len(told) - len(still) if first.kind is Kind.ALERT else len(told), look.past),
    )


def _newest(items: Sequence[Waiting]) -> list[Message]:
    """Of each alert what was said last: one that began and ended meanwhile is told once, with its end."""
    found: dict[str, Message] = {}
    for item in items:
        alert = item.message.alert
        found[item.message.key if alert is None else alert.fingerprint] = item.message
    return list(found.values())


def _again(alert: Alert, first: Message) -> Message:
    return replace(
        first,
        key=f"{alert.id}:still",
        severity=alert.severity,
        status=Status.FIRING,
        title=f"still: {plan.title(alert)}",
        text="",
        alert=alert,
    )


def _note(told: Sequence[Message], news: int, past: Past) -> str:
    """Why it is sent, in Alertmanager's words."""
    if told[0].kind is Kind.REMINDER:
        return "repeat interval elapsed"
    if past.last_at is None or told[0].status is Status.INFO:
        return "first notification"
    if any(each.status is Status.FIRING for each in told[:news]):
        return "new alerts added"
    return "some alerts resolved" if any(each.status is Status.FIRING for each in told) else "all alerts resolved"


def _is_news(item: Waiting, decision: Decision) -> bool:
    """Whether the ledger does not know it yet: a mute is written down once for each reason."""
    if decision.fate is Fate.HOLD:
        return False
    return (item.stage, item.reason) != (decision.stage, decision.reason)


def _suppressed(item: Waiting, decision: Decision, at: datetime) -> Delivery:
    message = item.message
    return Delivery(
        key=_key("", [message.key, decision.stage, decision.reason]),
        channel="",
        kind=message.kind.value,
        environment=message.environment,
        grouping=message.grouping,
        severity=message.severity,
        status=message.status,
        state=DeliveryState.SUPPRESSED,
        stage=decision.stage,
        reason=decision.reason,
        created_at=at,
        due_at=at,
        messages=(message,),
    )


async def _settle(
    rows: Rows, owner: str, at: datetime, items: Sequence[Waiting], decided: Mapping[int, Decision]
) -> None:
    alike: dict[tuple[str, str, str, datetime], list[int]] = {}
    for item in items:
        found = decided.get(item.id)
        if found is None:
            how = (DONE, "", "", at)
        elif found.fate is Fate.DROP:
            how = (DONE, found.stage, found.reason, at)
        elif found.fate is Fate.MUTE:
            how = (MUTED, found.stage, found.reason, found.due_at)
        else:
            # What is held keeps what is known of its mute.
            how = (WAITING, item.stage, item.reason, found.due_at)
        alike.setdefault(how, []).append(item.id)
    for (state, stage, reason, due), ids in alike.items():
        if await rows.outbox.settle(owner, ids, state, stage, reason, due) != len(ids):
            raise StateError("somebody else took messages of the outbox")


def _key(channel: str, parts: Sequence[str]) -> str:
    told = "\0".join((channel, *parts)).encode()
    return hashlib.blake2b(told, digest_size=16).hexdigest()
