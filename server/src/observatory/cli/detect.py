"""`observatory detect`: anomalies of a series in a file, and the alerts they make by persistence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from observatory.analytics.anomaly import ALARM, FALSE_ALARMS, SEASONS_S, Detector, Persistence
from observatory.cli.points import Point, Points, opened
from observatory.errors import InvalidRequest

# Anomalies and alerts that are printed; all of them are counted.
MOST_SHOWN = 10_000
ALERTED = 3
_SEASONS = {"auto": SEASONS_S, "none": None, "hour": 3_600.0, "day": 86_400.0, "week": 604_800.0}
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PERSISTENCE = re.compile(r"(\d{1,2})/(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A point that scored above the bound."""

    time_s: float
    value: float
    score: float


@dataclass(slots=True)
class Alert:
    """An alert by persistence: from the point that raised it to the first after it; None while it fires."""

    since_s: float
    until_s: float | None = None


@dataclass(slots=True)
class Found:
    """What came of a series; lists end at a bound, counts do not."""

    anomalies: list[Anomaly] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    anomalies_total: int = 0
    alerts_total: int = 0

    def take(self, point: Point, score: float) -> None:
        """One point above the bound."""
        self.anomalies_total += 1
        if len(self.anomalies) < MOST_SHOWN and point.value is not None:
            self.anomalies.append(Anomaly(point.time_s, point.value, score))

    def turn(self, firing: bool, time_s: float) -> None:
        """The alert began or ended."""
        if firing:
            self.alerts_total += 1
            if len(self.alerts) < MOST_SHOWN:
                self.alerts.append(Alert(time_s))
        elif self.alerts and len(self.alerts) == self.alerts_total:
            self.alerts[-1].until_s = time_s


def command(
    file: Annotated[str, typer.Argument(help="CSV with the header timestamp,value; or JSON; - for standard input.")],
    season: Annotated[
        str, typer.Option(help="After what it repeats: auto (a day or a week), none, hour, day, week, or as 6h.")
    ] = "auto",
    rate: Annotated[float, typer.Option(help="Share of usual points that may score above the bound.")] = FALSE_ALARMS,
    persistence: Annotated[str, typer.Option(help="So many unusual ones of the last points make an alert.")] = "3/5",
    time: Annotated[str, typer.Option(help="Name of the column with timestamps.")] = "timestamp",
    value: Annotated[str, typer.Option(help="Name of the column with values.")] = "value",
    check: Annotated[bool, typer.Option("--check", help=f"End with status {ALERTED} when there is an alert.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find what is unusual in a series. Timestamps are epoch seconds or RFC 3339; no server is needed.

    Status 0: it was read, whatever was found. 1: it cannot be read, or has no row that can be used. 2: a wrong option.
    3: with --check, there is an alert. Rows that cannot be used are counted, and the first named on standard error.
    """
    detector, alert = _detector(season, rate), _alert(persistence)
    with opened(file, time, value) as points:
        found = scan(points, detector, alert)
    if not points.read:
        raise InvalidRequest(f"no row of {file} can be used{_why(points)}")
    if as_json:
        typer.echo(json.dumps(values(found, points), indent=2))
    else:
        for line in lines(found, points):
            typer.echo(line)
        for bad in points.named:
            typer.echo(f"line {bad.line}: {bad.why}", err=True)
    if check and found.alerts_total:
        raise typer.Exit(ALERTED)


def scan(points: Points, detector: Detector, alert: Persistence) -> Found:
    """Score each point in turn, in constant memory but for what is found."""
    found = Found()
    for point in points:
        score = detector.update(point.time_s, point.value)
        if score > ALARM:
            found.take(point, score)
        was = alert.firing
        if point.value is not None and alert.update(score) != was:
            found.turn(alert.firing, point.time_s)
    return found


def values(found: Found, points: Points) -> Mapping[str, Any]:
    """What was found, as JSON has it; times in RFC 3339."""
    return {
        "points": points.read,
        "missing": points.missing,
        "bad_rows": points.bad,
        "bad_rows_named": [{"line": each.line, "why": each.why} for each in points.named],
        "anomalies_total": found.anomalies_total,
        "anomalies": [
            {"timestamp": _text(each.time_s), "value": each.value, "score": round(each.score, 6)}
            for each in found.anomalies
        ],
        "alerts_total": found.alerts_total,
        "alerts": [
            {"since": _text(each.since_s), "until": None if each.until_s is None else _text(each.until_s)}
            for each in found.alerts
        ],
    }


def lines(found: Found, points: Points) -> Iterator[str]:
    """What was found, in words."""
    if found.anomalies:
        yield f"{'time':<24}  {'value':>14}  score"
    for each in found.anomalies:
        yield f"{_text(each.time_s):<24}  {each.value:>14.6g}  {each.score:.4f}"
    yield from _more(found.anomalies_total, found.anomalies)
    for alert in found.alerts:
        yield f"alert from {_text(alert.since_s)} " + (
            "and still" if alert.until_s is None else f"to {_text(alert.until_s)}"
        )
    yield from _more(found.alerts_total, found.alerts)
    yield (
        f"{points.read:,} points, {points.missing:,} without a value, {points.bad:,} bad rows; "
        f"{found.anomalies_total:,} anomalies, {found.alerts_total:,} alerts"
    )


def _more(total: int, shown: Sequence[object]) -> Iterator[str]:
    if total > len(shown):
        yield f"... and {total - len(shown):,} more"


def _why(points: Points) -> str:
    return f": line {points.named[0].line}: {points.named[0].why}" if points.named else ""


def _detector(season: str, rate: float) -> Detector:
    length = _LENGTH.fullmatch(season)
    if season not in _SEASONS and (length is None or float(length[1]) == 0):
        raise typer.BadParameter(f"{season!r} is none of {', '.join(_SEASONS)}, nor as 6h", param_hint="--season")
    season_s = float(length[1]) * _SECONDS[length[2]] if length else _SEASONS[season]
    if not 0 < rate <= 0.1:
        raise typer.BadParameter(f"{rate} is not above 0 and at most 0.1", param_hint="--rate")
    return Detector(season_s, rate)


def _alert(persistence: str) -> Persistence:
    parts = _PERSISTENCE.fullmatch(persistence)
    if parts is None or not 1 <= int(parts[1]) <= int(parts[2]):
        raise typer.BadParameter(f"{persistence!r} is not as 3/5", param_hint="--persistence")
    return Persistence(int(parts[1]), int(parts[2]))


def _text(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
