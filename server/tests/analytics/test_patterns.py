"""Lines that say the same are in one group, whatever varies; any line at all is taken, in bounded memory."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analytics.masking import MOST_TOKENS, masked
from observatory.analytics.patterns import Grouper


def grouped(*lines: Any) -> list[int]:
    grouper = Grouper()
    return [grouper.add(line) for line in lines]


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("took 12ms", "took <*>ms"),
        ("from 10.0.0.7:4711 to fe80::1:2", "from <*> to <*>"),
        ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <*> gone"),
        ("at 0x0b85eee0, mask 0x05", "at <*>, mask <*>"),
        ("2026-03-01T10:00:00.123Z up", "<*> up"),
        ("Jun 14 15:16:01 up", "<*> up"),
        ("[Sun Dec 04 04:47:44 2005] up", "[<*>] up"),
        ("read /var/log/a.log and C:\\Windows\\x.dll", "read <*> and <*>"),
        ("https://a.example/x?y=1 asked", "<*> asked"),
        ("key 'orders:7' not \"there or\" so", "key '<*>' not \"<*>\" so"),
        ("logname= uid=0 user=root", "logname=<*> uid=<*> user=<*>"),
        ('level=info msg="user made" id=5', "level=info msg=user made id=<*>"),
        ('"GET /v2/x HTTP/1.1" status: 200', "GET <*> status: <*>"),
        ("speeds 1 22 333 rpm", "speeds <*> rpm"),
        ("can't find what isn't there", "can't find what isn't there"),
        ("jk2_init() and input/output error", "jk2_init() and input/output error"),
        ('{"level":"info","msg":"order 7 placed","x":1}', "info order <*> placed"),
        ("", ""),
    ],
)
def test_what_varies_is_masked(line: str, template: str) -> None:
    assert " ".join(masked(line)) == template


def test_names_are_learnt_to_vary() -> None:
    grouper = Grouper()
    lines = [
        f"Failed password for {user} from 10.0.0.{place} port 22 ssh2" for place, user in enumerate(["root", "bob"])
    ]
    groups = [grouper.add(line) for line in lines]
    assert groups[0] == groups[1]
    assert grouper.template(groups[0]) == "Failed password for <*> from <*> port <*> ssh<*>"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[instance: 7] VM Started (Lifecycle Event)", "[instance: 7] VM Stopped (Lifecycle Event)"),
        ('1.2.3.4 "GET /x HTTP/1.1" status: 200', '1.2.3.4 "POST /x HTTP/1.1" status: 200'),
        ("Took 3 s to spawn the instance", "Took 3 s to destroy the instance"),
        ("Receiving block blk_1 of size 3", "Received block blk_1 of size 3"),
        ("cache hit for key 'a'", "cache miss for key 'a'"),
        ("check pass; user unknown", "order 7 placed by bob"),
    ],
)
def test_what_happens_is_no_value(one: str, other: str) -> None:
    assert len(set(grouped(one, other))) == 2


def test_a_line_keeps_its_group_while_templates_widen() -> None:
    grouper = Grouper()
    first = grouper.add("session closed for user root")
    for user in ("bob", "alice", "news", "cyrus"):
        assert grouper.add(f"session closed for user {user}") == first
    assert grouper.add("session closed for user root") == first
    assert [(each.id, each.lines, each.template) for each in grouper] == [(first, 6, "session closed for user <*>")]


def test_groups_are_bounded_and_what_was_forgotten_has_no_template() -> None:
    grouper = Grouper(limit=10)
    words = [f"{chr(97 + place % 26) * 4}{chr(97 + place // 26) * 4}" for place in range(300)]
    groups = [grouper.add(f"{word} happened {word}") for word in words]
    assert len(grouper) <= 10
    assert grouper.template(groups[0]) == "<*>"
    assert grouper.template(groups[-1]) != "<*>"
    with pytest.raises(KeyError):
        grouper.template(10_000)


def test_a_word_that_always_varies_takes_no_more_memory() -> None:
    grouper = Grouper(limit=10)
    chance = random.Random(5)
    groups = {grouper.add(f"user {''.join(chance.choices('klmnop', k=9))} logged in now") for _ in range(2_000)}
    assert len(groups) == 1
    assert len(grouper._kinds) <= 80


@given(st.lists(st.one_of(st.text(max_size=80), st.binary(max_size=40), st.none(), st.integers()), max_size=25))
@settings(max_examples=100, deadline=None)
def test_any_lines_have_groups_and_always_the_same(lines: list[Any]) -> None:
    grouper = Grouper(limit=5)
    groups = [grouper.add(line) for line in lines]
    assert groups == [Grouper(limit=5).add(line) for line in lines[:1]] + groups[1:]
    again = Grouper(limit=5)
    assert groups == [again.add(line) for line in lines]
    assert all(isinstance(grouper.template(group), str) for group in groups)
    assert len(grouper) <= 5


@pytest.mark.parametrize(
    "piece", ["a", "-", "/", "1", "a.", "a-", "=", "a=", '"', "'", ":", "1:", "a/", "\\", "x@", "{", "1a", " 1"]
)
def test_no_line_takes_long(piece: str) -> None:
    began = time.process_time()
    found = masked(piece * 50_000)
    assert time.process_time() - began < 0.5
    assert len(found) <= MOST_TOKENS


@pytest.mark.parametrize(("limit", "similar"), [(0, 0.5), (-1, 0.5), (5, 0.0), (5, 1.1)])
def test_bounds_out_of_range_are_refused(limit: int, similar: float) -> None:
    with pytest.raises(ValueError, match=r"limit is|similar is"):
        Grouper(limit, similar)
