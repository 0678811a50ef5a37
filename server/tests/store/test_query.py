"""A read is bound in time, memory and rows, writes nothing, and harms no later read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client

from observatory.errors import StoreError
from observatory.store import Store
from observatory.store.query import ask

Elsewhere = Callable[..., dict[str, Any]]


def test_a_read_beyond_a_limit_is_refused_and_the_next_one_answered(elsewhere: Elsewhere, tmp_path: Path) -> None:
    answers = elsewhere("limits", folder=tmp_path)
    assert answers.pop("good") == [[1]]
    expected = {
        "slow": "TIMEOUT_EXCEEDED",
        "rows": "Limit for result exceeded",
        "memory": "MEMORY_LIMIT_EXCEEDED",
        "write": "READONLY",
        "drop": "READONLY",
        "free": "READONLY",
        "nonsense": "SYNTAX_ERROR",
    }
    assert set(answers) == set(expected)
    for name, word in expected.items():
        assert word in answers[name][0][0]


def test_what_a_failed_read_had_written_is_not_in_the_next_answer(elsewhere: Elsewhere, tmp_path: Path) -> None:
    answers = elsewhere("leftovers", folder=tmp_path)
    assert answers == {"early": [[[42]], [[42]]], "late": [[[42]], [[42]]]}


@pytest.mark.parametrize("error", [UnicodeDecodeError("utf-8", b"\x94", 0, 1, "invalid start byte"), EOFError()])
def test_an_answer_that_was_cut_off_is_told_in_words(error: Exception) -> None:
    asked: list[str] = []

    def query(sql: str, parameters: object) -> None:
        asked.append(sql)
        raise error

    def raw_query(sql: str, fmt: str) -> None:
        asked.append(sql)

    client = cast(Client, SimpleNamespace(query=query, raw_query=raw_query))
    with pytest.raises(StoreError, match=r"^the answer was cut off by a limit of time or memory$"):
        ask(client, "SELECT x")
    assert asked == ["SELECT x", "SELECT 1"], "the connection is emptied"


async def test_values_are_bound_and_never_part_of_the_statement(store: Store) -> None:
    hostile = "'; DROP TABLE fact_calls; --"
    found = await store.reader.read(
        "SELECT {text:String} AS text, {number:UInt64} AS number",
        {
            "text": hostile,
            "number": 2**64 - 1,
        },
    )
    assert found.dicts() == [{"text": hostile, "number": 2**64 - 1}]
    assert found.columns == ("text", "number")


async def test_more_reads_than_connections_wait_for_one_another(store: Store) -> None:
    reads = (store.reader.read("SELECT {number:UInt8} + sleep(0.02)", {"number": number}) for number in range(12))
    found = await asyncio.gather(*reads)
    assert [rows.rows[0][0] for rows in found] == list(range(12))


async def test_a_failed_read_gives_its_connection_back(store: Store) -> None:
    for _ in range(10):
        with pytest.raises(StoreError, match="UNKNOWN_TABLE"):
            await store.reader.read("SELECT * FROM no_such_table")
    assert (await store.reader.read("SELECT 1")).rows[0][0] == 1
