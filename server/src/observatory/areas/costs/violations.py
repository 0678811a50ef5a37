"""Who sends counts that no bill may be made from, and amounts that are none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from observatory.areas.deepdive import Row
from observatory.store import Reader

_BAD = """SELECT * FROM (
    SELECT 'model call' AS of, Violation AS violation, Service AS service, Spelling AS spelling, Scope AS scope,
        Provider AS provider, if(ResponseModel != '', ResponseModel, RequestModel) AS model, count() AS entries,
        max(Timestamp) AS last_at
    FROM fact_ai_calls
    WHERE {range} AND Violation != '' GROUP BY violation, service, spelling, scope, provider, model
    UNION ALL
    SELECT 'charge', if(Refused != '', Refused, 'no amount; only the price file can price it'), Service, '', '',
        Provider, '', count(), max(Timestamp)
    FROM fact_cost_charges
    WHERE {range} AND isNull(AmountUsd) GROUP BY Refused, Service, Provider
) ORDER BY entries DESC LIMIT 500"""
_RANGE = """Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')}
    AND Environment = {environment:String}"""


async def read(reader: Reader, environment: str, since: datetime, until: datetime) -> Sequence[Row]:
    """A row for each sender and kind of violation, the most frequent first."""
    bound = {"environment": environment, "since": since, "until": until}
    return (await reader.read(_BAD.replace("{range}", _RANGE), bound)).dicts()
