"""What the dashboards are put together from: panels over indicators, and panels over the store's tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from observatory import areas
from observatory.api.indicator_metrics import BASE
from observatory.model import Bound, Indicator

PROMETHEUS = shared.DataSourceRef("prometheus", "observatory-prometheus")
CLICKHOUSE = shared.DataSourceRef("grafana-clickhouse-datasource", "observatory-clickhouse")
# `ms` of an indicator are seconds in `/metrics`; this is what Grafana calls the units that stand there.
_UNITS = {"seconds": "s", "ratio": "percentunit", "bytes": "bytes", "usd": "currencyUSD", "min": "m", "1/s": "cps"}
_BAD, _WARNED, _GOOD, _UNTOLD, _PLAIN = "red", "orange", "green", "#808080", "blue"
_UNKNOWN = "unknown"
_STATUS = {0: (_UNKNOWN, _UNTOLD), 1: ("critical", _BAD), 2: ("degraded", _WARNED), 3: ("healthy", _GOOD)}

AnyPanel = cog.Builder[model.Panel]
_Drawn = stat.Panel | bargauge.Panel | timeseries.Panel | table.Panel | statetimeline.Panel


def indicator(name: str) -> Indicator:
    """The indicator `<area>.<name>` as the product defines it.

    Raises:
        KeyError: there is none.
    """
    area = name.partition(".")[0]
    return next(each for each in areas.load() if each.id == area).indicators[name]


def expression(name: str) -> str:
    """PromQL of the newest reading of an indicator."""
    found = indicator(name)
    return (
        f'observatory_indicator{{environment="$environment", area="{found.area}",'
        f' indicator="{name.partition(".")[2]}"}}'
    )


def health(kind: str) -> str:
    """PromQL of health as a number by area or by service: 0 unknown, 1 critical, 2 degraded, 3 healthy."""
    terms = (
        f'observatory_{kind}_health{{environment="$environment", status="{status}"}} * {code}'
        for code, (status, _) in _STATUS.items()
        if code
    )
    return f"sum by ({kind}) ({' or '.join(terms)})"


def one(title: str, name: str) -> AnyPanel:
    """An indicator's newest value with its bounds as colours, and its way over time behind it."""
    drawn = stat.Panel().graph_mode(shared.BigValueGraphMode.AREA).color_mode(shared.BigValueColorMode.VALUE)
    _dress(drawn.height(4).span(4), title, name)
    return drawn.with_target(_asked("A", expression(name), _legend(name))).reduce_options(_last())


def each_now(title: str, name: str) -> AnyPanel:
    """The newest values of an indicator's members, as bars."""
    drawn = bargauge.Panel().orientation(shared.VizOrientation.HORIZONTAL)
    _dress(drawn.display_mode(shared.BarGaugeDisplayMode.BASIC).height(8).span(8), title, name)
    return drawn.with_target(_asked("A", expression(name), _legend(name), instant=True)).reduce_options(_last())


def lines(title: str, *names: str) -> AnyPanel:
    """Indicators of one unit over time; the bounds of the first are drawn as dashed lines."""
    drawn = timeseries.Panel().fill_opacity(8).show_points(shared.VisibilityMode.NEVER)
    _dress(drawn.height(8).span(8), title, *names)
    style = (
        shared.GraphThresholdsStyleMode.DASHED if indicator(names[0]).bounded else shared.GraphThresholdsStyleMode.OFF
    )
    drawn.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    drawn.color_scheme(built.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    for place, name in enumerate(names):
        drawn.with_target(_asked(chr(65 + place), expression(name), _legend(name, alone=len(names) == 1)))
    return drawn


def states(title: str, kind: str, height: int, span: int) -> AnyPanel:
    """Health over time by area or by service."""
    drawn = statetimeline.Panel().title(title).datasource(PROMETHEUS).height(height).span(span).mappings(_statuses())
    drawn.description("Each status in force, as /metrics told it. Grey is unknown, which is neither good nor bad.")
    drawn.thresholds(_steps([(None, _UNTOLD)])).show_value(shared.VisibilityMode.NEVER)
    return drawn.with_target(_asked("A", health(kind), f"{{{{{kind}}}}}"))


def count(title: str, description: str, query: str) -> AnyPanel:
    """A count of PromQL without bounds."""
    drawn = stat.Panel().title(title).description(description).datasource(PROMETHEUS).height(4).span(4)
    drawn.thresholds(_steps([(None, _PLAIN)])).mappings([_nothing()]).no_value(_UNKNOWN)
    return drawn.with_target(_asked("A", query, title)).reduce_options(_last())


def sql_lines(title: str, description: str, unit: str, sql: str) -> AnyPanel:
    """Rows of `time`, labels and one value, over time."""
    drawn = timeseries.Panel().title(title).description(description).datasource(CLICKHOUSE).height(8).span(8)
    drawn.unit(unit).no_value(_UNKNOWN).fill_opacity(8).show_points(shared.VisibilityMode.NEVER)
    return drawn.with_target(ClickHouse(sql, series=True))


def sql_table(title: str, description: str, sql: str, **units: str) -> AnyPanel:
    """Rows as they are; `units` by column."""
    drawn = table.Panel().title(title).description(description).datasource(CLICKHOUSE).height(9).span(12)
    for column, unit in units.items():
        drawn.override_by_name(column, [model.DynamicConfigValue("unit", unit)])
    return drawn.no_value(_UNKNOWN).with_target(ClickHouse(sql, series=False))


class ClickHouse(cog.Builder[variants.Dataquery]):
    """A query of the ClickHouse data source, for which the SDK has no type."""

    def __init__(self, sql: str, series: bool) -> None:
        self._query = _Sql(" ".join(sql.split()), series)

    def build(self) -> variants.Dataquery:
        """The query."""
        return self._query


@dataclass(frozen=True, slots=True)
class _Sql(variants.Dataquery):
    sql: str
    series: bool

    def to_json(self) -> dict[str, object]:
        """As the plugin's version 4 keeps it."""
        return {
            "refId": "A",
            "datasource": CLICKHOUSE,
            "pluginVersion": "4.0.0",
            "editorType": "sql",
            "rawSql": self.sql,
            "queryType": "timeseries" if self.series else "table",
            "format": 0 if self.series else 1,
        }


class Grid:
    """Adds panels to a dashboard row by row."""

    def __init__(self, dashboard: built.Dashboard) -> None:
        self._dashboard = dashboard

    def row(self, title: str, *panels: AnyPanel) -> Self:
        """A row with its title."""
        self._dashboard.with_row(built.Row(title))
        for panel in panels:
            self._dashboard.with_panel(panel)
        return self


def thresholds(found: Indicator) -> list[tuple[float | None, str]]:
    """The indicator's bounds as Grafana's steps, each of which counts from its value upwards."""
    factor = BASE.get(found.unit, ("", 1.0))[1]
    warn, crit = (None if bound is None else _first(bound, factor) for bound in (found.warn, found.crit))
    if found.direction == "informational":
        return [(None, _PLAIN)]
    if found.direction == "lower_is_better":
        return [(None, _GOOD), *((at, colour) for at, colour in ((warn, _WARNED), (crit, _BAD)) if at is not None)]
    # The worst is the ground, and it gets better where a bad side ends.
    edges = [(at, colour) for at, colour in ((crit, _BAD), (warn, _WARNED)) if at is not None]
    return list(zip([None, *(at for at, _ in edges)], [*(colour for _, colour in edges), _GOOD], strict=True))


def _first(bound: Bound, factor: float) -> float:
    """The least value of the side above the bound, which a step has to start at."""
    at = round(bound.value * factor, 12)
    # `> 0` and `<= 0` leave 0 itself below; a step includes where it starts.
    return math.nextafter(at, math.inf) if str(bound.comparison) in (">", "<=") else at


def _dress(drawn: _Drawn, title: str, *names: str) -> None:
    found = [indicator(name) for name in names]
    units = {BASE.get(each.unit, (each.unit.strip("{}"), 1.0))[0] for each in found}
    assert len(units) == 1, f"{title}: one axis cannot have {units}"
    told = "\n\n".join(_told(each) for each in found)
    drawn.title(title).description(told).datasource(PROMETHEUS).unit(_UNITS.get(units.pop(), "short"))
    drawn.thresholds(_steps(thresholds(found[0]))).mappings([_nothing()]).no_value(_UNKNOWN)
    drawn.data_links([built.DashboardLink("Open in Observatory").url(page(found[0].area)).target_blank(True)])


def page(area: str) -> str:
    """The address of an area's page in Observatory."""
    pages = {
        "ai_systems": "/ai",
        "trading_execution": "/trading",
        "market_data": "/trading",
        "signal_intelligence": "/signals",
        "costs": "/costs",
        "risk_management": "/risk",
        "credits": "/credits",
        "strategies": "/strategies",
        "resources": "/resources",
        "emergency": "/emergency",
    }
    return here(pages[area])


def here(path: str) -> str:
    """The address of a page of Observatory, in the environment and range that are looked at."""
    return f"${{observatory}}{path}?environment=$environment&from=${{__from:date:iso}}&to=${{__to:date:iso}}"


def _told(found: Indicator) -> str:
    bounds = [f"{word} {bound}" for word, bound in (("degraded", found.warn), ("critical", found.crit)) if bound]
    judged = f" Bounds in {found.unit}: {', '.join(bounds)}, from {found.least_samples} samples on." if bounds else ""
    return f"`{found.id}`: {found.sentence}, over {found.window_s:g} s.{judged}"


def _legend(name: str, alone: bool = True) -> str:
    grouped, short = indicator(name).group_by, name.partition(".")[2]
    if grouped:
        return "{{member}}" if alone else f"{{{{member}}}} {short}"
    return short


def _asked(ref: str, query: str, legend: str, instant: bool = False) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().ref_id(ref).expr(query).legend_format(legend).datasource(PROMETHEUS)
    asked.format(PromQueryFormat.TIME_SERIES)
    return asked.instant() if instant else asked.range()


def _last() -> common.ReduceDataOptions:
    # The last value that is there, also where it is null: an old number is no number of now.
    return common.ReduceDataOptions().calcs(["last"])


def _steps(steps: list[tuple[float | None, str]]) -> built.ThresholdsConfig:
    return (
        built.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value, colour) for value, colour in steps])
    )


def _nothing() -> model.SpecialValueMap:
    result = model.ValueMappingResult(text=_UNKNOWN, color=_UNTOLD)
    return model.SpecialValueMap(model.DashboardSpecialValueMapOptions(model.SpecialValueMatch.NULL_AND_NAN, result))


def _statuses() -> list[model.ValueMapping]:
    results = {
        str(code): model.ValueMappingResult(text=text, color=colour, index=code)
        for code, (text, colour) in _STATUS.items()
    }
    return [model.ValueMap(results), _nothing()]
