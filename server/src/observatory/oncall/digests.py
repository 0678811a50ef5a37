"""Gathers the facts of a digest and puts it into the outbox, once a day, whoever leads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from observatory.alerting.scene import Told
from observatory.clock import Clock
from observatory.costs import Ledger, Standings
from observatory.errors import ObservatoryError, StateError
from observatory.model import Snapshot, Verdict
from observatory.model.alert import Phase, Severity
from observatory.model.notification import DeliveryState, Kind, Message, Status
from observatory.oncall import digest, records
from observatory.oncall.digest import Area, Duty, Facts, Money, Purse, Trouble
from observatory.oncall.schedule import Shift, on_call
from observatory.state import IncidentsWanted, Rows, State
from observatory.state.deliveries import Asked
from observatory.state.oncall import DigestRecord

_log = logging.getLogger(__name__)
POLL_S = 30.0
# A server that was down at the hour sends it late, but not when the day is nearly over.
LATEST = timedelta(hours=12)
# For so long `digest.sent` says that it was: an alert that begins and ends by itself.
_TOLD = timedelta(minutes=5)
_MOST_MODELS = 5
_MOST = 200


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the facts come from.

    Attributes:
        newest: the newest round of each environment.
        ledger: costs.
        standings: budgets.
    """

    newest: Callable[[], Mapping[str, Snapshot]]
    ledger: Ledger
    standings: Standings


class Digests:
    """Sends the digests.

    Args:
        state: the control store.
        clock: what time it is.
        sources: where the facts come from.
        hour: of the day, UTC, at which it is sent; -1: never.
        wake: called when there are messages to deliver.
        confirm: raises inside the transaction when another server leads by now.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        sources: Sources,
        hour: int,
        wake: Callable[[], None] = lambda: None,
        confirm: Callable[[Rows], Awaitable[None]] | None = None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._sources = sources
        self._hour = hour
        self._wake = wake
        self._confirm = confirm

    async def run(self) -> None:
        """Look every half minute until cancelled."""
        while True:
            try:
                await self.step()
            except StateError:
                _log.exception("the digest could not be written for now")
            await asyncio.sleep(POLL_S)

    async def step(self) -> int:
        """Write the digests that are due; returns how many.

        Raises:
            StateError: the control store failed.
        """
        if self._hour < 0:
            return 0
        at = self._clock.now()
        since, until = digest.window(at, self._hour)
        if at - until > LATEST:
            return 0
        day, written = f"{until:%Y-%m-%d}", 0
        for environment in sorted(self._sources.newest()):
            async with self._state.reading() as rows:
                done = await rows.oncall.digest(environment, day)
            if done is None:
                written += await self._write(environment, day, since, until, at)
        return written

    async def facts(self, environment: str, since: datetime, until: datetime) -> Facts:
        """What a digest of this stretch of time says now.

        Raises:
            StateError: the control store failed.
        """
        money = await self._money(environment, since, until)
        snapshot = self._sources.newest().get(environment)
        async with self._state.reading() as rows:
            changes = await rows.alerts.between(environment, since, until)
            duties = [_duty(each.id, on_call(each, until)) for each in (await records.schedules(rows)).values()]
            troubles = await _troubles(rows, environment, since, until)
        began = [each.transition.alert for each in changes if each.transition.alert.phase is Phase.FIRING]
        loud = [each.severity for each in began if not each.labels.get("silent", "")]
        return Facts(
            environment=environment,
            since=since,
            until=until,
            health=None if snapshot is None else _health(snapshot),
            health_at=None if snapshot is None else snapshot.at,
            money=money,
            incidents=tuple(troubles),
            fired={each.value: loud.count(each) for each in Severity},
            budgets=self._purses(environment),
            duties=tuple(duties),
        )

    async def tell(self, environment: str, at: datetime) -> Sequence[Told]:
        """For the rule `digest.sent`: those that a channel has really taken lately."""
        async with self._state.reading() as rows:
            asked = Asked(environment=environment, kind=Kind.DIGEST.value, states=(DeliveryState.SENT.value,))
            sent = await rows.deliveries.page(asked, None, 20)
            attempts = await rows.deliveries.attempts([each.id for each in sent])
        found: dict[str, Told] = {}
        for each in sent:
            tried = attempts.get(each.id, ())
            if tried and tried[-1].at <= at < tried[-1].at + _TOLD:
                day = each.messages[0].key.rpartition(":")[2]
                found[day] = Told(day, True, f"the digest of {day} was sent by {each.channel}")
        return list(found.values())

    async def _write(self, environment: str, day: str, since: datetime, until: datetime, at: datetime) -> int:
        facts = await self.facts(environment, since, until)
        told = digest.write(facts)
        message = Message(
            key=f"digest:{environment}:{day}"[-160:],
            kind=Kind.DIGEST,
            environment=environment,
            grouping=f"digest/{environment}",
            severity=Severity.INFO,
            status=Status.INFO,
            at=at,
            title=told.title,
            text=told.markdown,
            html=told.html,
        )
        async with self._state.writing() as rows:
            if self._confirm is not None:
                await self._confirm(rows)
            if await rows.oncall.digest(environment, day) is not None:
                return 0
            await rows.oncall.keep_digest(DigestRecord(environment, day, at, digest.plain(facts)))
            await rows.outbox.add([message])
        self._wake()
        return 1

    async def _money(self, environment: str, since: datetime, until: datetime) -> Money | None:
        """None when the costs cannot be read: the rest is worth telling without them."""
        ledger = self._sources.ledger
        try:
            whole = await ledger.spent(environment, since, until)
            before = await ledger.spent(environment, since - (until - since), since)
            models = await ledger.spent(environment, since, until, by=["model"])
        except ObservatoryError:
            _log.warning("the costs could not be read for a digest", exc_info=True)
            return None
        spent = whole[0] if whole else None
        dearest = sorted(((each.usd, each.key[0]) for each in models if each.usd and each.key[0]), reverse=True)
        return Money(
            usd=None if spent is None else spent.usd,
            before_usd=before[0].usd if before else None,
            ai_usd=None if spent is None else spent.ai_usd,
            charged_usd=None if spent is None else spent.charged_usd,
            calls=0 if spent is None else spent.calls,
            uncosted=0 if spent is None else spent.calls_unpriced + spent.calls_untold + spent.charges_unreadable,
            models=tuple((name, usd) for usd, name in dearest[:_MOST_MODELS] if usd is not None),
        )

    def _purses(self, environment: str) -> tuple[Purse, ...]:
        found = []
        for record, standing in self._sources.standings.all(environment):
            terms = record.terms
            found.append(
                Purse(
                    name=terms.name,
                    period=terms.period,
                    state="unknown" if standing is None else standing.state.value,
                    spent_usd=None if standing is None else _decimal(standing.spent.value),
                    amount_usd=terms.amount_usd,
                    share_ratio=None if standing is None else standing.share_ratio,
                    why="" if standing is None else "; ".join(standing.reasons),
                )
            )
        return tuple(found)


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _health(snapshot: Snapshot) -> tuple[Area, ...]:
    whole = _area("", snapshot.overall)
    return (whole, *(_area(name, each.verdict) for name, each in snapshot.areas.items()))


def _area(name: str, verdict: Verdict) -> Area:
    return Area(name, verdict.health.value, verdict.findings[0].sentence if verdict.findings else "")


def _duty(schedule: str, shift: Shift) -> Duty:
    return Duty(schedule, shift.person.name, shift.ends_at)


async def _troubles(rows: Rows, environment: str, since: datetime, until: datetime) -> list[Trouble]:
    """Incidents that opened within the day, and those that were open before and not over at its start."""
    opened = await rows.incidents.between(IncidentsWanted(environment, since=since, until=until), _MOST)
    earlier = await rows.incidents.open(environment, ended_after=since)
    found = {each.incident.id: each.incident for each in [*earlier, *opened] if each.incident.merged_into is None}
    told = [each for each in found.values() if each.opened_at < until]
    return [
        Trouble(
            each.id,
            each.title,
            each.severity.value,
            each.state.value,
            each.opened_at,
            each.acknowledged_at,
            each.resolved_at,
        )
        for each in sorted(told, key=lambda each: (each.opened_at, each.id))
    ]
