"""The row of stages that decides what becomes of messages. Each is pure, has the same signature, and gives its reason.

    for stage in STAGES:
        batch = apply(stage, batch, look, decided)

What passes all of them is sent and recorded by the deliverer. A mute is not for ever: a muted message is looked at
again, and is told when nothing mutes it any more while its alert still fires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from observatory.alerting import silences
from observatory.model.alert import Alert, Severity
from observatory.model.notification import Kind, Message, Status
from observatory.notify.inhibition import Inhibited
from observatory.notify.pace import Pace
from observatory.state import SilenceRecord
from observatory.state.deliveries import Past
from observatory.state.outbox import MUTED, WAITING, Waiting


class Fate(StrEnum):
    """What a stage makes of a message that does not pass: look again later, mute for now, never tell."""

    HOLD = "hold"
    MUTE = "mute"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one message, by which stage, why in words, and when it is looked at again."""

    fate: Fate
    stage: str
    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Route:
    """Whom a channel tells of what.

    Attributes:
        channel: its id.
        takes: whether a message is for it.
        kinds: kinds of messages that it takes at all.
    """

    channel: str
    takes: Callable[[Waiting], bool]
    kinds: frozenset[Kind] = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Look:
    """All that stages look at, as it was at one moment.

    Attributes:
        at: the moment.
        pace: how long messages wait for company, and how often they are repeated.
        firing: alerts that fire, by id (`fingerprint:episode`).
        inhibited: those of them that another explains, by fingerprint.
        silences: in force or to come.
        routes: of each channel.
        past: what the grouping was told before.
        beginnings: messages that the alerts fire, by alert id, which are in the outbox still.
    """

    at: datetime
    pace: Pace
    firing: Mapping[str, Alert]
    inhibited: Mapping[str, Inhibited]
    silences: Sequence[SilenceRecord]
    routes: Sequence[Route]
    past: Past
    beginnings: Mapping[str, Waiting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one grouping on their way, oldest first.

    Attributes:
        items: what is left of them.
        channels: by message id, the channels that are to tell it; filled by `route`.
    """

    items: Sequence[Waiting]
    channels: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


Decided = Mapping[int, Decision]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, and what it does not let pass. It may narrow the channels of what passes."""

    name: str
    decide: Callable[[Batch, Look], tuple[Batch, Decided]]


def run(batch: Batch, look: Look, stages: Iterable[Stage] = ()) -> tuple[Batch, dict[int, Decision]]:
    """Send a batch along the row; what is left of it, and what became of the rest."""
    decided: dict[int, Decision] = {}
    for stage in stages or STAGES:
        if not batch.items:
            break
        batch, here = stage.decide(batch, look)
        decided |= here
        batch = Batch([each for each in batch.items if each.id not in here], batch.channels)
    return batch, decided


def _begins(item: Waiting) -> bool:
    return item.message.alert is not None and item.message.status is Status.FIRING


def _ended(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    """A mute that outlasted its alert leaves nothing to tell; nor is anybody reminded of what is over."""
    found: dict[int, Decision] = {}
    for item in batch.items:
        alert = item.message.alert
        # What names its channels is told there once more, or by an escalation: not the first word of it.
        late = item.state == MUTED or item.message.kind in (Kind.ESCALATION, Kind.REMINDER) or item.message.targets
        if late and alert is not None and _begins(item) and alert.id not in look.firing:
            why = f"it ended while it was muted ({item.reason})" if item.state == MUTED else "it has ended"
            found[item.id] = Decision(Fate.DROP, item.stage or "ended", why, look.at)
    return batch, found


def _inhibition(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    found: dict[int, Decision] = {}
    for item in batch.items:
        alert = item.message.alert
        # Who is called because nobody took a trouble is called, whichever of its alerts the message carries.
        if alert is None or not _begins(item) or item.message.kind in (Kind.TEST, Kind.ESCALATION):
            continue
        by = look.inhibited.get(alert.fingerprint)
        if by is not None:
            found[item.id] = Decision(Fate.MUTE, "inhibition", by.reason, look.pace.again(look.at))
        elif item.state == MUTED and item.stage == "inhibition" and item.reason != LINGERS:
            # What was explained by another ends a little after it: it gets the time to do so.
            due = look.at + timedelta(seconds=look.pace.linger_s)
            found[item.id] = Decision(Fate.MUTE, "inhibition", LINGERS, due)
    return batch, found


LINGERS = "what explained it has ended; it has a moment to end as well"


def _silence(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    found = dict(_muted(batch, look, "silence"))
    for item in batch.items:
        silent = item.message.alert is not None and item.message.alert.labels.get("silent", "")
        if silent:
            why = f"its rule is silent ({silent}): it is watched, and nobody is told"
            found[item.id] = Decision(Fate.DROP, "silence", why, look.at)
    return batch, found


def _maintenance(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    return batch, _muted(batch, look, "maintenance")


def _muted(batch: Batch, look: Look, kind: str) -> Decided:
    records = [each for each in look.silences if each.terms.kind == kind]
    found: dict[int, Decision] = {}
    for item in batch.items:
        alert = item.message.alert
        muted = silences.mutes(records, alert, look.at) if alert is not None and _begins(item) else None
        if muted is not None:
            found[item.id] = Decision(Fate.MUTE, kind, muted.reason, look.pace.again(look.at))
    return found


def _route(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    known = {each.channel for each in look.routes}
    channels: dict[int, tuple[str, ...]] = {}
    found: dict[int, Decision] = {}
    for item in batch.items:
        channels[item.id] = _named(item.message, look) or _fitting(item, look)
        if not channels[item.id]:
            found[item.id] = Decision(Fate.DROP, "route", _nobody(item, known), look.at)
    return Batch(batch.items, channels), found


def _named(message: Message, look: Look) -> tuple[str, ...]:
    # Who is called by an escalation is called; what became of an incident goes only where that is wanted.
    wanted = [each for each in look.routes if message.kind is not Kind.INCIDENT or Kind.INCIDENT in each.kinds]
    known = {each.channel for each in wanted}
    return tuple(each for each in message.targets if each in known)


def _fitting(item: Waiting, look: Look) -> tuple[str, ...]:
    # Those who were told of a trouble are told what became of it; nobody else needs to know.
    if item.message.targets and item.message.kind in _ONLY_NAMED:
        return ()
    return tuple(each.channel for each in look.routes if each.takes(item))


# What was told to some is not told to others because those are gone.
_ONLY_NAMED = frozenset({Kind.ALERT, Kind.INCIDENT})


def _nobody(item: Waiting, known: set[str]) -> str:
    if not known:
        return "there are no channels"
    message = item.message
    what = f"{message.kind.value} messages of severity {message.severity.value} in {message.environment}"
    return f"no channel takes {what}"


def _group(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    """Wait a moment for company; after a message, wait longer, unless what comes is worse."""
    items = [each for each in batch.items if each.message.kind is Kind.ALERT]
    if not items:
        return batch, {}
    rank = worst(items).rank
    news = any(_begins(each) for each in items)
    past = look.past
    known = past.last_at is not None and past.worst is not None
    worse = known and past.worst is not None and news and rank > past.worst.rank
    due = min(each.created_at for each in items) + timedelta(seconds=look.pace.group_wait_s)
    if known and not worse and past.last_at is not None:
        due = max(due, past.last_at + timedelta(seconds=look.pace.group_interval_s))
    if look.at >= due:
        return batch, {}
    held = Decision(Fate.HOLD, "group", "waits for others of the same trouble", due)
    return batch, {each.id: held for each in items}


def _deduplicate(batch: Batch, look: Look) -> tuple[Batch, Decided]:
    """Nobody is told the same twice, nor the end of what they were not told of."""
    found: dict[int, Decision] = {}
    channels = dict(batch.channels)
    beginning = {each.message.alert.id for each in batch.items if each.message.alert is not None and _begins(each)}
    for item in batch.items:
        alert = item.message.alert
        if alert is None or item.message.kind is not Kind.ALERT:
            continue
        told = {channel: of[alert.id] for channel, of in look.past.told.items() if alert.id in of}
        if _begins(item):
            channels[item.id] = tuple(each for each in channels[item.id] if each not in told)
            if not channels[item.id]:
                found[item.id] = Decision(Fate.DROP, "deduplicate", "it was told already", look.at)
            continue
        left = {each for each, status in told.items() if status is not Status.RESOLVED}
        if alert.id in beginning:
            left |= {each for each in channels[item.id] if each not in told}
        channels[item.id] = tuple(sorted(left))
        if not left:
            found[item.id] = _unheard(item, told, look)
    return Batch(batch.items, channels), found


def _unheard(item: Waiting, told: Mapping[str, Status], look: Look) -> Decision:
    alert_id = item.message.alert.id if item.message.alert is not None else ""
    beginning = look.beginnings.get(alert_id)
    if told:
        return Decision(Fate.DROP, "deduplicate", "its end was told already", look.at)
    if beginning is not None and beginning.state == WAITING:
        return Decision(Fate.HOLD, "deduplicate", "its beginning is about to be told", look.pace.again(look.at))
    why = f": {beginning.reason}" if beginning is not None and beginning.reason else ""
    return Decision(Fate.DROP, "deduplicate", f"nobody was told that it fired{why}", look.at)


def worst(items: Iterable[Waiting]) -> Severity:
    """The most urgent severity among messages."""
    return max((each.message.severity for each in items), key=lambda each: each.rank)


STAGES: tuple[Stage, ...] = (
    Stage("ended", _ended),
    Stage("inhibition", _inhibition),
    Stage("silence", _silence),
    Stage("maintenance", _maintenance),
    Stage("route", _route),
    Stage("group", _group),
    Stage("deduplicate", _deduplicate),
)
# What comes after them, channel by channel, when a message is due there.
SENDING: tuple[str, ...] = ("throttle", "send", "record")
