"""The platform over four processes: one order's trace goes through several of them and is one trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from running import until

from observatory.store import Store

from .door import Open
from .living import living
from .reading import Told

ENVIRONMENT = "live-processes"
_PROCESSES = 4
_SERVICES = 65
_WAIT_S = 240
_CALLS = """
SELECT Service, SpanName, SpanId, ParentSpanId, ResourceAttributes['service.instance.id']
FROM otel_traces WHERE Environment = '{environment}' AND TraceId = '%s'
"""
# The first live order that was filled and whose trace begins with the market event.
_ORDERS = """
SELECT TraceId FROM otel_traces
WHERE Environment = '{environment}' GROUP BY TraceId
HAVING countIf(SpanName = 'order.execute' AND SpanAttributes['order.mode'] = 'live') > 0
    AND countIf(SpanName = 'credit_ledger.book') > 0
    AND countIf(SpanName = 'websocket_market_data.receive' AND ParentSpanId = '') = 1
ORDER BY min(Timestamp) LIMIT 1
"""
_HEARTBEATS = """
SELECT DISTINCT Instance, Service FROM otel_metrics_gauge
WHERE Environment = '{environment}' AND MetricName = 'observatory.service.heartbeat'
"""


@dataclass(frozen=True)
class Call:
    """One span, and the process that told it."""

    service: str
    name: str
    id: str
    parent_id: str
    instance: str


@pytest.fixture(scope="module")
def told(door: Open, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What a universe of four processes told until an order had gone all the way, and all services had reported."""
    found = Told(store, ENVIRONMENT)
    with living(tmp_path_factory.mktemp("universe"), door, ENVIRONMENT, _PROCESSES):
        until(lambda: len({service for _, service in found.rows(_HEARTBEATS)}) >= _SERVICES, "65 services", _WAIT_S)
        until(lambda: found.rows(_ORDERS), "a live order", _WAIT_S)
    # Told to stop, each process has sent what was left.
    return found


@pytest.fixture(scope="module")
def calls(told: Told) -> Mapping[str, Call]:
    """The spans of one order's trace by id."""
    ((trace_id,),) = told.rows(_ORDERS)
    return {call.id: call for call in (Call(*row) for row in told.rows(_CALLS % trace_id))}


def test_each_service_reports_from_one_of_the_processes(told: Told) -> None:
    reporting = told.rows(_HEARTBEATS)
    assert len({instance for instance, _ in reporting}) == _PROCESSES
    assert len({service for _, service in reporting}) == len(reporting) == _SERVICES


def test_an_orders_trace_is_told_by_several_processes(calls: Mapping[str, Call]) -> None:
    assert len({call.instance for call in calls.values()}) >= 2
    names = {call.name for call in calls.values()}
    way = {"signal.generate", "risk.limit.check", "order.route", "order.execute", "exchange create_order"}
    assert way - names == set()


def test_the_trace_holds_together_across_processes(calls: Mapping[str, Call]) -> None:
    assert [call.name for call in calls.values() if not call.parent_id] == ["websocket_market_data.receive"]
    assert {call.parent_id for call in calls.values()} - calls.keys() == {""}
    crossing = [call for call in calls.values() if call.parent_id and calls[call.parent_id].instance != call.instance]
    assert len({(calls[call.parent_id].instance, call.instance) for call in crossing}) >= 2
    # Only a service calls another process, and only a service is called there.
    assert all(call.name.startswith(f"{call.service}.") for call in crossing)
