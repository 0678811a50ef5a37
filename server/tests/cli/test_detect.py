"""Anomalies of a file, through the command line: what is found, what is refused, and the statuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from observatory.cli.commands import app
from observatory.cli.detect import ALERTED
from observatory.errors import InvalidRequest

BEGIN_S = 1_767_571_200
RUNNER = CliRunner()


def _run(*arguments: str, given: str | None = None) -> Result:
    return RUNNER.invoke(app, ["detect", *arguments], input=given)


def _series(count: int = 600, fault: bool = True) -> list[tuple[int, float]]:
    """Ten hours of minutes around 100, and eight of them at 200."""
    values = np.random.default_rng(1).normal(100, 5, count)
    if fault:
        values[500:508] = 200.0
    return [(BEGIN_S + 60 * place, round(float(value), 3)) for place, value in enumerate(values)]


def _csv(rows: Sequence[tuple[Any, Any]], header: str = "timestamp,value") -> str:
    return "\n".join([header, *(f"{time},{value}" for time, value in rows)]) + "\n"


def _rfc(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")


def _told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A series with a fault, as CSV."""
    path = tmp_path / "series.csv"
    path.write_text(_csv(_series()))
    return path


def test_a_jump_is_told_with_its_time_and_value_and_raises_an_alert(file: Path) -> None:
    told = _told(_run(str(file), "--json"))
    assert (told["points"], told["bad_rows"]) == (600, 0)
    first = told["anomalies"][0]
    assert (first["timestamp"], first["value"]) == ("2026-01-05T08:20:00.000Z", 200.0)
    assert 0.99 < first["score"] <= 1
    (alert,) = told["alerts"]
    assert "2026-01-05T08:22" <= alert["since"] < alert["until"] < "2026-01-05T08:50"


def test_the_same_is_said_in_words(file: Path) -> None:
    result = _run(str(file))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["time", "value", "score"]
    assert lines[1].split()[:2] == ["2026-01-05T08:20:00.000Z", "200"]
    assert any(line.startswith("alert from 2026-01-05T08:2") for line in lines)
    assert lines[-1].startswith("600 points, 0 without a value, 0 bad rows; ")


def test_each_form_says_the_same(file: Path, tmp_path: Path) -> None:
    rows = _series()
    objects = [{"timestamp": time, "value": value} for time, value in rows]
    forms = {
        "rfc.csv": _csv([(_rfc(time), value) for time, value in rows]),
        "other columns.csv": _csv(
            [(f"web-1,{time}", f"{value},ms") for time, value in rows], "host,timestamp,value,unit"
        ),
        "windows.csv": "\ufeff" + _csv(rows).replace("\n", "\r\n"),
        "array.json": json.dumps(objects, indent=1),
        "pairs.json": json.dumps(rows),
        "lines.json": "\n".join(map(json.dumps, objects)),
    }
    expected = _told(_run(str(file), "--json"))
    for name, text in forms.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        assert _told(_run(str(path), "--json")) == expected, name
    assert _told(_run("-", "--json", given=_csv(rows))) == expected, "standard input"
    named = _csv(rows, "Zeit,Wert")
    assert _told(_run("-", "--json", "--time", "Zeit", "--value", "Wert", given=named)) == expected


def test_bad_rows_are_counted_and_named_and_the_others_are_used(tmp_path: Path) -> None:
    rows: list[tuple[Any, Any]] = list(_series())
    rows[10] = ("yesterday", 1)
    rows[20] = (rows[20][0], "much")
    rows[30] = (rows[25][0], 1)
    rows[40] = (rows[40][0] * 1_000, 1)
    rows[50] = (rows[50][0], "")
    path = tmp_path / "series.csv"
    path.write_text(_csv(rows) + "1767700000\n")
    told = _told(_run(str(path), "--json"))
    assert (told["points"], told["missing"], told["bad_rows"]) == (596, 1, 5)
    assert [each["line"] for each in told["bad_rows_named"]] == [12, 22, 32, 42, 602]
    whys = [each["why"] for each in told["bad_rows_named"]]
    parts = ("neither epoch seconds nor RFC 3339", "no number", "not after", "milliseconds", "1 columns")
    assert all(part in why for part, why in zip(parts, whys, strict=True)), whys
    words = _run(str(path))
    assert words.stderr.splitlines()[0].startswith("line 12: timestamp 'yesterday'")
    assert len(words.stderr.splitlines()) == 5


def test_many_bad_rows_are_all_counted_and_the_first_are_named() -> None:
    given = _csv([*[("never", 1)] * 500, *_series()])
    told = _told(_run("-", "--json", given=given))
    assert (told["bad_rows"], len(told["bad_rows_named"])) == (500, 20)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "empty"),
        ("time;value\n1;2\n", "no column 'timestamp'"),
        ("timestamp,value\n", "no row"),
        ("timestamp,value\nnever,1\n", "line 2"),
        ("[1, 2", "no JSON"),
        ('{"when": 1}', "'timestamp'"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_cannot_be_read_ends_with_the_reason(given: str, why: str) -> None:
    result = _run("-", given=given)
    assert result.exit_code == 1
    assert isinstance(result.exception, InvalidRequest)
    assert why in str(result.exception)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = _run(str(tmp_path / "none.csv"))
    assert result.exit_code == 1
    assert "none.csv: No such file" in str(result.exception)


@pytest.mark.parametrize(
    "wrong", [("--season", "fortnight"), ("--season", "0h"), ("--rate", "0"), ("--rate", "2"), ("--persistence", "5/3")]
)
def test_a_wrong_option_has_status_2(file: Path, wrong: tuple[str, str]) -> None:
    result = _run(str(file), *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.stderr


def test_an_alert_has_its_own_status_where_it_is_asked_for(file: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm.csv"
    calm.write_text(_csv(_series(fault=False)))
    assert _run(str(file), "--check").exit_code == ALERTED == 3
    assert _run(str(calm), "--check").exit_code == 0


def test_a_season_of_six_hours_is_told_from_a_departure_from_it() -> None:
    places = np.arange(2_000)
    values = 50 + 30 * np.sin(2 * np.pi * places / 360) + np.random.default_rng(2).normal(size=2_000)
    values[1_530:1_545] = 20  # at the top, as low as at the bottom
    rows = [(BEGIN_S + 60 * place, float(value)) for place, value in enumerate(values)]
    told = _told(_run("-", "--json", "--season", "6h", given=_csv(rows)))
    found = [each["timestamp"][:16] for each in told["anomalies"]]
    assert "2026-01-06T01:30" in found
    assert sum(each < "2026-01-06T01:30" for each in found) <= 2
