"""The platform in several processes: who lives where, and calls from one to another."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import aiohttp
import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_universe.clock import Clock
from observatory_universe.direct import direct_doors
from observatory_universe.errors import CallError
from observatory_universe.faults import Faults
from observatory_universe.pace import PACES
from observatory_universe.split import GROUPS, Hosts, Link, Remote, call_server, group_of, methods, spread
from observatory_universe.universe import Universe

SECRET = "known to both"


@pytest.mark.parametrize("processes", range(1, len(GROUPS) + 1))
def test_each_group_lives_in_exactly_one_process(processes: int) -> None:
    placed = [group for groups in spread(processes) for group in groups]
    assert sorted(placed) == sorted(GROUPS)
    assert all(spread(processes))


@pytest.mark.parametrize("processes", [0, 11])
def test_no_process_may_be_without_a_group(processes: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 10 processes, not {processes}"):
        spread(processes)


def _universe(hosts: Hosts | None = None) -> Universe:
    clock = Clock()
    faults = Faults(clock.now_ns)
    return Universe(7, PACES["calm"], direct_doors(7, PACES["calm"], clock, faults), faults, clock, hosts)


def test_what_services_hand_each_other_can_travel() -> None:
    services = _universe().platform.services()
    assert {group_of(service) for service in services} == set(GROUPS)
    # Each annotation becomes a codec here; one that cannot travel raises.
    assert all(methods(type(service)) for service in services)


@pytest.fixture
async def far() -> AsyncIterator[tuple[Universe, str]]:
    """A universe whose services can be called, and where."""
    universe = _universe()
    async with call_server(universe.platform.services(), SECRET) as url:
        yield universe, url


@pytest.fixture
async def near(far: tuple[Universe, str]) -> AsyncIterator[Universe]:
    """A universe that has only the group `trading` and calls the other one for everything else."""
    link = Link(SECRET)
    universe = _universe(Hosts(frozenset({"trading"}), link))
    link.connect(dict.fromkeys(GROUPS, far[1]))
    yield universe
    await link.close()


async def test_a_call_reaches_the_service_in_the_other_process(near: Universe, far: tuple[Universe, str]) -> None:
    ledger = near.platform.credit_ledger
    assert isinstance(ledger, Remote)
    assert await ledger.book("u-0001", "welcome", Decimal("2.50"), "key-1")
    assert not await ledger.book("u-0001", "welcome", Decimal("2.50"), key="key-1")
    assert await ledger.read("u-0001") == Decimal("2.50")
    assert await far[0].platform.credit_ledger.balances(["u-0001"]) == {"u-0001": Decimal("2.50")}


async def test_a_call_goes_on_with_the_callers_trace(near: Universe) -> None:
    spans = InMemorySpanExporter()
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider())
    providers.tracer.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = obs.configure(service_name="test", services=[], providers=providers, set_globals=False)
    try:
        with obs.feature("autotrade", user_id="u-0001"), obs.service("unified_strategy_service", "open"):
            await near.platform.credit_ledger.read("u-0001")
    finally:
        telemetry.shutdown()
    called, calling = spans.get_finished_spans()
    assert (called.name, calling.name) == ("credit_ledger.read", "unified_strategy_service.open")
    assert called.parent is not None and called.parent.span_id == calling.context.span_id  # noqa: PT018 - one thought
    assert called.attributes is not None
    assert called.attributes["observatory.caller"] == "unified_strategy_service"
    assert called.attributes["observatory.feature"] == "autotrade"
    assert called.attributes["user.id"] == "u-0001"


async def test_trouble_there_is_trouble_here(near: Universe) -> None:
    with pytest.raises(CallError, match=r"market_data_coordinator.view: NoMarketError: no venue has quoted BTC/USDT"):
        await near.platform.market_data_coordinator.view("BTC/USDT")


async def test_a_process_that_is_gone_is_trouble() -> None:
    link = Link(SECRET)
    universe = _universe(Hosts(frozenset({"trading"}), link))
    with pytest.raises(CallError, match="no process has the group credits"):
        await universe.platform.credit_ledger.read("u-0001")
    link.connect({"credits": "http://127.0.0.1:9"})
    with pytest.raises(CallError, match=r"credit_ledger.read: Client"):
        await universe.platform.credit_ledger.read("u-0001")
    await link.close()


async def test_what_is_not_marked_cannot_be_called_from_afar(near: Universe) -> None:
    with pytest.raises(AttributeError, match="cannot be called from another process"):
        near.platform.telegram_core.teach("x", lambda user, channel: asyncio.sleep(0, ""))


@pytest.mark.parametrize(
    ("path", "body", "secret", "status"),
    [
        ("/call/credit_ledger/read", '["u-0001"]', "", 403),
        ("/call/credit_ledger/read", '["u-0001"]', "guessed", 403),
        ("/call/credit_ledger/read", '["u-0001"]', SECRET, 200),
        ("/call/credit_ledger/read", '["u-0001", 1]', SECRET, 400),
        ("/call/credit_ledger/read", "no json", SECRET, 400),
        ("/call/credit_ledger/_enter", "[]", SECRET, 404),
        ("/call/nobody/read", "[]", SECRET, 404),
    ],
)
async def test_only_the_platforms_own_processes_are_answered(
    far: tuple[Universe, str], path: str, body: str, secret: str, status: int
) -> None:
    headers = {"X-Universe-Secret": secret} if secret else {}
    async with aiohttp.ClientSession() as session, session.post(far[1] + path, data=body, headers=headers) as answer:
        assert answer.status == status
