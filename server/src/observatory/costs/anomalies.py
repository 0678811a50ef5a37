"""Cost anomalies: found within minutes, sized, decomposed, with who is behind them; kept, and judged by people."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from observatory.clock import Clock
from observatory.costs import blame, flows
from observatory.costs.accounts import Account, account
from observatory.costs.blame import Evidence
from observatory.costs.cases import Case, Cases
from observatory.costs.decomposition import Part
from observatory.costs.ledger import Ledger
from observatory.costs.watch import MINUTE_S, Terms, Watch, terms
from observatory.errors import InvalidRequest, NotFound, ObservatoryError
from observatory.model import Measurement, Reading
from observatory.state import AnomalyRecord, FeedbackRecord, State
from observatory.store import Reader

_log = logging.getLogger(__name__)
# Telemetry of a minute is waited for so long after its end.
SOURCE = "fact_ai_calls and fact_cost_charges, compared with up to a day before"
_LATE_S = 20
_PIECE_MIN = 60
# Older than this the figure says nothing of now.
_OLD = timedelta(minutes=10)
_MOST_ENVIRONMENTS = 8
# Who is behind it is asked again so often.
_BLAME_MIN = 5
_BEFORE = timedelta(hours=3)
# One user or conversation is named when so much of the difference is theirs; a loop, at so many times the calls.
_MOSTLY = 0.5
_LOOPING = 1.8
_SUBSTITUTED = 0.05
# What people expect once, they expect up to so many times as dear.
AS_EXPECTED = 2


class Kind(StrEnum):
    """What an anomaly is."""

    PRICE = "price_change"
    CACHE = "cache_ratio_drop"
    FALLBACK = "silent_fallback"
    MIX = "model_mix"
    USER = "runaway_user"
    CONVERSATION = "runaway_conversation"
    LOOP = "token_loop"
    TOKENS = "longer_calls"
    VOLUME = "volume"


SENTENCES = {
    Kind.PRICE: "The same costs more than it did",
    Kind.CACHE: "The providers' caches hold less of what is sent",
    Kind.FALLBACK: "A dearer model answers than the one that was asked for",
    Kind.MIX: "Dearer models are asked than before",
    Kind.USER: "One user has most of what is spent more",
    Kind.CONVERSATION: "One conversation has most of what is spent more",
    Kind.LOOP: "More model calls are made for one request than before",
    Kind.TOKENS: "Calls are longer than before",
    Kind.VOLUME: "There is more of the same",
}


@dataclass(frozen=True, slots=True)
class CostAnomaly:
    """Money that is spent above the expected, for one cause.

    Attributes:
        id: as kept; 0 before it is.
        began_at, ended_at: of what is out of the usual; `found_at`: when that was noticed.
        counted: False where people said that this pattern is expected.
        as_of: up to when it was measured.
    """

    id: int
    environment: str
    kind: Kind
    began_at: datetime
    found_at: datetime
    ended_at: datetime | None
    as_of: datetime
    account: Account
    evidence: Evidence
    factors: tuple[Part, ...]
    counted: bool = True

    @property
    def pattern(self) -> str:
        """Scope and main factor: two anomalies with the same are of the same pattern."""
        scope = {name: value for name, value in self.account.scope.items() if name != "model"}
        if (who := self.named) is not None:
            scope[who[0]] = who[1]
        return json.dumps({"factor": self.account.main, "scope": scope}, sort_keys=True)[:1024]

    @property
    def named(self) -> tuple[str, str] | None:
        """The one user or conversation that it is about."""
        dimension = {Kind.USER: "user", Kind.CONVERSATION: "conversation"}.get(self.kind)
        found = self.evidence.most(dimension) if dimension else None
        return None if found is None else (found.dimension, found.value)

    @property
    def usd_per_hour(self) -> Decimal:
        """What it costs above the expected in an hour."""
        length_s = max(60, ((self.ended_at or self.as_of) - self.began_at).total_seconds())
        return round(self.account.excess_usd * 3_600 / Decimal(repr(float(length_s))), 9)


def kind_of(main: Part | None, evidence: Evidence) -> Kind:
    """What it is, from the part with the most money and from what the calls say."""
    match main:
        case Part.PRICE | Part.CHARGE_PRICE:
            return Kind.PRICE
        case Part.CACHE:
            return Kind.CACHE
        case Part.MIX:
            more = (evidence.substituted_ratio or 0) - (evidence.usual_substituted_ratio or 0)
            return Kind.FALLBACK if more >= _SUBSTITUTED else Kind.MIX
    for dimension, kind in (("conversation", Kind.CONVERSATION), ("user", Kind.USER)):
        found = evidence.most(dimension)
        if found is not None and (found.share_ratio or 0) >= _MOSTLY:
            return kind
    now, usual = evidence.calls_per_trace, evidence.usual_calls_per_trace
    if now is not None and usual is not None and now >= _LOOPING * usual:
        return Kind.LOOP
    return Kind.TOKENS if main in (Part.INPUT, Part.OUTPUT) else Kind.VOLUME


def is_expected(said: FeedbackRecord | None, usd_per_hour: Decimal) -> bool:
    """Whether what people said last of a pattern covers one that costs this much."""
    return said is not None and said.expected and usd_per_hour <= AS_EXPECTED * said.usd_per_hour


@dataclass(slots=True)
class _Watched:
    watch: Watch
    cases: Cases
    next: int
    found: dict[int, CostAnomaly]


class CostAnomalies:
    """Looks each minute, and knows what is open. `open` is read by whoever alerts.

    Args:
        encode: makes the document that is kept.
    """

    def __init__(
        self,
        reader: Reader,
        ledger: Ledger,
        state: State,
        clock: Clock,
        encode: Callable[[CostAnomaly], str],
        environments: Callable[[], Iterable[str]],
        given: Terms | None = None,
    ) -> None:
        self._reader, self._ledger, self._state, self._clock = reader, ledger, state, clock
        self._encode, self._environments = encode, environments
        self._terms = given or terms()
        self._watched: dict[str, _Watched] = {}
        self._said: dict[tuple[str, str], FeedbackRecord] = {}
        self._left: list[AnomalyRecord] = []

    @property
    def open(self) -> list[CostAnomaly]:
        """All open anomalies, the dearest first."""
        found = [each for watched in self._watched.values() for each in watched.found.values() if not each.ended_at]
        return sorted(found, key=lambda each: -each.account.excess_usd)

    def excess_usd(self, environment: str) -> Decimal | None:
        """Money above the expected of the open ones that count; None before anything could be judged."""
        if environment not in self._watched:
            return None
        counted = (each for each in self.open if each.environment == environment and each.counted)
        return sum((each.account.excess_usd for each in counted), Decimal(0))

    def readings(self, environment: str, at: datetime) -> Iterable[Reading]:
        """The indicator of the open ones; none before anything could be judged, or while nothing new is looked at."""
        excess, looked_at = self.excess_usd(environment), self.looked_at(environment)
        if excess is None or looked_at is None or at - looked_at > _OLD:
            return
        counted = [each for each in self.open if each.environment == environment and each.counted]
        began = min((each.began_at for each in counted), default=looked_at - timedelta(seconds=MINUTE_S))
        window_s = max(int((looked_at - began).total_seconds()), MINUTE_S)
        # Spending is looked at minute by minute, so that no anomaly is a measured 0 of so many minutes.
        measured = Measurement(excess, "usd", window_s // MINUTE_S, window_s, looked_at, SOURCE, estimated=True)
        yield Reading("costs.anomaly_excess_usd", "", measured)

    def looked_at(self, environment: str) -> datetime | None:
        """Up to when spending was looked at; None: not yet."""
        watched = self._watched.get(environment)
        return None if watched is None else _at(watched.next)

    async def load(self) -> None:
        """Read what was open and what people said.

        Raises:
            StateError: the control store failed.
        """
        async with self._state.reading() as rows:
            self._left = list(await rows.cost_anomalies.open())
            said = await rows.cost_anomalies.patterns()
        self._said = {(each.environment, each.pattern): each for each in said}

    async def run(self) -> None:
        """Look each minute, for ever."""
        loaded = False
        while True:
            try:
                if not loaded:
                    await self.load()
                    loaded = True
                await self.step()
            except ObservatoryError as error:
                _log.error("cost anomalies could not be looked for: %s", error)
            now_s = self._clock.now().timestamp()
            await self._clock.sleep(MINUTE_S - (now_s - _LATE_S) % MINUTE_S)

    async def step(self) -> None:
        """Look at every whole minute since the last look.

        Raises:
            StoreError, StateError: a store failed.
        """
        last = int((self._clock.now().timestamp() - _LATE_S) // MINUTE_S) - 1
        for environment in list(self._environments())[:_MOST_ENVIRONMENTS]:
            await self._look(environment, last)

    async def _look(self, environment: str, last: int) -> None:
        watched = self._watched.get(environment)
        if watched is None:
            watch = Watch(self._terms)
            first = last - self._terms.reference_min + 1
            watched = self._watched[environment] = _Watched(watch, Cases(watch), first, {})
        if watched.next > last:
            return
        # After a long stop only as much as the memory holds. Piece by piece: a read returns so many rows at most.
        first = max(watched.next, last - self._terms.reference_min + 1)
        for begin in range(first, last + 1, _PIECE_MIN):
            end = min(begin + _PIECE_MIN, last + 1)
            read = await flows.read(self._reader, self._ledger.book, environment, _at(begin), _at(end), MINUTE_S)
            for case in await asyncio.to_thread(_walk, watched, read, begin, end - 1):
                await self._report(environment, watched, case, end - 1)
        for case in watched.cases.open:
            await self._report(environment, watched, case, last)

    async def _report(self, environment: str, watched: _Watched, case: Case, minute: int) -> None:
        """Size a case, say who is behind it, and keep it."""
        span = _at(case.since), _at(case.until or minute + 1)
        used = await flows.read(self._reader, self._ledger.book, environment, *span)
        sized = await asyncio.to_thread(account, case, watched.watch, used, minute)
        if sized is None:
            return
        before = watched.found.get(case.number)
        if before is None or case.until or (minute - case.opened) % _BLAME_MIN == 0:
            args = (environment, span, span[0] - _BEFORE, sized.scope)
            evidence = await blame.look(self._reader, self._ledger, *args)
        else:
            evidence = before.evidence
        factors = tuple(sorted(case.odd, key=lambda part: -sized.parts.get(part, Decimal(0))))
        anomaly = CostAnomaly(
            before.id if before else 0,
            environment,
            kind_of(sized.main, evidence),
            span[0],
            _at(case.opened + 1),
            span[1] if case.until else None,
            span[1],
            sized,
            evidence,
            factors,
        )
        watched.found[case.number] = await self._keep(replace(anomaly, counted=not self._is_expected(anomaly)))
        if case.until:
            del watched.found[case.number]

    async def _keep(self, anomaly: CostAnomaly) -> CostAnomaly:
        async with self._state.writing() as rows:
            if not anomaly.id:
                anomaly = replace(anomaly, id=self._known(anomaly))
            document = self._encode(anomaly)
            if anomaly.id:
                change = anomaly.id, anomaly.kind.value, anomaly.began_at, anomaly.ended_at, document
                await rows.cost_anomalies.change(*change)
                return anomaly
            given = anomaly.environment, anomaly.kind.value, anomaly.began_at, anomaly.found_at, document
            return replace(anomaly, id=await rows.cost_anomalies.insert(*given))

    def _known(self, anomaly: CostAnomaly) -> int:
        """After a restart the same is found again: its id; 0 when it is new."""
        near = timedelta(minutes=2 * self._terms.same_cause_min)
        for record in self._left:
            if record.environment == anomaly.environment and abs(record.began_at - anomaly.began_at) <= near:
                self._left.remove(record)
                return record.id
        return 0

    def _is_expected(self, anomaly: CostAnomaly) -> bool:
        return is_expected(self._said.get((anomaly.environment, anomaly.pattern)), anomaly.usd_per_hour)

    async def say(self, anomaly_id: int, expected: bool, actor: str, reason: str) -> FeedbackRecord:
        """Remember whether people expect an anomaly; the same pattern is then counted or not.

        Raises:
            NotFound: there is no such anomaly.
            StateError: the control store failed.
        """
        now = self._clock.now()
        async with self._state.writing() as rows:
            record = await rows.cost_anomalies.find(anomaly_id)
            if record is None:
                raise NotFound(f"there is no cost anomaly {anomaly_id}")
            document = json.loads(record.document)
            rate = Decimal(document["usd_per_hour"])
            said = await rows.cost_anomalies.say(record, document["pattern"], expected, rate, actor, reason, now)
            word = "expected" if expected else "unexpected"
            await rows.audit.insert(actor, f"cost_anomaly.{word}", f"cost anomaly {anomaly_id}", reason, now)
        self._said[said.environment, said.pattern] = said
        for watched in self._watched.values():
            for number, each in watched.found.items():
                watched.found[number] = replace(each, counted=not self._is_expected(each))
        return said

    async def page(
        self,
        environment: str,
        span: tuple[datetime, datetime],
        before: int | None,
        limit: int,
        kind: str | None,
        is_open: bool | None,
    ) -> Sequence[AnomalyRecord]:
        """Kept anomalies that were open at some time of a span, newest first.

        Raises:
            InvalidRequest: a kind that there is not.
            StateError: the control store failed.
        """
        if kind is not None and kind not in set(Kind):
            raise InvalidRequest(f"query parameter kind: must be one of {', '.join(Kind)}")
        async with self._state.reading() as rows:
            return await rows.cost_anomalies.page(environment, *span, before, limit, kind, is_open)

    async def one(self, anomaly_id: int) -> tuple[AnomalyRecord, Sequence[FeedbackRecord]]:
        """A kept anomaly, and what was said of it, newest first.

        Raises:
            NotFound: there is no such anomaly.
            StateError: the control store failed.
        """
        async with self._state.reading() as rows:
            record = await rows.cost_anomalies.find(anomaly_id)
            if record is None:
                raise NotFound(f"there is no cost anomaly {anomaly_id}")
            return record, await rows.cost_anomalies.said(anomaly_id)

    def says(self, environment: str, pattern: str) -> FeedbackRecord | None:
        """What people said last of a pattern."""
        return self._said.get((environment, pattern))


def _walk(watched: _Watched, read: Sequence[flows.Flow], first: int, last: int) -> list[Case]:
    """Take the minutes in, one after the other."""
    by_minute: dict[int, list[flows.Flow]] = {}
    for flow in read:
        by_minute.setdefault(flow.start_s // MINUTE_S, []).append(flow)
    # Before anything was sent there is nothing to learn: an empty minute is only one between others.
    if not watched.watch.cells:
        first = min(by_minute, default=last + 1)
    ended: list[Case] = []
    for minute in range(first, last + 1):
        watched.watch.learn(minute, by_minute.get(minute, ()))
        ended += watched.cases.step(minute)
    watched.next = last + 1
    return ended


def _at(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * MINUTE_S, UTC)
