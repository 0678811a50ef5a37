"""What conditions look at beside the newest round: answers to rules' SQL, burn rates, expected members, scores."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from string import Template

from observatory import slo
from observatory.alerting.anomalies import Anomalies
from observatory.alerting.conditions import Expected, Sql
from observatory.alerting.rule import Rule
from observatory.alerting.scene import Row, Told
from observatory.areas import select
from observatory.catalogue import Catalogue
from observatory.errors import StoreError
from observatory.model import Reading
from observatory.selfwatch import Selfwatch
from observatory.slo import Burn, Counts, Measure, Objective, Windows
from observatory.store import Reader

_log = logging.getLogger(__name__)
Teller = Callable[[str, datetime], Awaitable[Sequence[Told]]]
# By window in seconds, what was counted for each kind of promise: calls, and those that were not good.
Counted = Mapping[int, Mapping[Measure, tuple[int, int]]]

MOST_ROWS = 500
_TIME = "DateTime64(9, 'UTC')"
# A window is counted again after as many seconds as it can wait for: the long ones change slowly and read much.
_PACES_S = ((3_600, 10, 15.0), (21_600, 60, 60.0), (10**9, 60, 600.0))
_BURNS = """SELECT Environment, Service, {columns}, max(Estimated), min(Timestamp)
FROM rollup_services_{table} WHERE Timestamp > {{since:DateTime('UTC')}} AND Timestamp <= {{now:DateTime('UTC')}}
GROUP BY Environment, Service"""
_EXPECTED = """SELECT Environment, Indicator, Member, max(Timestamp), maxIf(Timestamp, Last != 0)
FROM indicator_history WHERE Resolution = 10 AND Indicator IN {indicators:Array(String)} AND Samples > 0
    AND Known > 0 AND Timestamp > {since:DateTime('UTC')} AND Timestamp <= {now:DateTime('UTC')}
GROUP BY Environment, Indicator, Member"""


class Inputs:
    """Reads them, each at its own pace, and keeps what was read.

    Args:
        reader: reads our own questions.
        guarded: reads the rules' questions, on connections that may only read.
        catalogue: the services.
        selfwatch: where failures are counted.
        since: since when the server listens.
        tellers: by topic, who tells of it.
    """

    def __init__(
        self,
        reader: Reader,
        guarded: Reader,
        catalogue: Catalogue,
        selfwatch: Selfwatch,
        since: datetime,
        tellers: Mapping[str, Teller] | None = None,
    ) -> None:
        self._reader = reader
        self._guarded = guarded
        self._catalogue = catalogue
        self._selfwatch = selfwatch
        self._since = since
        self.tellers: dict[str, Teller] = dict(tellers or {})
        self._windows: Windows = slo.windows()
        self._objectives = tuple(slo.objectives(catalogue))
        self._asked: dict[str, datetime] = {}
        self._answers: dict[str, Mapping[str, Sequence[Row]]] = {}
        # By pace, when it was counted last and what was found; None: it never could be.
        self._counted: dict[int, tuple[datetime, Mapping[tuple[str, str], Counted] | None]] = {}
        self._first: dict[tuple[str, str], datetime] = {}
        self._estimated: set[tuple[str, str]] = set()
        self.burns: Mapping[str, Mapping[str, Burn]] = {}
        self._expected: dict[tuple[str, str], dict[str, datetime]] = {}
        self._recalled: set[str] = set()
        self.anomalies = Anomalies(reader)

    async def answers(
        self, rules: Iterable[Rule], at: datetime, at_once: Collection[str] = ()
    ) -> Mapping[str, Mapping[str, Sequence[Row]]]:
        """By rule and environment, the rows of each rule's SQL that was due; `at_once` are ids that are due now."""
        due = [(rule, rule.condition) for rule in rules if rule.enabled and isinstance(rule.condition, Sql)]
        found: dict[str, Mapping[str, Sequence[Row]]] = {}
        for rule, condition in due:
            last = self._asked.get(rule.id)
            waited_s = None if last is None else (at - last).total_seconds()
            if rule.id not in at_once and waited_s is not None and waited_s < condition.every_s:
                continue
            self._asked[rule.id] = at
            try:
                found[rule.id] = await self._ask(condition, at)
            except StoreError:
                self._selfwatch.tick_failures.labels(area="rules").inc()
                _log.exception("the question of the rule %s failed", rule.id)
        return found

    async def _ask(self, condition: Sql, at: datetime) -> Mapping[str, Sequence[Row]]:
        times = {"now": f"{{now:{_TIME}}}", "listening": f"{{listening:{_TIME}}}"}
        text = Template(condition.query).safe_substitute(times)
        bound = {
            name: select.text(when) for name, when in (("now", at), ("listening", self._since)) if f"{{{name}:" in text
        }
        rows = await self._guarded.read(text, bound)
        # An answer without rows may come without columns.
        if rows.rows and not {"environment", "member"} <= set(rows.columns):
            raise StoreError("the question has no columns environment and member")
        found: dict[str, list[Row]] = {}
        for row in rows.dicts()[:MOST_ROWS]:
            found.setdefault(str(row.get("environment") or ""), []).append(row)
        return found

    async def count(self, at: datetime) -> Mapping[str, Mapping[str, Burn]]:
        """By environment and objective, how budgets burn.

        Raises:
            StoreError: the store refused it.
        """
        fresh, failed = False, 0
        lengths_s = self._windows.lengths_s
        for most_s, table_s, every_s in _PACES_S:
            mine = [each for each in lengths_s if each <= most_s and not self._elsewhere(each, most_s)]
            last = self._counted.get(most_s)
            if mine and (last is None or (at - last[0]).total_seconds() >= every_s):
                # One that fails is not asked again at once, and what is known of the others stays in use.
                self._counted[most_s] = (at, None if last is None else last[1])
                try:
                    self._counted[most_s] = (at, await self._count(mine, table_s, at))
                except StoreError:
                    failed += 1
                    _log.exception("burn rates over %d s could not be counted", most_s)
                fresh = True
        if failed and failed == len(self._counted):
            raise StoreError("no burn rate could be counted")
        if fresh:
            self.burns = self._assess(at)
        return self.burns

    def _elsewhere(self, length_s: int, most_s: int) -> bool:
        return any(length_s <= shorter_s for shorter_s, _, _ in _PACES_S if shorter_s < most_s)

    async def _count(self, lengths_s: Sequence[int], table_s: int, at: datetime) -> Mapping[tuple[str, str], Counted]:
        now = "{now:DateTime('UTC')}"
        columns = ", ".join(
            f"sumIf({name}, Timestamp > {now} - toIntervalSecond({length}))"
            for length in lengths_s
            for name in ("Calls", "Failures", "Timed", "Slow")
        )
        sql = _BURNS.format(columns=columns, table="10s" if table_s == 10 else "1m")
        bound = {"now": _second(at), "since": _second(at - timedelta(seconds=max(lengths_s)))}
        found: dict[tuple[str, str], Counted] = {}
        for environment, service, *rest in (await self._reader.read(sql, bound)).rows:
            key = (str(environment), str(service))
            *numbers, estimated, first = rest
            counted = [int(each) for each in numbers]
            windows = (counted[place : place + 4] for place in range(0, len(counted), 4))
            found[key] = {
                length_s: {Measure.AVAILABILITY: (calls, bad), Measure.LATENCY: (timed, slow)}
                for length_s, (calls, bad, timed, slow) in zip(lengths_s, windows, strict=True)
            }
            self._first[key] = min(first, self._first.get(key, first))
            if estimated:
                self._estimated.add(key)
        return found

    def _assess(self, at: datetime) -> Mapping[str, Mapping[str, Burn]]:
        merged: dict[str, dict[str, dict[int, Mapping[Measure, tuple[int, int]]]]] = {}
        known: list[int] = []
        for most_s, (_, counted) in self._counted.items():
            if counted is None:
                continue
            known += [each for each in self._windows.lengths_s if each <= most_s and not self._elsewhere(each, most_s)]
            for (environment, service), windows in counted.items():
                merged.setdefault(environment, {}).setdefault(service, {}).update(windows)
        return {
            environment: {
                each.id: slo.assess(each, self._sum(environment, each, of, known), self._windows, at)
                for each in self._objectives
            }
            for environment, of in merged.items()
        }

    def _sum(self, environment: str, objective: Objective, of: Mapping[str, Counted], known: Sequence[int]) -> Counts:
        # A window that was counted and held nothing has no call; one that could not be counted is not there.
        events = dict.fromkeys(known, 0)
        bad = dict.fromkeys(known, 0)
        for service in objective.services:
            for length_s, counted in of.get(service, {}).items():
                calls, not_good = counted[objective.measure]
                events[length_s] = events.get(length_s, 0) + calls
                bad[length_s] = bad.get(length_s, 0) + not_good
        keys = [(environment, service) for service in objective.services]
        first = min((self._first[key] for key in keys if key in self._first), default=None)
        return Counts(events, bad, first, any(key in self._estimated for key in keys))

    async def recall(self, rules: Iterable[Rule], at: datetime) -> None:
        """Read from history which members were there before the server started.

        Raises:
            StoreError: the store refused it.
        """
        conditions = [rule.condition for rule in rules if isinstance(rule.condition, Expected)]
        wanted = {each.indicator.id: each for each in conditions if each.indicator.id not in self._recalled}
        if not wanted:
            return
        longest_s = max(each.remember_s for each in wanted.values())
        bound = {
            "indicators": list(wanted),
            "since": _second(at - timedelta(seconds=longest_s)),
            "now": _second(at),
        }
        for environment, indicator, member, seen, not_zero in (await self._reader.read(_EXPECTED, bound)).rows:
            last = not_zero if wanted[str(indicator)].zero_is_missing else seen
            if last.year > 1970:
                self._expected.setdefault((str(environment), str(indicator)), {}).setdefault(str(member), last)
        self._recalled.update(wanted)

    def expected(
        self, rules: Iterable[Rule], environment: str, readings: Mapping[str, Sequence[Reading]], at: datetime
    ) -> Mapping[str, Mapping[str, datetime]]:
        """By indicator, the members that were seen lately and when last, those of this round among them."""
        found: dict[str, Mapping[str, datetime]] = {}
        for rule in rules:
            condition = rule.condition
            if isinstance(condition, Expected):
                last = self._expected.setdefault((environment, condition.indicator.id), {})
                last |= {each.member: at for each in readings.get(condition.indicator.id, ()) if condition.seen(each)}
                forgotten = at - timedelta(seconds=condition.remember_s)
                for member in [member for member, seen in last.items() if seen <= forgotten]:
                    del last[member]
                found[condition.indicator.id] = dict(last)
        return found

    async def told(self, environment: str, at: datetime) -> dict[str, Sequence[Told]]:
        """By topic, what the other rooms say."""

        async def ask(topic: str, teller: Teller) -> tuple[str, Sequence[Told] | None]:
            try:
                return topic, await teller(environment, at)
            except Exception:
                # Another room's trouble ends no round of alerts.
                self._selfwatch.tick_failures.labels(area="rules").inc()
                _log.exception("nothing was told of %s", topic)
                return topic, None

        answers = await asyncio.gather(*(ask(topic, teller) for topic, teller in self.tellers.items()))
        return {topic: told for topic, told in answers if told is not None}


def _second(at: datetime) -> str:
    return select.text(at)[:19]
