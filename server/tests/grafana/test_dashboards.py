"""The dashboards for Grafana fit what there is: metrics, indicators, tables, bounds and pages."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import running
import yaml
from prometheus_client.parser import text_string_to_metric_families
from serving import Serving, serving

from observatory import areas
from observatory.api.indicator_metrics import BASE
from observatory.api.shell import PATHS
from observatory.model import Indicator
from observatory.store import Store

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "deploy" / "grafana"
NAMES = ("ai-operations", "cost-control", "executive", "signal-intelligence", "trading-operations")
SOURCES = {"observatory-prometheus", "observatory-clickhouse"}
_SELECTION = re.compile(r"(observatory_\w+)\{([^}]*)\}")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# As the plugin's documents say what it makes of them.
_MACROS = (
    (re.compile(r"\$__timeFilter\((\w+)\)"), r"\1 >= toDateTime(1767225600) AND \1 <= toDateTime(1767229200)"),
    (re.compile(r"\$__timeInterval\((\w+)\)"), r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)"),
    (re.compile(r"\$__fromTime"), "toDateTime(1767225600)"),
    (re.compile(r"\$__toTime"), "toDateTime(1767229200)"),
    (re.compile(r"\$\{environment:sqlstring\}"), "'test'"),
)


def dashboard(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text(encoding="utf-8"))
    return read


def panels(name: str) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in dashboard(name)["panels"] if panel["type"] != "row")


def queries(name: str, field: str) -> Iterator[str]:
    yield from (target[field] for panel in panels(name) for target in panel["targets"] if field in target)


def indicators() -> dict[str, Indicator]:
    return {name: each for area in areas.load() for name, each in area.indicators.items()}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Names of a running server's metrics, each with its labels."""
    with serving(tmp_path_factory.mktemp("grafana") / "data", tick_s=1) as server:
        text = running.until(lambda: _told(server), "health in /metrics")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, set()).update(*(sample.labels for sample in family.samples))
    return found


def _told(server: Serving) -> str:
    """The text, once health has its labels: from the first round on, whoever reports."""
    text = httpx.get(f"{server.url}/metrics", headers=server.headers | {"Accept": "text/plain"}, timeout=120).text
    return text if "observatory_area_health{" in text else ""


def test_the_files_are_what_the_generator_makes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.grafana.generate", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {path.stem: path.read_text(encoding="utf-8") for path in (GRAFANA / "dashboards").iterdir()}
    assert sorted(made) == sorted(NAMES)
    assert made == kept, "`make grafana` writes them anew"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_of_prometheus_is_there(name: str, metrics: dict[str, set[str]]) -> None:
    known = indicators()
    asked = [found for query in queries(name, "expr") for found in _SELECTION.findall(query)]
    assert asked
    for metric, inside in asked:
        labels = dict(_LABEL.findall(inside))
        assert metric in metrics
        if metric == "observatory_indicator":
            assert labels.keys() <= {"environment", "area", "indicator", "member", "unit"}
            assert f"{labels['area']}.{labels['indicator']}" in known
        else:
            assert labels.keys() <= metrics[metric]
            assert labels.get("status", "healthy") in {"unknown", "critical", "degraded", "healthy"}


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_runs_on_the_tables_that_there_are(name: str, store: Store) -> None:
    asked = list(queries(name, "rawSql"))
    assert asked
    for sql in asked:
        expanded = sql
        for macro, text in _MACROS:
            expanded = macro.sub(text, expanded)
        assert "$" not in expanded, expanded
        asyncio.run(store.reader.read(expanded))


@pytest.mark.parametrize("name", NAMES)
def test_a_series_names_its_time_and_a_label(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            if target.get("queryType") == "timeseries":
                assert target["rawSql"].startswith("SELECT $__timeInterval(Timestamp) AS time,"), panel["title"]
                assert target["rawSql"].endswith(tuple("abcdefghijklmnopqrstuvwxyz")), panel["title"]
                assert "ORDER BY time" in target["rawSql"]


@pytest.mark.parametrize("name", NAMES)
def test_colours_are_the_indicators_own_bounds(name: str) -> None:
    known, judged = indicators(), 0
    for panel in panels(name):
        selected = [_LABEL.findall(inside) for query in _exprs(panel) for _, inside in _SELECTION.findall(query)]
        labels = dict(selected[0]) if selected else {}
        if "indicator" not in labels:
            continue
        found = known[f"{labels['area']}.{labels['indicator']}"]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        factor = BASE.get(found.unit, ("", 1.0))[1]
        for bound in filter(None, (found.warn, found.crit)):
            for value in (bound.value, bound.value - 1e-6, bound.value + 1e-6):
                judged += 1
                assert _colour(steps, round(value * factor, 12)) == _status(found, value), (found.id, value)
        if not found.bounded:
            assert [step["color"] for step in steps] == ["blue"]
    assert judged


def _exprs(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"] if "expr" in target]


def _colour(steps: list[dict[str, Any]], value: float) -> str:
    return str([step["color"] for step in steps if step["value"] is None or step["value"] <= value][-1])


def _status(found: Indicator, value: float) -> str:
    if found.crit and found.crit.broken_by(value):
        return "red"
    return "orange" if found.warn and found.warn.broken_by(value) else "green"


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_a_title_a_source_and_a_place_of_its_own(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels(name):
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] in SOURCES
        assert {target["datasource"]["uid"] for target in panel["targets"]} <= SOURCES


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_pages_that_exist(name: str) -> None:
    found = dashboard(name)
    links = [link for link in found["links"] if link["type"] == "link"]
    links += [link for panel in panels(name) for link in panel["fieldConfig"]["defaults"].get("links", [])]
    assert links
    for link in links:
        assert link["url"].startswith("${observatory}/")
        assert urlsplit(link["url"].removeprefix("${observatory}")).path in PATHS


def test_the_sources_that_are_provisioned_are_those_that_are_asked() -> None:
    read = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "observatory.yaml").read_text(encoding="utf-8"))
    assert {each["uid"] for each in read["datasources"]} == SOURCES
    assert {each["type"] for each in read["datasources"]} == {"prometheus", "grafana-clickhouse-datasource"}
