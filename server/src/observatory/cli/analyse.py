"""`observatory analyse …` and `observatory rank`: the analytics on files, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any

import typer

from observatory.cli import rows
from observatory.errors import InvalidRequest

File = Annotated[str, typer.Argument(help="CSV with a header, JSON, or JSON lines; - for standard input.")]
Lines = Annotated[str, typer.Argument(help="A log, one record a line; - for standard input.")]
Document = Annotated[str, typer.Argument(help="A JSON document; - for standard input.")]
Value = Annotated[str, typer.Option(help="Name of the column, or of the member, with values.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    help="Judge files without a server. Status 0: read, whatever was found; 1: it cannot be read; 2: a wrong option.",
    no_args_is_help=True,
)


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line)


@app.command("change")
def change(file: File, value: Value = "value", as_json: AsJson = False) -> None:
    """Find where a series took another level. Positions count from 0."""
    from observatory.analytics.change import points

    values = rows.series(file, value)
    found = points(values)
    if as_json:
        typer.echo(rows.dumped({"values": len(values), "points": found}))
        return
    bounds = [0, *found, len(values)]
    stretches = [(begin, end, values[begin:end]) for begin, end in pairwise(bounds)]
    levels = [(begin, end - begin, _median(part)) for begin, end, part in stretches]
    _print(rows.table(("from", "values", "median"), levels))


def _median(values: list[float | None]) -> float | None:
    from statistics import median

    known = [each for each in values if each is not None]
    return median(known) if known else None


@app.command("forecast")
def forecast(
    file: File,
    season: Annotated[int | None, typer.Option(min=1, help="Values after which the series repeats.")] = None,
    horizon: Annotated[int, typer.Option(min=1, max=10_000, help="How many steps to go on.")] = 24,
    level: Annotated[list[float] | None, typer.Option(help="Share of the future a band holds; repeat it.")] = None,
    value: Value = "value",
    as_json: AsJson = False,
) -> None:
    """Go on with a series, with bands."""
    from observatory.analytics.forecast import LEVELS
    from observatory.analytics.forecast import forecast as go_on

    levels = tuple(level or LEVELS)
    if not all(0 < each < 1 for each in levels):
        raise typer.BadParameter("a level is above 0 and below 1", param_hint="--level")
    found = go_on(rows.series(file, value), season, horizon, levels)
    if as_json:
        typer.echo(rows.dumped(asdict(found)))
        return
    bands = [found.bands[each] for each in levels if each in found.bands]
    head = [
        "step",
        "mean",
        *(name for each in levels if each in found.bands for name in (f"low {each:g}", f"high {each:g}")),
    ]
    body = [
        [step + 1, mean, *(end[step] for band in bands for end in (band.low, band.high))]
        for step, mean in enumerate(found.mean)
    ]
    _print(rows.table(head, body))
    enough = "" if found.enough else ", which are too few to test it on"
    typer.echo(f"{found.method}, from {found.samples:,} values{enough}")


@app.command("patterns")
def patterns(
    file: Lines,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most groups that are kept.")] = 2_000,
    top: Annotated[int, typer.Option(min=1, max=100_000, help="Most groups that are printed.")] = 100,
    each_line: Annotated[bool, typer.Option("--each-line", help="Print the group of each line instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Group the lines of a log that say the same."""
    from observatory.analytics.patterns import Grouper

    grouper, read = Grouper(limit), 0
    for line in rows.lines(file):
        if line.strip():
            group = grouper.add(line)
            read += 1
            if each_line:
                typer.echo(group)
    if not read:
        raise InvalidRequest(f"{file} has no line")
    if each_line:
        return
    groups = list(grouper)[:top]
    if as_json:
        told = [{"group": each.id, "lines": each.lines, "template": each.template} for each in groups]
        typer.echo(rows.dumped({"lines": read, "groups_total": len(grouper), "groups": told}))
        return
    _print(rows.table(("group", "lines", "template"), [(each.id, each.lines, each.template) for each in groups]))
    typer.echo(f"{read:,} lines in {len(grouper):,} groups")


@app.command("price")
def price(
    file: Document,
    provider: Annotated[str, typer.Option(help="OpenTelemetry's name; found by the model where it is left out.")] = "",
    model: Annotated[str, typer.Option(help="The model that answered, where the call does not say.")] = "",
    at: Annotated[str, typer.Option(help="When, RFC 3339, where the call does not say; else now.")] = "",
    as_json: AsJson = False,
) -> None:
    """Price calls of models: objects with `provider`, `model`, `at` and `usage`, or as providers answer."""
    from observatory.clock import Clock
    from observatory.costs import price as listed

    priced = []
    for place, row in enumerate(rows.read(file), start=1):
        if not isinstance(row, Mapping):
            raise InvalidRequest(f"call {place} is no object")
        usage = row.get("usage") or row.get("usageMetadata") or _counts(row)
        moment = str(row.get("at") or at or Clock().now().isoformat())
        names = (str(row.get("provider") or provider), str(row.get("model") or row.get("modelVersion") or model))
        try:
            priced.append((place, *names, listed(*names, usage, moment)))
        except ValueError:
            raise InvalidRequest(f"call {place}: {moment[:40]!r} is no time") from None
    head = ("call", "provider", "model", "usd")
    if as_json:
        typer.echo(rows.dumped([dict(zip(head, each, strict=True)) for each in priced]))
    else:
        _print(rows.table(head, priced))


def _counts(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of CSV has its counts as texts."""
    return {
        name: int(value) if isinstance(value, str) and value.strip().isdigit() else value
        for name, value in row.items()
        if value != "" and isinstance(name, str)
    }


@app.command("call")
def call(file: Document, as_json: AsJson = False) -> None:
    """Read a call of a model: an object with `provider`, `path`, `request`, `status`, `headers` and `response`."""
    from observatory_sdk.genai import read

    found = rows.document(file)
    if not isinstance(found, Mapping) or "response" not in found:
        raise InvalidRequest("a call is an object with `response`, and `path`, `provider`, `request` where known")
    names = ("provider", "path", "request", "status", "headers", "response")
    known = read(*(found.get(name) for name in names))  # type: ignore[arg-type]
    told = {name: value for name, value in asdict(known).items() if value not in (None, ())}
    if as_json:
        typer.echo(rows.dumped(told))
    else:
        _print(rows.table(("what", "value"), [(name, _joined(value)) for name, value in told.items()]))


def _joined(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


@app.command("candles")
def candles(
    file: File,
    step: Annotated[str, typer.Option(help="Length of a candle: seconds, or as 1m.")],
    as_json: AsJson = False,
) -> None:
    """Judge candles: what is missing and whether it was lost, and what is wrong with those that are there."""
    from observatory.areas.market_data import judge

    read = rows.read(file)
    try:
        missing, faults = judge.candles(read, step), judge.faults(read, step)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    if as_json:
        typer.echo(
            rows.dumped({"rows": len(read), "missing": [*map(asdict, missing)], "faults": [*map(asdict, faults)]})
        )
        return
    told = [
        (each.exchange, each.symbol, _text(each.start), each.candles, each.verdict, each.reason) for each in missing
    ]
    _print(rows.table(("exchange", "symbol", "missing from", "candles", "verdict", "why"), told))
    typer.echo()
    _print(_faults(faults))


@app.command("feed")
def feed(file: File, as_json: AsJson = False) -> None:
    """Judge recorded frames of feeds, in the order in which they were received."""
    from observatory.areas.market_data import judge

    found = judge.feed(rows.read(file))
    if not found:
        raise InvalidRequest(f"{file}: no frame has the time of its receipt")
    if as_json:
        typer.echo(rows.dumped([asdict(each) for each in found]))
        return
    head = ("exchange", "symbol", "frames", "missing", "twice", "reordered", "resets", "ahead ms", "p99 ms", "verdict")
    told = [
        (
            *(each.exchange, each.symbol, each.messages, each.missing, each.duplicates, each.reordered, each.resets),
            *(each.clock_ahead_ms, each.latency_ms.get("p99"), each.verdict),
        )
        for each in found
    ]
    _print(rows.table(head, told))
    typer.echo()
    _print(_faults([fault for each in found for fault in each.faults]))


def _faults(faults: list[Any]) -> Iterator[str]:
    told = [(each.position, each.kind, each.exchange, each.symbol, _text(each.time), each.reason) for each in faults]
    yield from rows.table(("row", "fault", "exchange", "symbol", "time", "why"), told)


def _text(at_s: float | None) -> str | None:
    try:
        return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(at_s)


def rank(
    file: Document,
    target: Annotated[str, typer.Option(help="The service in trouble, where the document does not say.")] = "",
    as_json: AsJson = False,
) -> None:
    """Rank who caused it: an object with `metrics`, `times`, `edges`, `target`, and `onset`, `spans`, `logs` if known.

    Status 0: it was read, also without enough evidence for a suspect. 1: it cannot be read. 2: a wrong option.
    """
    from observatory.diagnose import rank as ranked

    found = rows.document(file)
    if not isinstance(found, Mapping):
        raise InvalidRequest("what is ranked is an object with `metrics`, `times`, `edges` and `target`")
    names = {**found, "target": target or found.get("target")}
    absent = [name for name in ("metrics", "times", "target") if not names.get(name)]
    if absent:
        raise InvalidRequest(f"{absent[0]} is missing")
    try:
        edges = [(str(caller), str(callee)) for caller, callee in names.get("edges") or ()]
        more = (names.get(name) for name in ("onset", "spans", "logs"))
        suspects = ranked(names["metrics"], names["times"], edges, names["target"], *more)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"{file}: {error}") from None
    if as_json:
        typer.echo(rows.dumped([asdict(each) for each in suspects]))
        return
    if not suspects:
        typer.echo("not enough evidence")
        return
    told = [
        (place, each.service, each.metric, each.kind, each.score, each.direction, _text(each.onset))
        for place, each in enumerate(suspects, start=1)
    ]
    _print(rows.table(("place", "service", "metric", "kind", "score", "direction", "onset"), told))


standalone = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
standalone.add_typer(app, name="analyse")
standalone.command("rank")(rank)
