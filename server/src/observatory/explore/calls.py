"""The model calls of a trace, each once, whatever instrumentation recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observatory.store import Reader

_MOST = 500
_AT = "fromUnixTimestamp64Nano({{{}:Int64}}, 'UTC')"
_OF_TRACE = f"TraceId = {{trace:String}} AND Timestamp >= {_AT.format('first')} AND Timestamp <= {_AT.format('last')}"
# A call round another call is the same call, seen by two instrumentations: the inner one counts.
_SQL = f"""SELECT Timestamp AS at, toString(Service) AS service, toString(Provider) AS provider,
    toString(if(ResponseModel != '', ResponseModel, RequestModel)) AS model, InputTokens AS input_tokens,
    OutputTokens AS output_tokens, CacheReadTokens AS cache_read_tokens, CacheWriteTokens AS cache_write_tokens,
    ReasoningTokens AS reasoning_tokens, UsageEstimated AS estimated, ToldUsd AS told_usd, DurationNs AS duration_ns,
    Failed AS failed FROM fact_ai_calls
WHERE {_OF_TRACE} $only AND Id NOT IN (SELECT Within FROM fact_ai_calls WHERE {_OF_TRACE} AND Within != 0)
ORDER BY at LIMIT {_MOST}"""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A model call. Tokens are None where none were told.

    Attributes:
        at: when it ended.
        service: who made it.
        provider, model: who answered; empty when that is not known.
        input_tokens: tokens in, cached ones included.
        output_tokens: tokens out, reasoning included.
        cache_read_tokens, cache_write_tokens, reasoning_tokens: parts of those.
        estimated: whether the tokens are estimated.
        told_usd: what the sender said that it cost.
        duration_ns: how long it took.
        failed: whether it failed.
    """

    at: datetime
    service: str
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    estimated: bool
    told_usd: Decimal | None
    duration_ns: int
    failed: bool


async def model_calls(
    reader: Reader, trace_id: str, around: tuple[int, int], only: str | None = None
) -> Sequence[ModelCall]:
    """The model calls of a trace, oldest first, at most 500.

    Args:
        reader: of the telemetry store.
        trace_id: hexadecimal.
        around: Unix times in ns between which they lie.
        only: the one user whose calls may be told; None: all.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    bound: dict[str, object] = {"trace": trace_id, "first": around[0], "last": around[1]}
    sql = _SQL.replace("$only", "" if only is None else "AND UserId = {only:String}")
    if only is not None:
        bound["only"] = only
    rows = (await reader.read(sql, bound)).dicts()
    return [ModelCall(**row | {"estimated": bool(row["estimated"]), "failed": bool(row["failed"])}) for row in rows]
