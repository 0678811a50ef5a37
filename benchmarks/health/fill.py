"""Fill a store by SQL, through every view, at a constant rate of spans per day up to now.

SPANS model calls of GenAI size, a quarter as many spans of the other areas with their logs, metric points (dense in the
last day, thin before), and the history of every indicator. What beside the model calls is in platform.yaml.

A process of its own: the embedded store opens once per process. Usage: fill.py FOLDER SPANS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml
from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client

from observatory import catalogue, settings
from observatory.app import plan
from observatory.areas import series
from observatory.selfwatch import Selfwatch
from observatory.store import DATABASE, open_store

SPANS_PER_DAY = 1_600_000
# One further span for each trace of four model calls.
_CALLS_PER_SPAN = 4
_DAY_NS = 86_400_000_000_000
_GAP_NS = _DAY_NS // SPANS_PER_DAY
_STEP = 500_000
_PLATFORM: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("platform.yaml").read_text(encoding="utf-8"))
_RESOURCE = """map('service.name', 'cryptouniverse-backend', 'deployment.environment.name', 'production',
    'service.instance.id', 'backend-1')"""

_CALLS = f"""
SELECT fromUnixTimestamp64Nano(toInt64({{newest:Int64}} - number * {_GAP_NS}), 'UTC') AS Timestamp,
    lower(hex(sipHash128(intDiv(number, 4)))) AS TraceId, lower(hex(cityHash64(number))) AS SpanId,
    if(number % 4 = 0, '', lower(hex(cityHash64(intDiv(number, 4), 'root')))) AS ParentSpanId,
    1 + cityHash64(number, 1) % 3 AS nth,
    ['openai', 'anthropic', 'gcp.gemini'][nth] AS provider,
    ['gpt-4o', 'claude-3-5-sonnet-latest', 'gemini-1.5-pro'][nth] AS model,
    {{edges:Array(Tuple(String, String))}}[1 + cityHash64(intDiv(number, 4), 2) % {{edge_count:UInt32}}] AS edge,
    'chat ' || model AS SpanName, 'Client' AS SpanKind, 'cryptouniverse-backend' AS ServiceName,
    {_RESOURCE} AS ResourceAttributes,
    toUInt64(2e8 + cityHash64(number, 3) % 2000000000) AS Duration,
    mapConcat(map('observatory.service', edge.2, 'observatory.feature', 'chat',
        'user.id', 'u-' || toString(cityHash64(intDiv(number, 4), 4) % 2000), 'gen_ai.operation.name', 'chat',
        'gen_ai.provider.name', provider, 'gen_ai.request.model', model, 'gen_ai.response.model', model,
        'gen_ai.conversation.id', 'cv-' || toString(intDiv(number, 880)) || '-' || toString(intDiv(number, 4) % 4),
        'gen_ai.response.id', 'chatcmpl-' || lower(hex(cityHash64(number, 5))),
        'gen_ai.response.finish_reasons', '["stop"]', 'gen_ai.response.time_to_first_chunk', '0.3',
        'gen_ai.usage.input_tokens', toString(200 + cityHash64(number, 6) % 5800),
        'gen_ai.usage.output_tokens', toString(20 + cityHash64(number, 7) % 1180)),
        if(number % 4 = 0, map('observatory.caller', edge.1), map())) AS SpanAttributes,
    if(cityHash64(number, 8) % 100 = 0, 'Error', 'Unset') AS StatusCode,
    emptyArrayString()::Array(LowCardinality(String)) AS `Events.Name`,
    []::Array(Map(LowCardinality(String), String)) AS `Events.Attributes`
FROM numbers({{first:UInt64}}, {{count:UInt64}})
"""
_COLUMNS = (
    "Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, Duration, "
    "SpanAttributes, StatusCode, `Events.Name`, `Events.Attributes`, Environment, Service, Caller, Feature, UserId, "
    "UserCohort, Outcome, Failed, Entry, EndTimestamp, Weight"
)
_SPAN_COLUMNS = """'production' AS Environment, SpanAttributes['observatory.service'] AS Service,
    SpanAttributes['observatory.caller'] AS Caller, SpanAttributes['observatory.feature'] AS Feature,
    SpanAttributes['user.id'] AS UserId, '' AS UserCohort, '' AS Outcome, StatusCode = 'Error' AS Failed,
    Caller != '' AS Entry, Timestamp + toIntervalNanosecond(Duration) AS EndTimestamp, 1 AS Weight"""
_LOG_COLUMNS = (
    "Timestamp, TraceId, ServiceName, ResourceAttributes, LogAttributes, EventName, Environment, Service, UserId"
)
_POINT_COLUMNS = (
    "TimeUnix, StartTimeUnix, ServiceName, MetricName, Kind, ResourceAttributes, Attributes, Value, Count, Sum, "
    "Buckets, Bounds, Monotonic, Temporality, Environment, Service, Instance"
)
_VENUES = ("binance", "kraken", "kucoin", "coinbase", "bybit", "okx")
_SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT", "LINK", "LTC")
# Seconds back from now, and seconds between two points of a series.
_DENSITIES = ((0, 7_200, 5), (7_200, 93_600, 15), (93_600, None, 300))
_HISTORIES = ((10, 21_600), (60, 7 * 86_400), (3_600, None))


@dataclass(frozen=True, slots=True)
class Fill:
    """One filling: how many model calls, up to when, and through which client."""

    client: Client
    spans: int
    newest: int

    @property
    def seconds(self) -> int:
        """Length of the time that is filled."""
        return self.spans * 86_400 // SPANS_PER_DAY

    def insert(self, table: str, columns: str, select: str, **bound: object) -> None:
        """One INSERT, with a token of its own so that no block is taken for one already there."""
        self.client.command(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM ({select})",
            parameters={"newest": self.newest, **bound},
            settings={
                "insert_deduplication_token": f"fill-{time.monotonic_ns()}",
                "max_partitions_per_insert_block": 0,
            },
        )


def main() -> None:
    """Fill and say how fast."""
    folder, spans = Path(sys.argv[1]), int(sys.argv[2])
    chosen = settings.load(data_dir=folder, retain_raw_days=60, retain_facts_days=90)
    store = open_store(plan(chosen), Selfwatch())
    client = get_client(dsn=chosen.dsn, database=DATABASE)
    fill = Fill(client, spans, time.time_ns())
    started = time.monotonic()
    for done in _spans(fill):
        rate = done / (time.monotonic() - started)
        print(f"\r  {done:,} of {spans:,} model calls with what goes with them, {rate:,.0f}/s", end="", flush=True)
    print()
    _points(fill)
    _history(fill)
    client.close()
    store.close()
    (folder / "filled").write_text(json.dumps({"spans": spans, "newest": fill.newest}), encoding="ascii")


def _spans(fill: Fill) -> Iterator[int]:
    edges = [(service.id, callee) for service in catalogue.load().services for callee in service.dependencies]
    spans, of_cycle = _branches(_PLATFORM["spans"])
    logs, logs_of_cycle = _branches(_PLATFORM["logs"])
    # A turn of spans and one of logs take the same time, so that ids meet.
    log_gap_ns = _GAP_NS * _CALLS_PER_SPAN * of_cycle // logs_of_cycle
    for first in range(0, fill.spans, _STEP):
        count = min(_STEP, fill.spans - first)
        calls = f"SELECT *, {_SPAN_COLUMNS} FROM ({_CALLS})"
        fill.insert("spans_flat", _COLUMNS, calls, edges=edges, edge_count=len(edges), first=first, count=count)
        parts = (first // _CALLS_PER_SPAN, count // _CALLS_PER_SPAN)
        fill.insert("spans_flat", _COLUMNS, spans, first=parts[0], count=parts[1])
        of_logs = [part * _GAP_NS * _CALLS_PER_SPAN // log_gap_ns for part in (parts[0], sum(parts))]
        fill.insert("logs_flat", _LOG_COLUMNS, logs, first=of_logs[0], count=of_logs[1] - of_logs[0])
        yield first + count


def _branches(kinds: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The SELECT of the rows of all kinds, spans or logs, and how many rows a cycle has."""
    starts = [sum(int(each["of"]) for each in kinds[:place]) for place in range(len(kinds) + 1)]
    of_cycle, is_spans = starts[-1], kinds is _PLATFORM["spans"]
    gap_ns = _GAP_NS * _CALLS_PER_SPAN
    if not is_spans:
        of_spans = sum(int(each["of"]) for each in _PLATFORM["spans"])
        gap_ns = gap_ns * of_spans // of_cycle
    names = _choose(
        _sql(each["name"]) if "(" in each["name"] or "[" in each["name"] else f"'{each['name']}'" for each in kinds
    )
    attributes = _choose(_map(_common(each) | each["attributes"]) for each in kinds)
    # What comes later names a turn that is over.
    base = f"""SELECT number, number % {of_cycle} AS slot, intDiv(number, {of_cycle}) + {int(not is_spans)} AS cycle,
        arrayLastIndex(start -> start <= slot, {starts[:-1]}) AS kind, slot - {starts[:-1]}[kind] AS j,
        toInt64({{newest:Int64}} - number * {gap_ns}) AS at FROM numbers({{first:UInt64}}, {{count:UInt64}})"""
    common = f"""fromUnixTimestamp64Nano(at, 'UTC') AS Timestamp, lower(hex(sipHash128(cycle, 'turn'))) AS TraceId,
        'cryptouniverse-backend' AS ServiceName, {_RESOURCE} AS ResourceAttributes"""
    if is_spans:
        select = f"""SELECT *, {_SPAN_COLUMNS} FROM (SELECT {common}, lower(hex(cityHash64(number, 'span'))) AS SpanId,
            '' AS ParentSpanId, {names} AS SpanName, 'Internal' AS SpanKind, {attributes} AS SpanAttributes,
            toUInt64(1e6 + cityHash64(number, 11) % 200000000) AS Duration,
            if(cityHash64(number, 12) % 100 = 0, 'Error', 'Unset') AS StatusCode, {_events(kinds)} FROM ({base}))"""
        return select, of_cycle
    rare = " AND ".join(
        f"(kind != {n} OR cycle % {each['every']} = 0)" for n, each in enumerate(kinds, 1) if "every" in each
    )
    return (
        f"""SELECT *, 'production' AS Environment, LogAttributes['observatory.service'] AS Service,
        LogAttributes['user.id'] AS UserId
        FROM (SELECT {common}, {names} AS EventName, {attributes} AS LogAttributes FROM ({base}) WHERE {rare})""",
        of_cycle,
    )


def _name(text: str) -> str:
    return _sql(text) if "(" in text or "[" in text else f"'{text}'"


def _common(kind: Mapping[str, Any]) -> dict[str, str]:
    user = kind.get("user", "$user")
    return {
        "observatory.service": f"'{kind['service']}'",
        "observatory.caller": "'unified_ai_manager'",
        "observatory.feature": "'autotrade'",
        "user.id": user,
    }


def _events(kinds: Sequence[Mapping[str, Any]]) -> str:
    told = [(f"'{each['event']}'", _map(each["told"])) if "event" in each else ("''", "map('', '')") for each in kinds]
    name, attributes = _choose(name for name, _ in told), _choose(each for _, each in told)
    return f"""arrayFilter(each -> each != '', [{name}])::Array(LowCardinality(String)) AS `Events.Name`,
        if(empty(`Events.Name`), [], [{attributes}])::Array(Map(LowCardinality(String), String))
            AS `Events.Attributes`"""


def _choose(branches: Iterator[str]) -> str:
    listed = list(branches)
    cases = ", ".join(f"kind = {number}, {branch}" for number, branch in enumerate(listed[:-1], 1))
    return f"multiIf({cases}, {listed[-1]})"


def _map(attributes: Mapping[str, str]) -> str:
    pairs = ", ".join(f"'{name}', toString({_sql(value)})" for name, value in attributes.items())
    return f"map({pairs})"


def _sql(text: str) -> str:
    return Template(text).substitute(_PLATFORM["words"])


def _points(fill: Fill) -> None:
    lists = _series()
    for since_s, until_s, every_s in _DENSITIES:
        times = (min(until_s or fill.seconds, fill.seconds) - since_s) // every_s
        for each in _PLATFORM["points"]:
            rows = lists[each["of"]]
            if times > 0:
                select = _point_select(each, since_s, every_s, len(rows))
                fill.insert(
                    "points_flat",
                    _POINT_COLUMNS,
                    select,
                    series=[(service, list(told.items())) for service, told in rows],
                    count=times * len(rows),
                )
                print(f"\r  {each['metric']}, each {every_s} s{' ' * 40}", end="", flush=True)
    print()


def _series() -> dict[str, list[tuple[str, dict[str, str]]]]:
    """By what metrics are of: service and attributes of each series."""
    feed = "websocket_market_data"
    venues = [(feed, {"exchange.id": venue, "market_data.channel": "trades"}) for venue in _VENUES]
    return {
        "venues": venues,
        "feeds": [(feed, each | {"market_data.symbol": f"{symbol}/USDT"}) for _, each in venues for symbol in _SYMBOLS],
        "services": [(service.id, {}) for service in catalogue.load().services],
        "queues": [("background_service_manager", {"queue.name": name}) for name in ("mail", "orders", "reports")],
        "pools": [
            ("state_coordinator", {"db.client.connection.pool.name": name, "db.client.connection.state": "used"})
            for name in ("orders", "users")
        ],
        "hosts": [("resource_monitor", {})],
        "plans": [
            ("signal_channel_service", {"signal.subscription.channel": channel, "signal.subscription.plan": "pro"})
            for channel in ("telegram", "email", "websocket")
        ],
    }


def _point_select(point: Mapping[str, str], since_s: int, every_s: int, series_count: int) -> str:
    value, is_histogram = _sql(point["value"]), point["kind"] == "histogram"
    counted = "toUInt64(told * 4)" if is_histogram else "toUInt64(0)"
    buckets = (
        "arrayMap(share -> toUInt64(Counted * share), [0, 0.2, 0.3, 0.3, 0.1, 0.06, 0.03, 0.01, 0])"
        if is_histogram
        else "[]"
    )
    bounds = "[0, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]" if is_histogram else "[]"
    return f"""SELECT fromUnixTimestamp64Nano(at, 'UTC') AS TimeUnix,
        fromUnixTimestamp64Nano({{newest:Int64}} - 40 * {_DAY_NS}, 'UTC') AS StartTimeUnix,
        'cryptouniverse-backend' AS ServiceName, '{point["metric"]}' AS MetricName, '{point["kind"]}' AS Kind,
        {_RESOURCE} AS ResourceAttributes, one.2::Map(LowCardinality(String), String) AS Attributes,
        {"NULL" if is_histogram else f"toFloat64({value})"} AS Value, {counted} AS Counted, Counted AS Count,
        {f"toFloat64({value})" if is_histogram else "NULL"} AS Sum,
        {buckets}::Array(UInt64) AS Buckets, {bounds}::Array(Float64) AS Bounds,
        {int(point["kind"] != "gauge")} AS Monotonic, {2 * int(point["kind"] != "gauge")} AS Temporality,
        'production' AS Environment, one.1 AS Service, 'backend-1' AS Instance
    FROM (SELECT number, number AS cycle, 0 AS j,
        {{series:Array(Tuple(String, Array(Tuple(String, String))))}}[1 + number % {series_count}] AS one,
        toInt64({{newest:Int64}} - ({since_s} + intDiv(number, {series_count}) * {every_s}) * 1000000000) AS at,
        (at - ({{newest:Int64}} - 40 * {_DAY_NS})) / 1e9 AS told FROM numbers({{count:UInt64}}))"""


def _history(fill: Fill) -> None:
    columns = (
        "Resolution, Timestamp, Environment, Indicator, Member, Last, Least, Greatest, Mean, Known, Points, Samples, "
        "WindowS, Estimated"
    )
    names = [(each.id, "") for each in series.indicators().values() if not each.group_by]
    names += [("services.p95", service.id) for service in catalogue.load().services]
    for resolution, most_s in _HISTORIES:
        steps = min(most_s or fill.seconds, fill.seconds) // resolution
        newest = f"intDiv({{newest:Int64}}, {resolution}000000000)"
        select = f"""SELECT {resolution} AS Resolution, 'production' AS Environment,
            {{names:Array(Tuple(String, String))}}[1 + number % {len(names)}] AS name, name.1 AS Indicator,
            name.2 AS Member, (cityHash64(number) % 1000) / 10 AS Last, Last - 1 AS Least, Last + 1 AS Greatest,
            toDateTime(({newest} - intDiv(number, {len(names)})) * {resolution}, 'UTC') AS Timestamp,
            Last AS Mean, {max(1, resolution // 5)} AS Known, Known AS Points, 100 AS Samples, 300 AS WindowS,
            0 AS Estimated FROM numbers({{count:UInt64}})"""
        fill.insert("indicator_history", columns, select, names=names, count=steps * len(names))


if __name__ == "__main__":
    main()
