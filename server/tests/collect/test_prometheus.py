"""Exporters of Prometheus, over a real connection."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from observatory.collect.outcome import Reason

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def entry(web: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "exporter", "kind": "prometheus", "url": web.url(), "timeout_s": 5.0} | fields


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("pool_connections", "Connections.", ["state"], registry=made).labels("idle").set(3)
    Gauge("unset", "Nobody knows.", registry=made).set(float("nan"))
    Counter("orders", "Orders.", ["side"], registry=made).labels('b"uy\n').inc(7)
    histogram = Histogram("reply_seconds", "Replies.", buckets=(0.1, 1.0), registry=made)
    for seconds in (0.05, 0.5, 0.5, 30):
        histogram.observe(seconds)
    Summary("work_bytes", "Work.", registry=made).observe(12)
    return made


@pytest.mark.parametrize("openmetrics", [False, True])
async def test_a_real_exposition_becomes_gauges_sums_histograms_and_summaries(
    web: Any, looking: Any, openmetrics: bool
) -> None:
    if openmetrics:
        web.says(generate_openmetrics(registry()), kind=OPENMETRICS)
    else:
        web.says(generate_latest(registry()))
    seen = await looking(entry(web)).again()
    assert seen.standing.error == ""
    assert seen.value("pool_connections", state="idle") == 3
    assert seen.points("unset") == []
    assert seen.value("orders_total", side='b"uy\n') == 7
    orders = next(metric for metric in seen.metrics if metric.name == "orders_total")
    assert orders.sum.is_monotonic
    [replies] = seen.points("reply_seconds")
    assert (list(replies.explicit_bounds), list(replies.bucket_counts)) == ([0.1, 1.0], [1, 2, 1])
    assert (replies.count, replies.sum) == (4, 31.05)
    assert next(metric.unit for metric in seen.metrics if metric.name == "reply_seconds") == "s"
    [work] = seen.points("work_bytes")
    assert (work.count, work.sum) == (1, 12)
    started_ns = {point.start_time_unix_nano for point in seen.points("orders_total")}
    assert started_ns != {0} if openmetrics else started_ns == {0}
    asked = web.asked[0][1]
    assert asked["accept"].startswith("application/openmetrics-text")
    assert asked["x-prometheus-scrape-timeout-seconds"] == "5"


async def test_a_counter_that_falls_began_anew_when_it_was_last_higher(web: Any, looking: Any) -> None:
    target = looking(entry(web))
    seen = []
    for value in (5, 9, 2, 3):
        web.says(f"# TYPE orders_total counter\norders_total {value}\n")
        seen.append((await target.again()).points("orders_total")[0])
    assert [point.start_time_unix_nano for point in seen[:2]] == [0, 0]
    assert [point.start_time_unix_nano for point in seen[2:]] == [seen[1].time_unix_nano] * 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('orders_total{side="buy} 1\n', "text/plain"),
        ("orders_total seven\n", "text/plain"),
        ("<html>login</html>", "text/html"),
        ("good 1\n{{{{ 2\n", "text/plain"),
        ("# TYPE a gauge\na 1\n", OPENMETRICS),  # no end
        ('# TYPE a histogram\na_bucket{le="1.0"} 5\na_bucket{le="+Inf"} 2\na_count 2\na_sum 1\n', "text/plain"),
        ('# TYPE a histogram\na_bucket{le="wide"} 5\n', "text/plain"),
        (b"\xff\xfe 1\n", "text/plain"),
    ],
)
async def test_malformed_text_is_an_error_of_that_target_and_the_others_go_on(
    web: Any, looking: Any, text: Any, kind: str
) -> None:
    web.says(text, kind=kind)
    web.says("fine 1\n", path="/other")
    both = looking(entry(web), entry(web, name="other", url=web.url("/other")))
    bad = await both.again(0)
    assert (bad.standing.up, bad.standing.reason) == (False, Reason.MALFORMED), bad.standing.error
    assert {metric.name for metric in bad.metrics} == {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
    good = await both.again(1)
    assert good.standing.up
    assert good.value("fine") == 1


async def test_a_body_without_end_is_cut_off_at_its_bound(web: Any, looking: Any) -> None:
    def endless() -> Iterator[bytes]:
        while not web.over.is_set():
            yield b"a 1\n" * 4_096

    web.says(endless)
    seen = await looking(entry(web, body_bytes=100_000)).again()
    assert seen.standing.reason is Reason.TOO_MUCH
    assert "100000 bytes" in seen.standing.error


async def test_a_body_that_drips_costs_its_timeout_and_holds_up_nobody(web: Any, looking: Any) -> None:
    def dripping() -> Iterator[bytes]:
        while not web.over.wait(0.05):
            yield b"a"

    web.says(dripping)
    web.says("fine 1\n", path="/other")
    both = looking(entry(web, timeout_s=0.6), entry(web, name="other", url=web.url("/other")))
    slow = asyncio.create_task(both.again(0))
    good = await both.again(1)
    assert not slow.done()
    assert good.standing.up
    assert (await slow).standing.reason is Reason.TIMEOUT


async def test_more_series_than_allowed_are_refused_and_not_cut(web: Any, looking: Any) -> None:
    web.says("".join(f'a{{n="{each}"}} 1\n' for each in range(11)))
    assert (await looking(entry(web, series=11)).again()).standing.up
    seen = await looking(entry(web, series=10)).again()
    assert seen.standing.reason is Reason.TOO_MUCH
    web.says("a" * 20_000 + " 1\n")
    assert (await looking(entry(web)).again()).standing.reason is Reason.TOO_MUCH


async def test_a_packed_answer_is_not_unpacked(web: Any, looking: Any) -> None:
    web.says(gzip.compress(b"a 1\n" * 1_000_000), Content_Encoding="gzip")
    seen = await looking(entry(web)).again()
    assert seen.standing.reason is Reason.MALFORMED
    assert "packed" in seen.standing.error


async def test_a_redirect_is_followed_to_the_same_host_and_no_other(
    web: Any, looking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORTER_TOKEN", "very secret")
    web.says("", 307, Location="/real")
    web.says("fine 1\n", path="/real")
    assert (await looking(entry(web, bearer_token={"env": "EXPORTER_TOKEN"})).again()).standing.up
    assert web.asked[-1][1]["authorization"] == "Bearer very secret"
    asked = len(web.asked)
    for elsewhere in (f"http://localhost:{web.port}/real", f"http://127.0.0.1:{web.port + 1}/real", "//elsewhere.test"):
        web.says("", 302, Location=elsewhere)
        seen = await looking(entry(web)).again()
        assert seen.standing.reason is Reason.MALFORMED
        assert "another host" in seen.standing.error
    assert len(web.asked) == asked + 3
    web.says("", 302, Location="/metrics")
    assert "redirects" in (await looking(entry(web)).again()).standing.error


@pytest.mark.parametrize(("status", "reason"), [(401, Reason.DENIED), (500, Reason.MALFORMED), (404, Reason.MALFORMED)])
async def test_another_status_is_an_error(web: Any, looking: Any, status: int, reason: Reason) -> None:
    web.says("fine 1\n", status)
    assert (await looking(entry(web)).again()).standing.reason is reason


async def test_nothing_is_taken_from_the_environment(
    web: Any, looking: Any, monkeypatch: pytest.MonkeyPatch, nobody: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{nobody}")
    web.says("fine 1\n")
    assert (await looking(entry(web)).again()).standing.up
