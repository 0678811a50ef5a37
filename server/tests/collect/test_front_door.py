"""The whole way: a server with a file of targets, and what it then has of them in its store and on its pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from serving import Serving, serving


def until(found: Callable[[], Any], wait_s: float = 90) -> Any:
    deadline = time.monotonic() + wait_s
    while not (answer := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collecting")


def targets(redis: Any, postgres: Any, web: Any, nobody: int) -> list[dict[str, Any]]:
    queue = {
        "name": "submissions",
        "sql": "SELECT 'submissions' AS queue, 3 AS depth, 700.5::float8 AS age",
        "metrics": [
            {"column": "depth", "metric": "queue.depth", "unit": "{item}"},
            {"column": "age", "metric": "queue.oldest_item.age", "unit": "s"},
        ],
        "attributes": {"queue": "queue.name"},
    }
    database = {"host": str(postgres.place), "username": "postgres"}
    entries = [
        {"name": "cache", "kind": "redis", "host": "127.0.0.1", "port": redis.port},
        {"name": "gone", "kind": "redis", "host": "127.0.0.1", "port": nobody},
        {"name": "database", "kind": "postgresql"} | database,
        {"name": "tables", "kind": "sql", "queries": [queue]} | database,
        {"name": "exporter", "kind": "prometheus", "url": web.url()},
        {"name": "route", "kind": "http", "url": web.url("/health")},
        {"name": "down", "kind": "tcp", "host": "127.0.0.1", "port": nobody},
    ]
    return [entry | {"interval_s": 2} for entry in entries]


def read(server: Serving, path: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers=server.headers, timeout=120)


def health(server: Serving) -> dict[str, Any]:
    answer = read(server, "/api/v1/monitoring/system-health")
    found: dict[str, Any] = answer.json()
    return found["services"]["resources"] if answer.is_success else {}


@pytest.mark.asyncio(loop_scope="module")
async def test_what_collectors_saw_is_stored_judged_and_shown(
    redis: Any, postgres: Any, web: Any, nobody: int, folder: Path
) -> None:
    web.says("# TYPE queue_depth gauge\nqueue_depth 4\n")
    web.says("ok", path="/health")
    file = folder / "collectors.yaml"
    file.write_text(yaml.safe_dump({"targets": targets(redis, postgres, web, nobody)}))
    with serving(folder / "data", collectors_file=file, tick_s=0.5, metrics_linger_ms=100) as server:
        until(lambda: health(server).get("queue_depth") == 3)
        assert health(server)["queue_oldest_age_s"] == 700.5
        until(lambda: "queue_oldest_ages" in str(health(server)["reasons"]))
        until(lambda: health(server)["redis_memory_used_ratio"])
        until(lambda: "resources.probes_up" in str(health(server)["reasons"]))
        assert server.metric("collect_up", target="cache") == 1
        assert server.metric("collect_up", target="gone") == 0
        assert server.metric("bodies_total", signal="metrics", transport="collect") >= 7
        page = read(server, "/plain/selfwatch").text
        assert "target gone, kind redis, reason unreachable" in page
        assert server.stop() == 0
        [rows] = server.rows(
            "SELECT MetricName, any(ServiceName), any(ResourceAttributes['service.instance.id']), max(Value)"
            " FROM otel_metrics_gauge WHERE ResourceAttributes['deployment.environment.name'] = 'production'"
            " AND MetricName IN ('queue_depth', 'postgresql.connection.max', 'tcpcheck.status') GROUP BY MetricName"
        )
    assert sorted(rows) == [
        ["postgresql.connection.max", "database", "database", 230.0],
        ["queue_depth", "exporter", "exporter", 4.0],
        ["tcpcheck.status", "down", "down", 0.0],
    ]


def test_a_bad_file_stops_the_start_with_its_sentence(folder: Path) -> None:
    file = folder / "bad.yaml"
    file.write_text("targets: [{name: a, kind: redis, host: h, port: 70000}]")
    with pytest.raises(AssertionError, match=r"bad.yaml: target 'a': port = 70000: Input should be less than"):
        Serving(folder / "never", collectors_file=file).start()
