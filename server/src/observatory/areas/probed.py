"""What the newest probes found of the services that their targets name by `observatory.service`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from observatory.areas import select
from observatory.model import Probed
from observatory.store import Reader

# A probe comes at least once a minute; two and a half of them are told apart from one that was given up.
FRESH_S = 150
_MOST = 5_000

_SQL = """SELECT Environment, Service, Instance,
    arrayMap(x -> x.2, arraySlice(arrayReverseSort(groupArray((Timestamp, Value))), 1, 2)) AS Newest
FROM fact_resources
WHERE Metric = 'observatory.probe.up'
    AND Timestamp > fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC') - toIntervalSecond({fresh_s:UInt32})
    AND Timestamp <= fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC')
GROUP BY Environment, Service, Instance ORDER BY Environment, Service, Instance LIMIT {most:UInt32}"""


async def read(reader: Reader, at: datetime) -> Mapping[tuple[str, str], Probed]:
    """The probes by environment and service.

    Raises:
        StoreError: the store refused the query.
    """
    bound = {"now_ns": select.nanoseconds(at), "fresh_s": FRESH_S, "most": _MOST}
    found: dict[tuple[str, str], Probed] = {}
    for environment, service, name, newest in (await reader.read(_SQL, bound)).rows:
        before = found.get((environment, service), Probed())
        if newest[0] >= 1:
            found[environment, service] = Probed((*before.up, name), before.down)
        elif len(newest) == 2 and max(newest) < 1:
            # One probe that fails is noise.
            found[environment, service] = Probed(before.up, (*before.down, name))
    return found
