"""The loop that delivers: sorts the outbox, sends what is due on each channel, writes each attempt into the ledger."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from observatory.clock import Clock
from observatory.errors import StateError
from observatory.model.notification import Attempt, DeliveryState, Outcome
from observatory.notify import again, plan
from observatory.notify.channels import Alertmanager, Channel, Channels, Sent
from observatory.notify.channels.alertmanager import KEEP_S
from observatory.notify.pace import Pace
from observatory.notify.sorter import Knows, sort
from observatory.notify.standings import Standings
from observatory.selfwatch import Selfwatch
from observatory.state import Rows, State
from observatory.state.deliveries import Delivery

_log = logging.getLogger(__name__)
POLL_S = 1.0
_REMIND_S = 30.0
_MINUTE_S = 60.0
_MOST_DETAIL = 500
RETAIN = timedelta(days=400)
# A link is good for two days; one that was used is known as used for longer.
_LINKS = timedelta(days=30)
# Its messages are numbered by its rounds: it is forgotten after them, or new ones would be taken for known.
_ESCALATIONS = RETAIN + timedelta(days=35)
_RECENT = timedelta(seconds=60)


class Deliverer:
    """Delivers.

    Args:
        state: the control store, with the outbox and the ledger.
        channels: those in force.
        knows: what the stages look at.
        standings: how the channels do.
        clock: what time it is.
        selfwatch: where it counts.
        pace: its times.
        leads: whether this server is the one that delivers.
    """

    def __init__(
        self,
        state: State,
        channels: Channels,
        knows: Knows,
        standings: Standings,
        clock: Clock,
        selfwatch: Selfwatch,
        pace: Pace,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._state = state
        self.channels = channels
        self._knows = knows
        self.standings = standings
        self._clock = clock
        self._selfwatch = selfwatch
        self.pace = pace
        self._leads = leads
        self._me = uuid.uuid4().hex
        self._woken = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, datetime] = {}
        self._reminded: datetime | None = None
        self._forgotten: datetime | None = None
        self._told: dict[str, datetime] = {}
        self._stopping = False
        self._stepped: datetime | None = None

    @property
    def going(self) -> bool:
        """Whether it has looked at the outbox within the last minute: what is to be told is told."""
        return self._stepped is not None and self._clock.now() - self._stepped < _RECENT

    def wake(self) -> None:
        """There is something new in the outbox. Call it once that is committed."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; then wait for what is being sent."""
        try:
            while True:
                self._woken.clear()
                wait_s = POLL_S
                if self._leads():
                    try:
                        wait_s = await self.step()
                    except Exception:
                        # Without this loop nobody would be told anything ever again.
                        _log.exception("messages could not be delivered for now")
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._woken.wait()
        finally:
            # What is being sent is waited for, so that it is recorded; the rest is the next start's.
            self._stopping = True
            if self._busy:
                _, late = await asyncio.wait(self._busy.values(), timeout=self.pace.timeout_s)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def step(self) -> float:
        """Sort what is due and start sending; returns after how many seconds something is due again, at most 1.

        Raises:
            StateError: the control store failed.
        """
        self.channels.look()
        at = self._clock.now()
        await self._upkeep(at)
        async with self._state.reading() as rows:
            due = await rows.outbox.next_due()
        if due is not None and due <= at:
            async with self._state.writing() as rows:
                found = await sort(rows, self._me, at, self.pace, self._knows)
            for stage, count in found.kept_back.items():
                self._selfwatch.messages_kept_back.labels(stage=stage).inc(count)
        async with self._state.reading() as rows:
            channels = await rows.deliveries.due_channels(at)
            dues = [await rows.outbox.next_due(), await rows.deliveries.next_due()]
        for channel in channels:
            if channel not in self._busy and self._not_before.get(channel, at) <= at:
                self._busy[channel] = asyncio.create_task(self._serve(channel), name=f"channel {channel}")
        await self._retell(at)
        self._stepped = at
        later = [(each - at).total_seconds() for each in dues if each is not None and each > at]
        return max(0.01, min([POLL_S, *later]))

    async def settled(self) -> None:
        """Wait until everything that is being sent now is recorded."""
        while self._busy:
            await asyncio.wait(list(self._busy.values()))

    async def _serve(self, channel: str) -> None:
        try:
            while self._leads() and not self._stopping:
                at = self._clock.now()
                async with self._state.writing() as rows:
                    taken = await rows.deliveries.claim(channel, self._me, at, 1, self.pace.lease_s)
                    if not taken:
                        return
                    found = self.channels.find(channel)
                    full = found is not None and await rows.deliveries.sent_since(channel, at - _MINUTE)
                    if found is not None and full and full >= found.per_minute:
                        await self._put_off(rows, taken[0], found, at)
                        return
                await self._send(taken[0], found)
        except StateError:
            _log.exception("what became of a message could not be written down; it is sent again")
        finally:
            self._busy.pop(channel, None)
            self.wake()

    async def _put_off(self, rows: Rows, delivery: Delivery, channel: Channel, at: datetime) -> None:
        due = at + timedelta(seconds=_MINUTE_S / channel.per_minute)
        self._not_before[channel.id] = due
        reason = f"{channel.per_minute} messages a minute are sent at most"
        await rows.deliveries.put_off(delivery.id, self._me, due, "throttle", reason)

    async def _send(self, delivery: Delivery, channel: Channel | None) -> None:
        at, began = self._clock.now(), self._clock.monotonic()
        if channel is None:
            sent = Sent(Outcome.REFUSED, "the channel is not in the file any more")
        else:
            sent = await _tried(channel, delivery)
        took_ms = round((self._clock.monotonic() - began) * 1_000)
        detail = sent.detail if channel is None else channel.scrub(sent.detail)
        attempt = Attempt(at, took_ms, sent.outcome, detail[:_MOST_DETAIL])
        await self._record(delivery, attempt, sent.retry_after_s)

    async def _record(self, delivery: Delivery, attempt: Attempt, asked_s: float | None) -> None:
        now = self._clock.now()
        due = None
        if attempt.outcome is Outcome.FAILED:
            due = self.pace.retry(now, delivery.attempts + 1, asked_s)
        state = DeliveryState.QUEUED if due is not None else DeliveryState.FAILED
        reason = attempt.detail if due is not None else f"given up: {attempt.detail}"
        if attempt.outcome is Outcome.SENT:
            state, reason = DeliveryState.SENT, ""
        async with self._state.writing() as rows:
            kept = await rows.deliveries.tried(delivery.id, self._me, attempt, state, due or now, reason)
            standings = await rows.deliveries.standings()
        if not kept:
            _log.warning("a message was sent by another server meanwhile: delivery %d", delivery.id)
        self.standings.learn(standings)
        self._selfwatch.notifications.labels(channel=delivery.channel, outcome=attempt.outcome.value).inc()

    async def _upkeep(self, at: datetime) -> None:
        """Remind of what nobody took, and forget what is long past."""
        if self._reminded is None or (at - self._reminded).total_seconds() >= _REMIND_S:
            self._reminded = at
            await self._remind(at)
        if self._forgotten is None or at - self._forgotten >= timedelta(days=1):
            self._forgotten = at
            async with self._state.writing() as rows:
                await rows.outbox.forget(at - RETAIN)
                await rows.deliveries.forget(at - RETAIN)
                await rows.oncall.forget_links(at - _LINKS)
                await rows.oncall.forget_escalations(at - _ESCALATIONS)

    async def _remind(self, at: datetime) -> None:
        async with self._state.reading() as rows:
            messages = await again.messages(rows, at, self.pace, {each.id for each in self.channels.all})
        if messages:
            async with self._state.writing() as rows:
                await rows.outbox.add(messages)

    async def _retell(self, at: datetime) -> None:
        """An Alertmanager forgets what it is not told again."""
        for channel in self.channels.all:
            sender = channel.sender
            if not isinstance(sender, Alertmanager) or channel.id in self._busy:
                continue
            if (at - self._told.setdefault(channel.id, at)).total_seconds() < sender.resend_s:
                continue
            self._told[channel.id] = at
            self._busy[channel.id] = asyncio.create_task(self._tell_all(channel.id, sender, at))

    async def _tell_all(self, channel: str, sender: Alertmanager, at: datetime) -> None:
        try:
            async with self._state.reading() as rows:
                alerts = {each.id: each for each in await rows.alerts.newest(at - timedelta(seconds=KEEP_S))}
                told = (await rows.deliveries.past("", alerts)).told.get(channel, {})
            messages = [plan.as_it_stands(alerts[each], at) for each in told]
            if messages:
                sent = await sender.tell(messages, at)
                self._selfwatch.notifications.labels(channel=channel, outcome=f"again_{sent.outcome.value}").inc()
        except StateError:
            _log.exception("an Alertmanager could not be told again")
        finally:
            self._busy.pop(channel, None)


_MINUTE = timedelta(seconds=_MINUTE_S)


async def _tried(channel: Channel, delivery: Delivery) -> Sent:
    try:
        return await channel.sender.send(delivery)
    except Exception:
        # A sender that fails in a way nobody thought of must not end the loop; its words may hold secrets.
        _log.error("the channel %s failed in an unexpected way", channel.id)
        return Sent(Outcome.FAILED, "the channel failed in an unexpected way")
