"""Probes of routes, ports and certificates, over real connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from observatory.collect.outcome import Reason


def http(url: str, **fields: Any) -> dict[str, Any]:
    return {"name": "route", "kind": "http", "url": url, "timeout_s": 3.0} | fields


async def test_a_route_that_answers_is_up_and_its_query_is_not_shown(web: Any, looking: Any) -> None:
    web.says("ok", path="/health")
    seen = await looking(http(web.url("/health?token=hush"))).again()
    assert seen.standing.up
    assert seen.value("observatory.probe.up") == 1
    assert seen.value("httpcheck.status", http__status_class="2xx") == 1
    assert seen.value("httpcheck.status", http__status_class="5xx") == 0
    assert (seen.value("httpcheck.duration") or 0) >= 0
    assert seen.values("observatory.probe.up")[0][0]["http.url"] == web.url("/health")
    assert b"hush" not in seen.body


@pytest.mark.parametrize(("status", "statuses", "up"), [(503, [], 0), (302, [], 0), (401, [401], 1), (200, [204], 0)])
async def test_which_statuses_are_good_can_be_said(
    web: Any, looking: Any, status: int, statuses: list[int], up: int
) -> None:
    web.says("", status, path="/health", Location="http://elsewhere.test/")
    seen = await looking(http(web.url("/health"), statuses=statuses)).again()
    assert seen.standing.up, "the probe itself did its work"
    assert seen.value("observatory.probe.up") == up
    assert seen.value("httpcheck.status", http__status_class=f"{status // 100}xx") == 1


async def test_a_route_that_is_gone_or_hangs_is_down_and_that_is_a_measurement(
    looking: Any, nobody: int, mute: int
) -> None:
    for port, why in ((nobody, "ConnectError"), (mute, "timeout")):
        seen = await looking(http(f"http://127.0.0.1:{port}/", timeout_s=0.4)).again()
        assert seen.standing.up
        assert seen.value("observatory.probe.up") == 0
        assert seen.points("httpcheck.duration") == []
        assert seen.values("httpcheck.error")[0][0]["error.message"].startswith(why)


async def test_a_port_accepts_or_it_does_not(web: Any, looking: Any, nobody: int) -> None:
    entry = {"name": "door", "kind": "tcp", "host": "127.0.0.1"}
    seen = await looking(entry | {"port": web.port}).again()
    assert (seen.value("tcpcheck.status"), seen.value("observatory.probe.up")) == (1, 1)
    seen = await looking(entry | {"port": nobody}).again()
    assert (seen.value("tcpcheck.status"), seen.value("observatory.probe.up")) == (0, 0)
    assert seen.values("tcpcheck.error")[0][0]["error.code"] == "connection_refused"
    assert seen.standing.up


def tls(port: int, **fields: Any) -> dict[str, Any]:
    return {"name": "certificate", "kind": "tls", "host": "localhost", "port": port, "timeout_s": 3.0} | fields


async def test_a_certificate_tells_how_long_it_is_good(certify: Any, serving_tls: Any, looking: Any) -> None:
    certificate: Path = certify(20)
    with serving_tls(certificate) as web:
        seen = await looking(tls(web.port, tls={"ca_file": f"{certificate}"})).again()
    assert seen.value("tlscheck.time_left") == pytest.approx(20 * 86_400, abs=60)
    assert seen.values("tlscheck.time_left")[0][0]["tlscheck.x509.cn"] == "observatory.test"
    assert seen.value("observatory.probe.up") == 1


@pytest.mark.parametrize(("days", "name", "why"), [(-3, "localhost", "expired"), (20, "wrong.test", "wrong.test")])
async def test_a_certificate_that_is_not_trusted_still_tells_its_time(
    certify: Any, serving_tls: Any, looking: Any, days: int, name: str, why: str
) -> None:
    certificate: Path = certify(days)
    with serving_tls(certificate) as web:
        target = tls(web.port, tls={"ca_file": f"{certificate}"}, server_name=name)
        seen = await looking(target).again()
    assert seen.value("tlscheck.time_left") == pytest.approx(days * 86_400, abs=60)
    assert seen.value("observatory.probe.up") == 0
    assert why in seen.values("tlscheck.error")[0][0]["error.message"]
    assert seen.standing.up


async def test_without_a_certificate_its_time_is_unknown(web: Any, looking: Any, nobody: int) -> None:
    for port in (web.port, nobody):
        seen = await looking(tls(port)).again()
        assert seen.standing.reason is Reason.UNREACHABLE
        assert seen.points("tlscheck.time_left") == []
        assert seen.value("observatory.probe.up") == 0


async def test_an_exporter_that_is_not_trusted_is_not_talked_to(certify: Any, serving_tls: Any, looking: Any) -> None:
    certificate: Path = certify(20)
    with serving_tls(certificate) as web:
        web.says("fine 1\n")
        url = f"https://localhost:{web.port}/metrics"
        entry = {"name": "exporter", "kind": "prometheus", "url": url}
        seen = await looking(entry).again()
        assert seen.standing.reason is Reason.UNREACHABLE
        assert web.asked == []
        seen = await looking(entry | {"tls": {"ca_file": f"{certificate}"}}).again()
        assert seen.value("fine") == 1
