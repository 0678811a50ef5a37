"""The product's own numbers, for Prometheus and as a page."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from observatory.api.selfwatch_page import families

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
)


def count_some(server: Any) -> None:
    server.selfwatch.bodies.labels("traces", "http").inc(3)
    server.selfwatch.rejections.labels("traces", "too old").inc(2)
    server.selfwatch.queue_bytes.labels("traces").set(2_048)
    for seconds in (0.003, 0.004, 20.0):
        server.selfwatch.commit_s.labels("traces").observe(seconds)


@pytest.mark.parametrize("accept", [OPENMETRICS, "application/openmetrics-text", PROMETHEUS])
async def test_whoever_asks_for_openmetrics_gets_it(server: Any, accept: str) -> None:
    count_some(server)
    async with server.client("read") as client:
        answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert answer.headers["content-type"].count("charset") == 1
    assert answer.text.endswith("# EOF\n")
    parsed: list[Metric] = list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]
    bodies = next(each for each in parsed if each.name == "observatory_bodies")
    assert [each.value for each in bodies.samples if each.name.endswith("_total")] == [3]


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=0.0.4", "application/json"])
async def test_everybody_else_gets_prometheus_text(server: Any, accept: str) -> None:
    count_some(server)
    async with server.client("read") as client:
        answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {sample.name for family in parse_text(answer.text) for sample in family.samples}
    assert {"observatory_bodies_total", "observatory_queue_bytes", "observatory_commit_seconds_bucket"} <= names


async def test_the_page_tells_counts_reasons_and_durations(server: Any) -> None:
    count_some(server)
    lines = {
        (family.name, count.labels): count.value
        for family in families(server.selfwatch.registry)
        for count in family.counts
    }
    assert lines["bodies", "signal traces, transport http"] == "3"
    assert lines["rejected items", "signal traces, reason too old"] == "2"
    assert lines["queue bytes", "signal traces"] == "2 KiB"
    assert lines["commit seconds", "signal traces"] == "3 times, mean 6,669 ms, p50 ≤ 5 ms, p99 > 10,000 ms"
    assert lines["tick seconds", ""] == "0 times"
    async with server.client("read") as client:
        page = (await client.get("/plain/selfwatch")).text
    assert "p50 ≤ 5 ms" in page
    assert page.count("nothing yet") >= 3
