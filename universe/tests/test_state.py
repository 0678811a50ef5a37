"""The doors to Redis and PostgreSQL, over sockets to real servers and without."""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import asyncpg
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from observatory_universe.clock import Clock
from observatory_universe.direct.cache import MemoryCache
from observatory_universe.direct.tables import MemoryTables
from observatory_universe.doors.state import CACHE_BYTES, WAIT_S, Booking, Cache, StateError, Tables
from observatory_universe.outside.postgres import PostgresServer, postgres_server
from observatory_universe.outside.redis import RedisServer, redis_server
from observatory_universe.sockets.cache import RedisCache
from observatory_universe.sockets.tables import PostgresTables
from observatory_universe.users import User

KINDS: tuple[Literal["sockets", "direct"], ...] = ("sockets", "direct")
POOL_SIZE = 5
ANA = User("u-ana", "2025-07", "pro", "live", frozenset({"telegram", "email"}))
BO = User("u-bo", "2025-08", "free", "paper", frozenset({"websocket"}))


class HeldClock(Clock):
    """Stands still until somebody waits, and then it is later at once."""

    def __init__(self) -> None:
        super().__init__(lambda: round(self._passed_s * 1e9))
        self._passed_s = 0.0

    def now_s(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        self._passed_s += max(0.0, seconds)
        await asyncio.sleep(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis(tmp_path_factory: Any) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres(tmp_path_factory: Any) -> AsyncIterator[PostgresServer]:
    async with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
async def live_cache(redis: RedisServer) -> AsyncIterator[RedisCache]:
    async with Redis.from_url(redis.url) as client:
        await client.flushall()
    cache = RedisCache(redis.url)
    yield cache
    await cache.squeeze(None)
    await cache.close()


@pytest.fixture(params=KINDS)
def cache(request: Any) -> Any:
    if request.param == "direct":
        return MemoryCache(Clock())
    return request.getfixturevalue("live_cache")


@pytest.fixture
async def sql(postgres: PostgresServer) -> AsyncIterator[Any]:
    """A connection to a database without a table."""
    connection = await asyncpg.connect(postgres.url)
    await connection.execute("SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield connection
    await connection.close()


@pytest.fixture
async def live_tables(postgres: PostgresServer, sql: Any) -> AsyncIterator[PostgresTables]:
    tables = PostgresTables(postgres.url, POOL_SIZE)
    await tables.open()
    yield tables
    await tables.close()


@pytest.fixture(params=KINDS)
def tables(request: Any) -> Any:
    if request.param == "direct":
        return MemoryTables(HeldClock(), POOL_SIZE)
    return request.getfixturevalue("live_tables")


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.02)


# Redis


async def test_what_is_written_is_read(cache: Cache) -> None:
    assert await cache.read("k") is None
    await cache.write("k", "größer")
    assert await cache.read("k") == "größer"
    await cache.write("k", "")
    assert await cache.read("k") == ""
    await cache.drop("k")
    await cache.drop("k")
    assert await cache.read("k") is None


async def test_a_key_is_gone_when_its_time_is_over(cache: Cache) -> None:
    await cache.write("short", "x", 0.1)
    await cache.write("long", "x", 3_600)
    await cache.write("once short", "x", 0.1)
    await cache.write("once short", "x")

    async def is_gone() -> bool:
        return await cache.read("short") is None

    await until(is_gone)
    assert await cache.read("long") == await cache.read("once short") == "x"


async def test_of_many_who_claim_at_once_one_is_first(cache: Cache) -> None:
    claims = await asyncio.gather(*(cache.claim("job", 60) for _ in range(20)))
    assert sum(claims) == 1
    assert await cache.claim("another job", 60)


async def test_a_claim_is_free_again_when_its_time_is_over(cache: Cache) -> None:
    assert await cache.claim("job", 0.2)
    await until(lambda: cache.claim("job", 60))


async def test_a_count_misses_nobody(cache: Cache) -> None:
    counts = await asyncio.gather(*(cache.count("visits", 60) for _ in range(50)))
    assert sorted(counts) == list(range(1, 51))
    assert await cache.count("other", 60) == 1


async def test_a_count_starts_anew_some_time_after_its_first_however_often_it_is_added_to(cache: Cache) -> None:
    assert await cache.count("visits", 0.3) == 1

    async def is_anew() -> bool:
        return await cache.count("visits", 0.3) == 1

    await until(is_anew)


async def test_a_queue_gives_its_items_in_the_order_they_came(cache: Cache) -> None:
    assert await cache.pop("jobs") is None
    assert [await cache.push("jobs", item) for item in "abc"] == [1, 2, 3]
    assert [await cache.pop("jobs") for _ in range(4)] == ["a", "b", "c", None]


async def test_no_item_is_taken_twice(cache: Cache) -> None:
    for number in range(30):
        await cache.push("jobs", str(number))
    taken = await asyncio.gather(*(cache.pop("jobs") for _ in range(40)))
    assert sorted(int(item) for item in taken if item) == list(range(30))


@pytest.mark.parametrize("misuse", ["read", "count", "push", "pop"])
async def test_a_key_that_holds_something_else_is_refused(cache: Cache, misuse: str) -> None:
    await cache.write("text", "x")
    await cache.push("list", "x")
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "read": lambda: cache.read("list"),
        "count": lambda: cache.count("text", 1),
        "push": lambda: cache.push("text", "y"),
        "pop": lambda: cache.pop("text"),
    }
    with pytest.raises(StateError):
        await calls[misuse]()


async def test_the_status_counts_look_ups_and_memory(cache: Cache) -> None:
    before = await cache.status()
    await cache.write("k", "x" * 50_000)
    for key in ("k", "k", "none"):
        await cache.read(key)
    after = await cache.status()
    assert (after.hits - before.hits, after.misses - before.misses) == (2, 1)
    assert 50_000 <= after.used_memory_bytes - before.used_memory_bytes < 150_000
    assert (after.max_memory_bytes, after.evicted_keys) == (CACHE_BYTES, before.evicted_keys)
    assert after.fragmentation_ratio > 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
async def test_a_squeezed_server_throws_keys_out_and_keeps_its_share(cache: Cache, share: float) -> None:
    for number in range(1_000):
        await cache.write(f"k{number}", "x" * 300, 3_600)
    before = await cache.status()
    await cache.squeeze(share)
    for number in range(100):
        await cache.write(f"new{number}", "x" * 300, 3_600)
    under = await cache.status()
    left = [number for number in range(1_000) if await cache.read(f"k{number}") is not None]
    # To be looked at costs the server memory, too, and may cost it a key.
    evicted = (await cache.status()).evicted_keys - before.evicted_keys
    # A server draws from what was not used for a second or more, so some of the new ones may have gone too.
    assert 1_000 - len(left) <= evicted <= 1_100 - len(left)
    assert share * 1_000 - 250 < len(left) <= share * 1_000 + 20
    assert 0.9 < under.used_memory_bytes / under.max_memory_bytes < 1.1
    await cache.squeeze(share)
    assert (await cache.status()).max_memory_bytes == under.max_memory_bytes
    await cache.squeeze(None)
    after = await cache.status()
    for number in range(1_000):
        await cache.write(f"k{number}", "x" * 300, 3_600)
    assert (await cache.status()).evicted_keys == after.evicted_keys
    assert after.max_memory_bytes == CACHE_BYTES


async def test_without_a_socket_exactly_what_was_not_used_for_longest_goes() -> None:
    cache = MemoryCache(HeldClock())
    for number in range(10):
        await cache.write(f"k{number}", "x" * 300)
    await cache.read("k0")
    await cache.squeeze(0.6)
    assert [number for number in range(10) if await cache.read(f"k{number}")] == [0, 5, 6, 7, 8, 9]
    for key in ("n1", "n2"):  # room is made before a write, not after it
        await cache.write(key, "x" * 300)
    assert [key for key in ("k0", "k5", "n1", "n2") if await cache.read(key)] == ["k5", "n1", "n2"]
    assert (await cache.status()).evicted_keys == 5


async def test_a_server_with_little_in_it_can_be_written_to_however_hard_it_is_squeezed(cache: Cache) -> None:
    await cache.write("k", "x")
    await cache.squeeze(0.3)
    for number in range(500):
        await cache.write(f"k{number}", "x" * 300, 3_600)
    assert await cache.read("k499") is not None


async def test_a_full_server_refuses_to_write_and_throws_nothing_out(cache: Cache) -> None:
    await cache.write("first", "x")
    before = await cache.status()
    text = "x" * 1024 * 1024
    for number in range(CACHE_BYTES // len(text) - 6):
        await cache.write(f"k{number}", text)
    with pytest.raises(StateError, match="memory"):  # noqa: PT012  # which write is the first one too many differs
        for number in range(10):
            await cache.write(f"more{number}", text)
    assert await cache.read("first") == "x"
    assert (await cache.status()).evicted_keys == before.evicted_keys


async def test_a_client_that_goes_leaves_no_squeezed_server_behind(live_cache: RedisCache, redis: RedisServer) -> None:
    squeezing = RedisCache(redis.url)
    await squeezing.squeeze(0.5)
    assert (await live_cache.status()).max_memory_bytes < CACHE_BYTES
    await squeezing.close()
    assert (await live_cache.status()).max_memory_bytes == CACHE_BYTES


async def test_who_came_first_is_answered_first_however_many_come(live_cache: RedisCache) -> None:
    answered: list[int] = []

    async def ask(number: int) -> None:
        await live_cache.read("key")
        answered.append(number)

    await asyncio.gather(*(ask(number) for number in range(300)))
    # As many as there are connections are under way at once, and their answers may pass each other.
    assert max(abs(place - number) for place, number in enumerate(answered)) <= 24


async def test_who_finds_every_connection_taken_is_told_so_in_time(live_cache: RedisCache, redis: RedisServer) -> None:
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        begun_s = time.monotonic()
        answers = await asyncio.gather(*(live_cache.read("key") for _ in range(60)), return_exceptions=True)
        lasted_s = time.monotonic() - begun_s
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert {type(answer) for answer in answers} == {StateError}
    assert any("no connection came free within 2 s" in str(answer) for answer in answers)
    # One after another they would wait 60 times.
    assert lasted_s < 20 * WAIT_S
    assert await live_cache.read("key") is None


async def test_a_server_that_is_gone_is_an_error_in_time(tmp_path: Path) -> None:
    async with redis_server(tmp_path) as server:
        cache = RedisCache(server.url)
        await cache.write("k", "x")
    for call in (cache.read("k"), cache.count("k", 1), cache.status(), cache.squeeze(0.5)):
        with pytest.raises(StateError, match="Redis, "):
            await asyncio.wait_for(call, 10)
    await cache.close()


async def test_without_a_socket_an_hour_is_an_hour_of_the_clock() -> None:
    clock = HeldClock()
    cache = MemoryCache(clock)
    await cache.write("k", "x", 3_600)
    await cache.count("c", 3_600)
    await clock.sleep(3_599)
    assert (await cache.read("k"), await cache.claim("k", 1), await cache.count("c", 1)) == ("x", False, 2)
    await clock.sleep(1)
    assert (await cache.read("k"), await cache.claim("k", 1), await cache.count("c", 1)) == (None, True, 1)


async def test_without_a_socket_what_nobody_reads_again_is_forgotten_too() -> None:
    clock = HeldClock()
    cache = MemoryCache(clock)
    empty = await cache.status()
    for number in range(5_000):
        await cache.write(f"k{number % 100}", "x" * 100, 60)
        await clock.sleep(0.01)
    await clock.sleep(60)
    assert (await cache.status()).used_memory_bytes == empty.used_memory_bytes


# PostgreSQL


async def test_users_come_back_as_they_went_in_and_in_order(tables: Tables) -> None:
    assert await tables.users() == []
    for user in (BO, ANA):
        await tables.add_user(user)
    assert await tables.users() == [BO, ANA]
    changed = User(BO.id, BO.cohort, "whale", "live", frozenset())
    await tables.add_user(changed)
    assert await tables.users() == [changed, ANA]


async def test_a_user_who_is_removed_leaves_nothing_but_the_ledger(tables: Tables) -> None:
    for user in (ANA, BO):
        await tables.add_user(user)
        await tables.activate(user.id, "s-1")
        await tables.subscribe(user.id, "momentum")
        await tables.write_portfolio(user.id, "{}")
        await tables.book(user.id, "welcome", Decimal(5), f"key {user.id}")
    await tables.remove_user(ANA.id)
    await tables.remove_user("nobody")
    assert await tables.users() == [BO]
    assert (await tables.followers("s-1"), await tables.subscribers("momentum")) == ([BO.id], [BO.id])
    assert (await tables.active(ANA.id), await tables.read_portfolio(ANA.id)) == (set(), None)
    assert await tables.balance(ANA.id) == 5


async def test_an_entry_is_booked_once_per_key(tables: Tables) -> None:
    first = await tables.book("a", "welcome", Decimal("10.50"), "k-1")
    assert first == Booking(Decimal(0), Decimal("10.50"))
    assert await tables.book("a", "welcome", Decimal("10.50"), "k-1") == "duplicate"
    assert await tables.book("b", "welcome", Decimal(1), "k-1") == "duplicate"
    assert await tables.book("a", "charge", Decimal(-99), "k-1") == "duplicate"
    assert await tables.book("a", "charge", Decimal("-0.25"), "k-2") == Booking(Decimal("10.50"), Decimal("10.25"))
    assert await tables.balance("a") == Decimal("10.25")


async def test_no_balance_falls_below_zero_but_with_an_overdraft(tables: Tables) -> None:
    await tables.book("a", "welcome", Decimal(1), "k-1")
    assert await tables.book("a", "charge", Decimal("-1.01"), "k-2") == "insufficient"
    assert await tables.book("a", "charge", Decimal(-1), "k-2") == Booking(Decimal(1), Decimal(0))
    assert await tables.book("a", "charge", Decimal(-3), "k-3", overdraft=True) == Booking(Decimal(0), Decimal(-3))
    assert await tables.book("a", "gift", Decimal(1), "k-4") == Booking(Decimal(-3), Decimal(-2))
    assert await tables.book("a", "charge", Decimal(-1), "k-5") == "insufficient"


async def test_balances_of_accounts_nobody_booked_on_are_zero(tables: Tables) -> None:
    await tables.book("a", "welcome", Decimal("0.1"), "k-1")
    await tables.book("a", "welcome", Decimal("0.2"), "k-2")
    assert await tables.balances(["a", "b"]) == {"a": Decimal("0.3"), "b": Decimal(0)}
    assert await tables.balances([]) == {}
    assert await tables.balance("b") == 0


async def test_many_bookings_at_once_are_as_good_as_one_after_the_other(tables: Tables) -> None:
    drawn = random.Random(7)
    entries = [(Decimal(drawn.randint(-300, 250)) / 100, f"key {drawn.randint(1, 150)}") for _ in range(300)]
    answers = await asyncio.gather(*(tables.book("a", "test", amount, key) for amount, key in entries))
    booked = [
        (amount, key, answer)
        for (amount, key), answer in zip(entries, answers, strict=True)
        if not isinstance(answer, str)
    ]
    assert len(booked) > 50
    assert set(answers) >= {"duplicate", "insufficient"}
    assert len({key for _, key, _ in booked}) == len(booked)
    assert all(answer.after == answer.before + amount and answer.after >= 0 for amount, _, answer in booked)
    # Each entry begins where another one ended: their beginnings and ends are the same, but for the first and the last.
    ends = Counter(answer.after for *_, answer in booked)
    ends.subtract(answer.before for *_, answer in booked)
    balance = await tables.balance("a")
    assert balance == sum(amount for amount, *_ in booked)
    assert {amount: count for amount, count in ends.items() if count} == ({balance: 1, 0: -1} if balance else {})


async def test_one_key_on_many_accounts_at_once_has_one_effect(tables: Tables) -> None:
    answers = await asyncio.gather(*(tables.book(f"a-{number}", "test", Decimal(1), "k") for number in range(20)))
    assert Counter(map(str, answers))["duplicate"] == 19
    assert sum((await tables.balances([f"a-{number}" for number in range(20)])).values()) == 1


async def test_active_strategies_and_their_followers(tables: Tables) -> None:
    for user_id, strategy_id in (("u-2", "s-1"), ("u-1", "s-1"), ("u-1", "s-2"), ("u-2", "s-1")):
        await tables.activate(user_id, strategy_id)
    assert (await tables.active("u-1"), await tables.active("u-3")) == ({"s-1", "s-2"}, set())
    assert (await tables.followers("s-1"), await tables.followers("s-3")) == (["u-2", "u-1"], [])
    assert await tables.activations() == 3
    await tables.deactivate("u-2", "s-1")
    await tables.deactivate("u-2", "s-1")
    assert (await tables.followers("s-1"), await tables.activations()) == (["u-1"], 2)


async def test_subscriptions(tables: Tables) -> None:
    for user_id in ("u-2", "u-1", "u-2"):
        await tables.subscribe(user_id, "momentum")
    assert await tables.subscribers("momentum") == ["u-2", "u-1"]
    assert await tables.unsubscribe("u-2", "momentum")
    assert not await tables.unsubscribe("u-2", "momentum")
    assert not await tables.unsubscribe("u-1", "breakout")
    assert (await tables.subscribers("momentum"), await tables.subscribers("breakout")) == (["u-1"], [])


async def test_portfolios_and_records_are_documents(tables: Tables) -> None:
    document = {"cash_usd": "1000.50", "positions": {"BTC/USDT": {"quantity": 0.1, "note": "größer"}}}
    await tables.write_portfolio("u-1", '{"cash_usd": "1"}')
    await tables.write_portfolio("u-1", json.dumps(document))
    found = await tables.read_portfolio("u-1")
    assert found is not None
    assert json.loads(found) == document
    assert await tables.read_portfolio("u-2") is None
    for table in ("strategies", "signals", "orders"):
        await tables.write_record(table, "id-1", json.dumps(document))
        await tables.write_record(table, "id-1", "{}")


async def test_leaked_connections_are_in_use_until_they_are_given_back(tables: Tables) -> None:
    await tables.leak(2)
    await tables.leak(2)
    assert tables.pool().used == 2
    await tables.users()
    await tables.leak(1)
    assert tables.pool().used == 1
    await tables.leak(0)
    status = tables.pool()
    assert (status.used, status.waiting, status.most) == (0, 0, POOL_SIZE)


async def test_who_gets_no_connection_is_told_so_in_time(tables: Tables) -> None:
    await tables.leak(POOL_SIZE + 10)
    assert tables.pool().used == tables.pool().most == POOL_SIZE
    calls = [asyncio.create_task(call) for call in (tables.users(), tables.balance("a"), tables.activations())]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert tables.pool().waiting == 3
    answers = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
    assert [type(answer) for answer in answers] == [StateError] * 3
    assert "no connection came free within 2 s" in str(answers[0])
    assert tables.pool().waiting == 0
    call = asyncio.create_task(tables.users())
    await asyncio.sleep(0)
    await tables.leak(0)
    assert await call == []


async def test_statements_beyond_the_pool_wait_their_turn(live_tables: PostgresTables) -> None:
    await asyncio.gather(*(live_tables.activate(f"u-{number}", "s-1") for number in range(100)))
    status = live_tables.pool()
    assert (status.used, status.waiting, await live_tables.activations()) == (0, 0, 100)
    assert status.idle <= POOL_SIZE


async def test_entries_sum_up_to_the_balance_even_when_old_ones_are_trimmed(
    live_tables: PostgresTables, sql: Any
) -> None:
    for number in range(60):
        await live_tables.book(f"a-{number % 3}", "test", Decimal(number), f"k-{number}")
        await live_tables.write_record("orders", f"o-{number}", '{"status": "filled"}')
    before = await live_tables.balances(["a-0", "a-1", "a-2"])
    await live_tables.trim(10)
    assert await live_tables.balances(["a-0", "a-1", "a-2"]) == before
    assert await sql.fetchval("SELECT count(*) FROM ledger_entries") == 10
    assert await sql.fetchval(
        "SELECT string_agg(id, ' ' ORDER BY entry) FROM orders WHERE status = 'filled'"
    ) == " ".join(f"o-{number}" for number in range(50, 60))
    sums = await sql.fetch(
        "SELECT id, trimmed + (SELECT sum(amount) FROM ledger_entries WHERE account = id) FROM ledger_accounts"
    )
    assert dict(sums) == before


async def test_records_have_columns_for_what_is_asked_for(live_tables: PostgresTables, sql: Any) -> None:
    order = {"user_id": "u-1", "symbol": "BTC/USDT", "status": "new"}
    await live_tables.write_record("orders", "o-1", json.dumps(order))
    await live_tables.write_record("orders", "o-1", json.dumps(order | {"status": "filled"}))
    rows = await sql.fetch("SELECT id, user_id, symbol, status FROM orders")
    assert [tuple(row) for row in rows] == [("o-1", "u-1", "BTC/USDT", "filled")]


async def test_what_is_no_document_is_refused(live_tables: PostgresTables) -> None:
    with pytest.raises(StateError, match="json"):
        await live_tables.write_record("orders", "o-1", "{")
    assert live_tables.pool().used == 0


async def test_several_processes_may_open_the_tables_at_once(postgres: PostgresServer, sql: Any) -> None:
    opened = [PostgresTables(postgres.url, 2) for _ in range(4)]
    await asyncio.gather(*(tables.open() for tables in opened))
    await opened[0].subscribe("u-1", "momentum")
    assert await opened[3].subscribers("momentum") == ["u-1"]
    for tables in opened:
        await tables.close()


async def test_a_database_that_is_gone_is_an_error_in_time(tmp_path: Path) -> None:
    async with postgres_server(tmp_path) as server:
        tables = PostgresTables(server.url, POOL_SIZE)
        await tables.open()
        await tables.leak(2)
    for call in (tables.users(), tables.book("a", "test", Decimal(1), "k")):
        with pytest.raises(StateError, match="PostgreSQL: "):
            await asyncio.wait_for(call, 10)
    await asyncio.wait_for(tables.close(), 10)
    with pytest.raises(StateError, match="PostgreSQL: "):
        await asyncio.wait_for(PostgresTables(server.url, 1).open(), 10)


async def test_tables_that_were_never_opened_say_so(postgres: PostgresServer) -> None:
    tables = PostgresTables(postgres.url, POOL_SIZE)
    assert (tables.pool().used, tables.pool().most) == (0, POOL_SIZE)
    with pytest.raises(StateError, match="not been opened"):
        await tables.users()
    await tables.close()
