"""SQL of the ledger: what was used, call by call or hour by hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

# The columns of the dimensions, in the facts' rows and, but for the last three, in cost_hours.
COLUMNS = {
    "category": "Category",
    "provider": "Provider",
    "model": "Model",
    "service": "Service",
    "feature": "Feature",
    "user": "UserId",
    "cohort": "UserCohort",
    "strategy": "StrategyId",
    "conversation": "ConversationId",
    "trace": "TraceId",
    "signal": "SignalId",
}
# Read from the facts alone.
FINE = ("conversation", "trace", "signal")
TOKENS = (
    *("Input", "Output", "CacheRead", "CacheWrite", "Reasoning"),
    *("InputAudio", "OutputAudio", "InputImage", "OutputImage"),
)
"""Sums of tokens, in the order of `book.KINDS`."""
COUNTS = (
    "Calls",
    "Counted",
    "Failures",
    *TOKENS,
    "Untold",
    "Estimated",
    "Violations",
    "Charges",
    "Unreadable",
    "Asking",
)
MEASURES = (*COUNTS, "Billed", "ChargedUsd")
"""All that is summed. Counted: calls whose tokens are priced; Failures: calls that failed and told no tokens, which
cost nothing; Asking: charges without an amount, Billed: their quantities, for the book's price of one."""
KEYS = (
    *("Category", "Provider", "Model", "Item", "Band"),
    *("Service", "Feature", "UserId", "UserCohort", "StrategyId"),
)
"""What rows of cost_hours are told apart by, besides the environment and the half hour."""

Ranges = Sequence[tuple[datetime, datetime]]
_NEAR = timedelta(hours=2)

# One call that two instrumentations saw is the inner one of two. Whether a call is inner must not depend on the range
# that is read, so it is judged by the calls that ended in the same hour, the one before and the one after.
_LEAF = """(Id, toStartOfHour(Timestamp)) NOT IN (
        SELECT Within, arrayJoin([toStartOfHour(Timestamp) - toIntervalHour(1), toStartOfHour(Timestamp),
            toStartOfHour(Timestamp) + toIntervalHour(1)])
        FROM fact_ai_calls WHERE Within != 0 AND {near}
    )"""
_AI = """SELECT
    Environment, toDateTime(Timestamp, 'UTC') AS At, 'ai' AS Category, Provider,
    if(ResponseModel != '', ResponseModel, RequestModel) AS Model, '' AS Item,
    {band} AS Band,
    Service, Feature, UserId, UserCohort, StrategyId, {fine}
    Violation != '' AS Violations,
    (isNotNull(InputTokens) OR isNotNull(OutputTokens)) AND NOT Violations AS Counted,
    1 AS Calls, NOT Counted AND Failed AND NOT Violations AS Failures,
    if(Counted, ifNull(InputTokens, 0), 0) AS Input, if(Counted, ifNull(OutputTokens, 0), 0) AS Output,
    -- Parts of an unknown whole are not counted: they would take from what other calls used.
    if(Counted AND isNotNull(InputTokens), ifNull(CacheReadTokens, 0), 0) AS CacheRead,
    if(Counted AND isNotNull(InputTokens), ifNull(CacheWriteTokens, 0), 0) AS CacheWrite,
    if(Counted AND isNotNull(OutputTokens), ifNull(ReasoningTokens, 0), 0) AS Reasoning,
    if(Counted AND isNotNull(InputTokens), ifNull(InputAudioTokens, 0), 0) AS InputAudio,
    if(Counted AND isNotNull(OutputTokens), ifNull(OutputAudioTokens, 0), 0) AS OutputAudio,
    if(Counted AND isNotNull(InputTokens), ifNull(InputImageTokens, 0), 0) AS InputImage,
    if(Counted AND isNotNull(OutputTokens), ifNull(OutputImageTokens, 0), 0) AS OutputImage,
    NOT Counted AND NOT Failed AND NOT Violations AS Untold,
    Counted AND (UsageEstimated OR (NOT Failed AND isNull(InputTokens) != isNull(OutputTokens)
        AND Operation NOT IN ('embeddings', 'rerank'))) AS Estimated,
    0 AS Charges, 0 AS Unreadable, 0 AS Asking,
    CAST(NULL, 'Nullable(Decimal(38, 9))') AS Billed, CAST(NULL, 'Nullable(Decimal(38, 9))') AS ChargedUsd
FROM fact_ai_calls
WHERE {ranges} AND {environment} AND {leaf}"""
_CHARGES = """SELECT
    Environment, toDateTime(Timestamp, 'UTC') AS At, toString(Category) AS Category, Provider,
    '' AS Model, if(Asking, concat(Operation, '/', Unit), '') AS Item, 0 AS Band,
    Service, Feature, UserId, UserCohort, StrategyId, {fine}
    0 AS Violations, 0 AS Counted, 0 AS Calls, 0 AS Failures,
    {no_tokens}, 0 AS Untold, 0 AS Estimated,
    1 AS Charges, isNull(AmountUsd) AND NOT Asking AS Unreadable,
    isNull(AmountUsd) AND Refused = '' AND isNotNull(fact_cost_charges.Billed) AS Asking,
    if(Asking, fact_cost_charges.Billed, NULL) AS Billed, AmountUsd AS ChargedUsd
FROM fact_cost_charges
WHERE {ranges} AND {environment}"""
# A trace that is about one signal names it for the calls in it, which do not know it themselves.
_ABOUT = """SELECT OfTrace, if(uniqExact(OfSignal) = 1, any(OfSignal), '') AS About FROM (
        SELECT d.TraceId AS OfTrace, d.SignalId AS OfSignal FROM fact_ai_decisions AS d
        WHERE d.SignalId != '' AND {ranges}
        UNION ALL SELECT d.TraceId, d.SignalId FROM fact_deliveries AS d WHERE d.SignalId != '' AND {ranges}
    ) WHERE OfTrace != '' GROUP BY OfTrace"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the ledger."""

    environment: str
    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    step_s: int | None = None
    only: tuple[tuple[str, str], ...] = ()

    @property
    def fine(self) -> bool:
        """True when only the facts can tell."""
        return not set(FINE).isdisjoint((*self.by, *(name for name, _ in self.only)))

    @property
    def users(self) -> bool:
        """True when users are told apart."""
        return "user" in self.by or any(name == "user" for name, _ in self.only)

    def without_users(self) -> Asked:
        """The same for all users."""
        return replace(
            self,
            by=tuple(name for name in self.by if name != "user"),
            only=tuple(each for each in self.only if each[0] != "user"),
        )

    @property
    def signals(self) -> bool:
        """True when the signals behind the calls are asked for."""
        return "signal" in self.by or any(name == "signal" for name, _ in self.only)


def facts(ranges: Ranges, steps: Sequence[int], environment: str = "1", fine: bool = True) -> str:
    """A row of every leaf call and of every charge within the ranges.

    Args:
        ranges: aware times.
        steps: numbers of tokens in at which prices change; `Band` is the largest that a call is beyond.
        environment: a condition.
        fine: with the conversation, the trace and the signal.
    """
    within = within_any(ranges)
    near = within_any([(since - _NEAR, until + _NEAR) for since, until in ranges])
    column = "ConversationId, toString(TraceId) AS TraceId, SignalId," if fine else ""
    bands = f"arrayMax(step -> if(ifNull(InputTokens, 0) > step, step, 0), [{', '.join(map(str, (0, *steps)))}])"
    ai = _AI.format(band=bands, fine=column, ranges=within, environment=environment, leaf=_LEAF.format(near=near))
    none = ", ".join(f"0 AS {name}" for name in TOKENS)
    charges = _CHARGES.format(fine=column, ranges=within, environment=environment, no_tokens=none)
    names = ", ".join(("Environment", "At", *KEYS, *(COLUMNS[name] for name in FINE if fine), *MEASURES))
    # UNION ALL joins by place, so both sides are brought into one order by name.
    return f"SELECT {names} FROM ({ai}) UNION ALL SELECT {names} FROM ({charges})"


def with_signals(rows: str, ranges: Ranges) -> str:
    """The rows of `facts`, each with the signal that its trace is about where it names none itself."""
    about = _ABOUT.format(ranges=within_any(ranges))
    return f"""SELECT r.* EXCEPT (SignalId), if(r.SignalId != '', r.SignalId, About) AS SignalId
FROM ({rows}) AS r LEFT ANY JOIN ({about}) AS named ON r.TraceId = named.OfTrace"""


def hours(since: datetime, until: datetime, users: bool) -> str:
    """The rows of cost_hours within whole hours, of the rolls in `{rolls:Array(UInt64)}`, by user or over all."""
    names = ", ".join((*KEYS, *MEASURES))
    return (
        f"SELECT Environment, Hour + toIntervalMinute(30 * Half) AS At, {names} FROM cost_hours "
        f"WHERE Environment = {{environment:String}} AND Whose = '{'user' if users else 'all'}' "
        f"AND Hour >= {_second(since)} AND Hour < {_second(until)} AND Roll IN {{rolls:Array(UInt64)}}"
    )


def roll(hour: datetime, until: datetime, steps: Sequence[int], number: int) -> str:
    """Fill cost_hours for the whole hours of a range; `number` plus the hour since 1970 is the roll of each."""
    sums = ", ".join(f"sum(r.{name})" for name in MEASURES)
    keys = ", ".join(name for name in KEYS if name != "UserId")
    rows = facts([(hour, until)], steps, fine=False)
    return (
        f"INSERT INTO cost_hours (Environment, Hour, Half, Roll, Whose, UserId, {keys}, {', '.join(MEASURES)}) "
        f"SELECT Environment, toStartOfHour(At) AS Hour, toMinute(At) >= 30 AS Half, "
        f"toUInt64({number}) + intDiv(toUnixTimestamp(Hour), 3600) AS Roll, "
        f"arrayJoin(['all', 'user']) AS Whose, if(Whose = 'user', r.UserId, '') AS OfUser, {keys}, {sums} "
        f"FROM ({rows}) AS r GROUP BY Environment, Hour, Half, Whose, OfUser, {keys}"
    )


def within_any(ranges: Ranges) -> str:
    """A condition on `Timestamp`."""
    each = (f"(Timestamp >= {_moment(since)} AND Timestamp < {_moment(until)})" for since, until in ranges)
    return f"({' OR '.join(each)})" if ranges else "0"


def joined(parts: Iterable[str]) -> str:
    """The rows of all parts."""
    return " UNION ALL ".join(parts)


def _moment(at: datetime) -> str:
    return f"toDateTime64('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', 9, 'UTC')"


def _second(at: datetime) -> str:
    return f"toDateTime('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}', 'UTC')"
