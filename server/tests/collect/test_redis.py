"""Redis, a real server of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from observatory.collect.outcome import Reason

pytestmark = pytest.mark.asyncio(loop_scope="module")


def entry(port: int, **fields: Any) -> dict[str, Any]:
    return {"name": "cache", "kind": "redis", "host": "127.0.0.1", "port": port, "timeout_s": 2.0} | fields


async def test_what_info_tells_goes_by_the_names_of_the_collectors_receiver(redis: Any, looking: Any) -> None:
    async with Redis(port=redis.port) as client:
        await client.set("a", "b")
        await client.get("a")
        await client.get("missing")
        truth = await client.info()
    seen = await looking(entry(redis.port, environment="staging")).again()
    assert seen.standing.up
    assert seen.resource == {
        "service.name": "cache",
        "service.instance.id": "cache",
        "deployment.environment.name": "staging",
        "server.address": "127.0.0.1",
        "server.port": redis.port,
        "observatory.collector.kind": "redis",
    }
    assert seen.value("redis.maxmemory") == truth["maxmemory"]
    assert seen.value("redis.memory.used") == pytest.approx(truth["used_memory"], rel=0.2)
    assert (seen.value("redis.memory.fragmentation_ratio") or 0) > 0
    assert seen.value("redis.keyspace.hits") == truth["keyspace_hits"]
    assert seen.value("redis.keyspace.misses") == truth["keyspace_misses"]
    assert seen.value("redis.keys.evicted") == 0
    assert seen.value("redis.db.keys", db="0") == 1
    assert seen.value("redis.cpu.time", state="user") is not None
    assert seen.value("up") == 1
    assert (seen.value("scrape_samples_scraped") or 0) > 30


async def test_the_start_of_a_counter_stays_where_it_is_from_one_attempt_to_the_next(redis: Any, looking: Any) -> None:
    target = looking(entry(redis.port))
    first = (await target.again()).points("redis.keyspace.hits")[0]
    await asyncio.sleep(1.1)
    second = (await target.again()).points("redis.keyspace.hits")[0]
    assert first.start_time_unix_nano == second.start_time_unix_nano
    assert second.time_unix_nano - first.time_unix_nano > 1e9
    assert abs(time.time_ns() - first.start_time_unix_nano) < 600e9


async def test_a_wrong_password_is_named_as_that_and_not_repeated(
    redis: Any, looking: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    async with Redis(port=redis.port) as client:
        await client.acl_setuser("watcher", enabled=True, passwords=["+correct horse"], commands=["+info"])
    allowed = entry(redis.port, username="watcher", password={"file": f"{tmp_path / 'secret'}"})
    assert (await looking(allowed).again()).standing.up
    monkeypatch.setenv("CACHE_PASSWORD", "wrong battery")
    seen = await looking(entry(redis.port, username="watcher", password={"env": "CACHE_PASSWORD"})).again()
    assert (seen.standing.up, seen.standing.reason) == (False, Reason.DENIED)
    assert "battery" not in seen.standing.error


async def test_a_server_that_is_gone_is_unknown_and_not_zero(looking: Any, nobody: int) -> None:
    seen = await looking(entry(nobody)).again()
    assert (seen.standing.up, seen.standing.reason) == (False, Reason.UNREACHABLE)
    assert {metric.name for metric in seen.metrics} == {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
    assert seen.value("up") == 0


async def test_a_server_that_hangs_costs_its_timeout(looking: Any, mute: int) -> None:
    seen = await looking(entry(mute, timeout_s=0.2)).again()
    assert seen.standing.reason is Reason.TIMEOUT
    assert 0.15 < seen.standing.duration_s < 10


async def test_what_is_no_redis_is_malformed(looking: Any) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        seen = await looking(entry(server.sockets[0].getsockname()[1])).again()
    assert seen.standing.reason is Reason.MALFORMED
