"""A process that sends a tenth of its calls: the server tells how many there were, and that it is an estimate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Serving, serving

import observatory_sdk as obs
from observatory_sdk import facts

CALLS, FAILURES, FACTS = 20_000, 137, 50
# A binomial of 20,000 by a tenth has a standard deviation of 42 kept calls, each of which counts for ten.
FIVE_DEVIATIONS = 5 * 425


def work(telemetry: obs.Telemetry) -> None:
    for number in range(CALLS):
        with obs.service("credit_ledger", "debit"):
            if number % (CALLS // FAILURES) == 0 and number // (CALLS // FAILURES) < FAILURES:
                obs.outcome("failure", reason="no funds")
            if number < FACTS:
                with facts.RiskCalculation(kind="var"):
                    pass
        if number % 5_000 == 0:
            # Never a clock held against the machine: the queue must be empty, however long that takes here.
            assert telemetry.flush(120)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the server says of the service, and the server, which has ended."""
    folder: Path = tmp_path_factory.mktemp("sampled") / "data"
    with serving(folder, tick_s=0.5) as server:
        telemetry = obs.configure(
            service_name="backend",
            endpoint=server.otlp_http,
            token=server.token("ingest"),
            environment="sampled",
            services=["credit_ledger"],
            set_globals=False,
            sample_ratio=0.1,
        )
        try:
            work(telemetry)
            assert telemetry.flush(120)
        finally:
            telemetry.shutdown()
        told = asked(server)
        assert server.stop() == 0
        yield told, server


def asked(server: Serving) -> dict[str, Any]:
    """The service as the API tells it, once a round has seen the calls."""
    until = time.monotonic() + 90
    while True:
        answer = httpx.get(
            f"{server.url}/api/v1/monitoring/services/credit_ledger",
            params={"environment": "sampled"},
            headers=server.headers,
            timeout=120,
        )
        found: dict[str, Any] = answer.json() if answer.is_success else {}
        if found.get("rate") is not None and found.get("error_rate") is not None:
            return found
        assert time.monotonic() < until, answer.text
        time.sleep(0.3)


def test_the_rate_is_the_one_of_all_calls_and_estimated(sampled: Any) -> None:
    told, server = sampled
    ((calls, failures, kept),) = server.rows(
        "SELECT sum(Weight), sum(Failed * Weight), count() FROM fact_calls WHERE Environment = 'sampled'"
    )[0]
    assert abs(calls - CALLS) < FIVE_DEVIATIONS
    assert failures == FAILURES
    assert CALLS * 0.08 < kept < CALLS * 0.16
    rate = told["provenance"]["rate"]
    assert rate["estimated"]
    assert rate["samples"] <= kept
    assert told["rate"] * rate["window_s"] == pytest.approx(calls, rel=0.1)


def test_errors_are_exactly_those_that_were(sampled: Any) -> None:
    told, server = sampled
    ((failed, certain),) = server.rows(
        "SELECT count(), countIf(TraceState = 'ot=th:0') FROM otel_traces WHERE Environment = 'sampled' AND Failed"
    )[0]
    assert (failed, certain) == (FAILURES, FAILURES)
    assert told["error_rate"] == pytest.approx(FAILURES / CALLS, rel=0.1)
    assert told["provenance"]["error_rate"]["estimated"]


def test_facts_are_all_there(sampled: Any) -> None:
    _, server = sampled
    (rows,) = server.rows("SELECT count() FROM fact_risk WHERE Environment = 'sampled'")
    assert rows == [[FACTS]]


def test_what_was_dropped_is_counted_by_the_sender_and_told_to_the_server(sampled: Any) -> None:
    _, server = sampled
    ((dropped,),), ((kept,),) = server.rows(
        "SELECT max(Value) FROM otel_metrics_sum WHERE MetricName = 'observatory.sdk.losses' "
        "AND Attributes['observatory.sdk.reason'] = 'spans sampled out'",
        "SELECT count() FROM otel_traces WHERE Environment = 'sampled'",
    )
    assert dropped + kept == CALLS + FACTS
