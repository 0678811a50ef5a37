"""`observatory analyse` and `observatory rank`: answers about files, and clear words where a file is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from observatory.cli.analyse import standalone
from observatory.errors import InvalidRequest


def asked(*words: str, given: str | None = None) -> Any:
    """What a command prints as JSON."""
    result = CliRunner().invoke(standalone, [*words, "--json"], input=given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def printed(*words: str, given: str | None = None) -> str:
    """What a command prints for people."""
    result = CliRunner().invoke(standalone, words, input=given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


STEPS = [0.0, 0.1] * 10 + [5.0, 5.1] * 10


@pytest.mark.parametrize(
    "given",
    [
        "value\n" + "\n".join(map(str, STEPS)),
        "timestamp,value\n" + "\n".join(f"{place},{each}" for place, each in enumerate(STEPS)),
        "\n".join(map(str, STEPS)),
        json.dumps(STEPS),
        json.dumps([{"timestamp": 1, "value": each} for each in STEPS]),
        json.dumps({"values": STEPS}),
        "\n".join(json.dumps({"at": place, "value": each}) for place, each in enumerate(STEPS)),
        json.dumps([[place, each] for place, each in enumerate(STEPS)]),
    ],
    ids=["column", "columns", "plain", "array", "objects", "wrapped", "lines", "pairs"],
)
def test_a_series_is_read_in_each_of_its_forms(given: str) -> None:
    assert asked("analyse", "change", "-", given=given) == {"values": 40, "points": [20]}


def test_a_change_is_printed_with_levels(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("load\n" + "\n".join(map(str, STEPS)))
    assert printed("analyse", "change", str(file)).splitlines()[1:] == ["0     20      0.05", "20    20      5.05"]


def test_a_forecast_has_its_bands() -> None:
    given = json.dumps([100 + 20 * float(np.sin(each / 24 * 2 * np.pi)) for each in range(120)])
    words = ("analyse", "forecast", "-", "--season", "24", "--horizon", "3", "--level", "0.9")
    found = asked(*words, given=given)
    assert found["mean"][0] == pytest.approx(100, abs=1)
    assert list(found["bands"]) == ["0.9"]
    assert len(printed(*words, given=given).splitlines()) == 5


def test_lines_are_grouped() -> None:
    given = "user root logged in\n\nuser bob logged in\ndisk 7 is full\n"
    found = asked("analyse", "patterns", "-", given=given)
    assert (found["lines"], found["groups_total"]) == (3, 2)
    assert found["groups"][0] == {"group": 1, "lines": 2, "template": "user <*> logged in"}
    assert printed("analyse", "patterns", "-", "--each-line", given=given).split() == ["1", "1", "2"]


def test_calls_are_priced_from_json_and_csv() -> None:
    call = {"provider": "openai", "model": "gpt-4o-mini", "at": "2026-03-01T00:00:00Z"}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    (found,) = asked("analyse", "price", "-", given=json.dumps({**call, "usage": usage}))
    assert float(found["usd"]) == 0.00021
    rows = ("openai,gpt-4o-mini,2026-03-01,1000,100", "openai,none,2026-03-01,1,1")
    table = "\n".join(("provider,model,at,prompt_tokens,completion_tokens", *rows))
    first, second = asked("analyse", "price", "-", given=table)
    assert (float(first["usd"]), second["usd"]) == (0.00021, None)


def test_a_call_of_a_model_is_read() -> None:
    call = {"provider": "anthropic", "path": "/v1/messages", "status": 200}
    response = {"type": "message", "model": "m-1", "stop_reason": "end_turn", "usage": {"input_tokens": 3}}
    found = asked("analyse", "call", "-", given=json.dumps({**call, "response": response}))
    assert (found["response_model"], found["input_tokens"], found["finish_reasons"]) == ("m-1", 3, ["stop"])
    assert "finish_reasons" in printed("analyse", "call", "-", given=json.dumps({**call, "response": response}))


def test_candles_are_judged() -> None:
    rows = [f"{60 * each},10,12,9,11,5" for each in range(20) if each != 7]
    rows[3] = "180,10,8,9,11,5"
    given = "time,open,high,low,close,volume\n" + "\n".join(rows)
    found = asked("analyse", "candles", "-", "--step", "1m", given=given)
    assert [(each["start"], each["candles"]) for each in found["missing"]] == [(420, 1)]
    assert {(each["position"], each["kind"]) for each in found["faults"]} == {(3, "impossible")}
    assert "high 8 below low 9" in printed("analyse", "candles", "-", "--step", "1m", given=given)


def test_feeds_are_judged() -> None:
    frames = [{"exchange": "x", "symbol": "y", "received": 1e9 + each, "seq": each} for each in range(30) if each != 9]
    (found,) = asked("analyse", "feed", "-", given="\n".join(map(json.dumps, frames)))
    assert (found["missing"], found["messages"]) == (1, 29)
    assert printed("analyse", "feed", "-", given=json.dumps(frames)).splitlines()[1].startswith("x")


def test_causes_are_ranked() -> None:
    random = np.random.default_rng(4)
    times = [1_772_323_200 + 60 * each for each in range(120)]
    metrics: dict[str, dict[str, list[float]]] = {}
    for service, jump in (("front", 3.0), ("back", 9.0), ("other", 0.0)):
        series = random.normal(100, 1, 120)
        series[80:] += 10 * jump
        metrics[service] = {"latency_ms": series.tolist()}
    document = {"metrics": metrics, "times": times, "edges": [["front", "back"], ["front", "other"]], "target": "front"}
    found = asked("rank", "-", given=json.dumps(document))
    assert found[0]["service"] == "back"
    assert printed("rank", "-", given=json.dumps(document)).splitlines()[1].split()[1] == "back"
    calm = {**document, "metrics": {name: {"latency_ms": random.normal(9, 1, 120).tolist()} for name in metrics}}
    assert printed("rank", "-", given=json.dumps(calm)) == "not enough evidence\n"


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("change", "-"), "", "is empty"),
        (("change", "-"), "a,b\n1,2\n", "row 1 has no 'value'"),
        (("change", "-"), "value\n1\nmany\n", "row 2: value 'many' is no number"),
        (("change", "-"), '[1,\n2,\n"x"]', "row 3"),
        (("change", "-"), "[1,\n2,\n", "line"),
        (("change", "/nowhere/at/all"), None, "No such file"),
        (("patterns", "-"), "\n\n", "has no line"),
        (("price", "-"), '{"a": 1}\n{"a": \n', "line 2"),
        (("price", "-"), '{"usage": {}, "at": "never"}', "is no time"),
        (("call", "-"), "[]", "a call is an object"),
        (("candles", "-", "--step", "0"), "time\n1\n", "longer than nothing"),
        (("candles", "-", "--step", "soon"), "time\n1\n", "soon"),
        (("feed", "-"), '{"a": 1}', "no frame"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(words: tuple[str, ...], given: str | None, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        CliRunner().invoke(standalone, ["analyse", *words], input=given, catch_exceptions=False)


@pytest.mark.parametrize("given", ["[]", "{}", '{"metrics": 5, "times": [1], "target": "a"}', "{"])
def test_what_cannot_be_ranked_is_told(given: str) -> None:
    with pytest.raises(InvalidRequest):
        CliRunner().invoke(standalone, ["rank", "-"], input=given, catch_exceptions=False)


@pytest.mark.parametrize(
    "words", [("forecast", "-", "--level", "2"), ("forecast", "-", "--horizon", "0"), ("candles", "-")]
)
def test_a_wrong_option_ends_with_2(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(standalone, ["analyse", *words], input="1\n").exit_code == 2
