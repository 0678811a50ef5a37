"""Log records, found and grouped, at the real server."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from explore_world import World


def bodies(found: Any) -> list[str]:
    return [each["body"] for each in found["items"]]


def test_records_are_found_by_words_and_fields(world: World) -> None:
    trace = secrets.token_hex(16)
    world.log("Order o-1 was refused by Kraken: rate limit", severity=17, trace=trace, service="trade", user__id="u-1")
    world.log("order o-2 was filled", service="trade", exchange__id="kraken")
    world.logs([("Rückfrage: naïve ÄÖÜ 100%_done", 20.0)], severity=0, text="WARNING", service="chat")
    for query, count in (
        ({"text": "order"}, 2),
        ({"text": "ORDER refused"}, 1),
        ({"text": '"rate limit"'}, 1),
        ({"text": '"limit rate"'}, 0),
        ({"text": "order -filled"}, 1),
        ({"text": "äöü"}, 1),
        ({"text": "%_"}, 1),
        ({"service": "trade"}, 2),
        ({"severity": "error"}, 1),
        ({"severity": "warn"}, 2),
        ({"severity": "info"}, 3),
        ({"trace": trace}, 1),
        ({"user": "u-1"}, 1),
        ({"attribute": "exchange.id=kraken"}, 1),
        ({"attribute": "exchange.id"}, 1),
        ({"attribute": "exchange.id=binance"}, 0),
        ({"window": "10s"}, 0),
    ):
        assert len(world.get("logs", **query)["items"]) == count, query
    item = world.get("logs", trace=trace)["items"][0]
    assert (item["severity"], item["service"], item["user_id"], item["trace_id"]) == ("error", "trade", "u-1", trace)
    assert world.get("logs", text="naïve")["items"][0]["severity"] == "warn"


def test_pages_of_logs_hold_each_record_once_even_those_of_one_moment(world: World) -> None:
    same = [(f"same {n}", 20.0) for n in range(5)]
    world.logs(same + [(f"later {n}", 10.0 - n) for n in range(3)])
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(20):
        page = world.get("logs", limit=2, **cursor)
        found += bodies(page)
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(found) == sorted([body for body, _ in same] + [f"later {n}" for n in range(3)])
    assert found[:3] == ["later 2", "later 1", "later 0"]


def test_patterns_tell_what_is_new_and_what_became_more(world: World) -> None:
    world.logs([(f"order {n} filled in {n * 7} ms", 90.0 + n / 10) for n in range(5)])
    world.logs([(f"order {n} filled in {n * 3} ms", 30.0 + n / 10) for n in range(20)])
    world.logs([(f"venue kraken refused request {n}", 20.0) for n in range(3)], severity=17, service="trade")
    found = world.get("logs/patterns", window="60s")
    assert (found["samples"], found["estimated"], found["complete"]) == (28, False, True)
    new, old = found["items"]
    assert (new["new"], new["count"], new["count_before"], new["severity"]) == (True, 3, 0, "error")
    assert "kraken refused request" in new["example"]
    assert (old["new"], old["count"], old["count_before"]) == (False, 20, 5)
    assert "filled in" in old["template"]
    assert new["services"] == ["trade"]


def test_nothing_said_is_an_empty_list(plain: World) -> None:
    found = plain.get("logs", text="nothing")
    assert (found["items"], found["next"], found["complete"]) == ([], None, True)
    assert plain.get("logs/patterns", text="nothing")["items"] == []
    assert plain.get("exceptions", service="nobody")["items"] == []


def test_a_user_reads_only_his_own_records(world: World) -> None:
    world.log("mine", user__id="u-7")
    world.log("of another", user__id="u-8")
    world.log("of nobody")
    token = world.token("user:u-7")
    assert bodies(world.get("logs", user="u-7", headers=token)) == ["mine"]
    assert [each["example"] for each in world.get("logs/patterns", user="u-7", headers=token)["items"]] == ["mine"]
    for path in ("logs", "logs/patterns", "exceptions", "exceptions/0123456789abcdef"):
        world.get(path, expect=403, headers=token)
        world.get(path, expect=403, user="u-8", headers=token)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"severity": "loud"}, "severity"),
        ({"trace": "abcd"}, "trace"),
        ({"cursor": "bm9uc2Vuc2U="}, "cursor"),
        ({"text": " ".join("abcdefghij")}, "text"),
        ({"attribute": "=1"}, "attribute"),
        ({"from": "yesterday"}, "from"),
    ],
)
def test_a_bad_parameter_of_logs_is_named(plain: World, query: dict[str, str], named: str) -> None:
    assert named in str(plain.get("logs", expect=422, **query))


def test_a_secret_in_a_body_is_not_shown(world: World) -> None:
    key = "sk-proj-" + "a1B2" * 10
    world.log(f"called with {key}")
    found = world.get("logs", text="called")
    assert len(found["items"]) == 1
    assert key not in str(found)
    assert found["items"][0]["redacted"] is True
