"""Who is behind an anomaly, and what the calls say about it: numbers of the time itself beside those of before."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from observatory.costs import sources
from observatory.costs.ledger import Ledger, Spent
from observatory.errors import StoreError
from observatory.store import Reader

_log = logging.getLogger(__name__)
WHO = ("user", "conversation", "feature", "model")
_KEPT = ("category", "provider", "service", "feature")
_MOST = 3
# Of model calls, before and since.
_CALLS = """SELECT Timestamp >= {{since:DateTime64(9, 'UTC')}} AS Now, count() AS Calls, uniqExact(TraceId) AS Traces,
    uniqExact(ConversationId) AS Conversations, countIf(c.Substituted = 1) AS Others,
    topKIf(1)((toString(RequestModel), toString(ResponseModel)), ifNull(c.Substituted, 0) = 1)[1] AS Pair
FROM fact_ai_calls AS c WHERE {ranges} AND Environment = {{environment:String}} AND {only} GROUP BY Now"""
# The trace with most calls, and how its tokens grew from call to call.
_LONGEST = """SELECT toString(TraceId) AS Trace, any(ConversationId) AS Conversation, any(UserId) AS User,
    count() AS Calls,
    arrayMap(x -> x.2, arraySort(groupArray((Timestamp, ifNull(InputTokens, 0))))) AS Tokens
FROM fact_ai_calls WHERE {ranges} AND Environment = {{environment:String}} AND {only} AND TraceId != ''
GROUP BY TraceId ORDER BY Calls DESC, Trace LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Behind:
    """One value of a dimension and its part of the difference.

    Attributes:
        usd, calls: while the anomaly lasted.
        usual_usd, usual_calls: of the same value, in a time as long, before it.
        share_ratio: of what was spent more within the scope; None when nothing was.
        others_calls_per_min: the median of the other values.
    """

    dimension: str
    value: str
    usd: Decimal
    usual_usd: Decimal
    calls: int
    usual_calls: float
    share_ratio: float | None
    calls_per_min: float
    usual_calls_per_min: float
    others_calls_per_min: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the calls themselves say; nothing of charges.

    Attributes:
        calls_per_trace, usual_calls_per_trace: model calls of one trace; None without any.
        substituted_ratio, usual_substituted_ratio: calls that another model answered than the one asked for.
        requested, served: the pair of models that is behind most of those.
        trace, conversation, user, tokens: the trace with most calls, whose it is, and tokens in, call by call.
    """

    behind: tuple[Behind, ...] = ()
    calls_per_trace: float | None = None
    usual_calls_per_trace: float | None = None
    substituted_ratio: float | None = None
    usual_substituted_ratio: float | None = None
    requested: str = ""
    served: str = ""
    trace: str = ""
    conversation: str = ""
    user: str = ""
    tokens: tuple[int, ...] = ()

    def most(self, dimension: str) -> Behind | None:
        """The value of a dimension that is named and has most of the difference."""
        return next((each for each in self.behind if each.dimension == dimension and each.value), None)


async def look(
    reader: Reader,
    ledger: Ledger,
    environment: str,
    span: tuple[datetime, datetime],
    before: datetime,
    scope: Mapping[str, str],
) -> Evidence:
    """Who is behind what was spent in a span, compared with the time from `before` to its start.

    Raises:
        StoreError: the store refused, or a limit was reached.
    """
    only = {name: value for name, value in scope.items() if name in _KEPT and value}
    behind: list[Behind] = []
    for dimension in WHO:
        try:
            now = await ledger.spent(environment, *span, (dimension,), only=only)
            usual = await ledger.spent(environment, before, span[0], (dimension,), only=only)
        except StoreError as error:
            # Too many users or conversations to name one: the anomaly is told all the same.
            _log.warning("who is behind a cost anomaly, by %s, could not be read: %s", dimension, error)
            continue
        behind += _compared(dimension, now, usual, span, before)
    if only.get("category", "ai") != "ai":
        return Evidence(tuple(behind))
    return await _of_calls(reader, environment, span, before, only, tuple(behind))


def _compared(
    dimension: str, now: Sequence[Spent], usual: Sequence[Spent], span: tuple[datetime, datetime], before: datetime
) -> list[Behind]:
    length_s = max(1.0, (span[1] - span[0]).total_seconds())
    scale = length_s / max(1.0, (span[0] - before).total_seconds())
    past = {each.key[0]: each for each in usual}
    more = {each.key[0]: (each.usd or Decimal(0)) - _scaled(past.get(each.key[0]), scale) for each in now}
    whole = sum((each.usd or Decimal(0) for each in now), Decimal(0))
    whole -= sum((_scaled(each, scale) for each in usual), Decimal(0))
    largest = sorted(now, key=lambda each: -more[each.key[0]])[:_MOST]
    return [
        _behind(dimension, each, past.get(each.key[0]), scale, length_s / 60, more[each.key[0]], whole, now)
        for each in largest
        if more[each.key[0]] > 0
    ]


def _behind(
    dimension: str,
    spent: Spent,
    usual: Spent | None,
    scale: float,
    minutes: float,
    more: Decimal,
    whole: Decimal,
    everybody: Sequence[Spent],
) -> Behind:
    usual_calls = _number(usual) * scale if usual else 0.0
    others = sorted(_number(each) for each in everybody if each.key != spent.key and each.key[0])
    return Behind(
        dimension,
        spent.key[0],
        spent.usd or Decimal(0),
        _scaled(usual, scale),
        _number(spent),
        usual_calls,
        min(1.0, float(more / whole)) if whole > 0 else None,
        _number(spent) / minutes,
        usual_calls / minutes,
        others[len(others) // 2] / minutes if others else None,
    )


def _number(spent: Spent) -> int:
    return spent.calls + spent.charges


def _scaled(spent: Spent | None, scale: float) -> Decimal:
    return (spent.usd or Decimal(0)) * Decimal(repr(scale)) if spent else Decimal(0)


async def _of_calls(
    reader: Reader,
    environment: str,
    span: tuple[datetime, datetime],
    before: datetime,
    only: Mapping[str, str],
    behind: tuple[Behind, ...],
) -> Evidence:
    columns = {name: sources.COLUMNS[name] for name in only if name != "category"}
    condition = " AND ".join([f"{column} = {{{name}:String}}" for name, column in columns.items()] or ["1"])
    bound = {"environment": environment, "since": span[0]} | {name: only[name] for name in columns}
    calls = _CALLS.format(ranges=sources.within_any([(before, span[1])]), only=condition)
    rows = {int(row["Now"]): row for row in (await reader.read(calls, bound)).dicts()}
    longest = _LONGEST.format(ranges=sources.within_any([span]), only=condition)
    found = (await reader.read(longest, bound)).dicts()
    now, usual = rows.get(1), rows.get(0)
    trace: Mapping[str, Any] = found[0] if found else {}
    pair = now["Pair"] if now and now["Others"] else ("", "")
    return Evidence(
        behind,
        _ratio(now, "Calls", "Traces"),
        _ratio(usual, "Calls", "Traces"),
        _ratio(now, "Others", "Calls"),
        _ratio(usual, "Others", "Calls"),
        str(pair[0]),
        str(pair[1]),
        str(trace.get("Trace", "")),
        str(trace.get("Conversation", "")),
        str(trace.get("User", "")),
        tuple(int(each) for each in trace.get("Tokens", ()))[:50],
    )


def _ratio(row: Mapping[str, Any] | None, part: str, whole: str) -> float | None:
    return int(row[part]) / int(row[whole]) if row and row[whole] else None
