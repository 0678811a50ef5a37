"""The file of targets: what is wrong in it is said with entry, field, value and what is allowed, and no secret."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

from observatory import collect
from observatory.collect import Target, decode
from observatory.collect.metrics import Metrics
from observatory.collect.target import Tools
from observatory.errors import SettingsError
from observatory.settings import load

GOOD = """
targets:
  - {name: cache, kind: redis, host: cache.test, interval_s: 10}
"""


def complaint(text: str) -> str:
    with pytest.raises(SettingsError) as found:
        decode(text)
    return str(found.value)


def one(fields: str) -> str:
    return complaint(f"targets:\n  - {{{fields}}}")


def test_an_entry_says_what_it_is_and_the_rest_has_defaults() -> None:
    [target] = decode(GOOD)
    assert (target.name, target.KIND, target.interval_s, target.environment) == ("cache", "redis", 10, "production")
    assert target.patience_s < target.interval_s
    assert target.address == ("cache.test", 6379)


def test_without_a_file_nothing_is_collected() -> None:
    assert collect.load(load().collectors_file) == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("name: a, kind: redis, host: h, port: 99999", "target 'a': port = 99999: Input should be less than or equal"),
        ("name: a, kind: redis, host: h, interval_s: 0.1", "target 'a': interval_s = 0.1: Input should be greater"),
        ("name: a, kind: redis, host: h, timeout_s: 20", "timeout_s = 20 must be shorter than interval_s = 15"),
        ("name: a, kind: redis, host: h, port: '6379'", "target 'a': port = '6379': Input should be a valid integer"),
        ("name: a, kind: redis", "target 'a': host: Field required"),
        ("name: a, kind: redis, host: h, prot: 6379", "target 'a': no field 'prot'; redis has name, kind"),
        ("name: a, kind: mongodb", "target 'a': kind = 'mongodb', must be one of redis, postgresql, sql, prometheus"),
        ("name: a, kind: [redis]", "kind = ['redis'], must be one of redis"),
        ("name: a", "target 'a': kind = None, must be one of redis"),
        ("name: A b, kind: redis, host: h", "target 'A b': name = 'A b': String should match pattern"),
        ("name: a, kind: http, url: 'ftp://h/'", "url = 'ftp://h/': must be http://host… or https://host…"),
        ("name: a, kind: http, url: 'http://h:99999/'", "must be http://host"),
        ("name: a, kind: http, url: 'http://h/', statuses: [42]", "statuses.0 = 42: Input should be greater"),
        ("name: a, kind: tcp, host: h", "target 'a': port: Field required"),
        ("name: a, kind: redis, host: h, attributes: {Bad Name: x}", "attributes.Bad Name"),
        ("name: a, kind: redis, host: h, password: {}", "either env or file must be named"),
        ("name: a, kind: sql, host: h, username: u, queries: []", "queries"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_is_allowed(fields: str, said: str) -> None:
    assert said in one(fields)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM users", "COPY users TO PROGRAM 'sh'", "UPDATE a SET b = 1", "CALL f()"]
)
def test_a_statement_must_read(statement: str) -> None:
    query = f'{{name: q, sql: "{statement}", metrics: [{{column: n, metric: n}}]}}'
    said = one(f"name: a, kind: sql, host: h, username: u, queries: [{query}]")
    assert "queries.0.sql" in said
    assert "must begin with SELECT, WITH, VALUES or TABLE" in said


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = complaint(
        GOOD + "  - {name: cache, kind: tcp, host: h, port: 1}\n  - {name: b, kind: tcp, host: h, port: 0}\n"
    )
    assert "target 'cache' stands twice" in said
    assert "target 'b': port = 0" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: [", "line 1"),
        ("other: []", "must hold `targets`, a list, and nothing else"),
        ("- a", "must hold `targets`"),
        ("targets: [7]", "target 1 is 7, must be a mapping"),
        ("targets:\n  - {name: a, kind: tcp, host: h, port: 1, port: 2}", "line 2: 'port' stands twice"),
        ("targets:\n" + "  - {name: a}\n" * 501, "at most 500"),
        ("targets: !!python/object/apply:os.getcwd []", "line 1"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, said: str) -> None:
    assert said in complaint(text)


@pytest.mark.parametrize(
    "fields",
    [
        "name: a, kind: redis, host: h, password: hunter22",
        "name: a, kind: redis, host: 'user:hunter22@h'",
        "name: a, kind: redis, host: h, passwort: hunter22",
        "name: a, kind: prometheus, url: 'http://u:hunter22@h/metrics'",
        "name: a, kind: redis, host: h, password: {value: hunter22}",
        "name: a, kind: redis, host: h, credentials: {password: hunter22}",
    ],
)
def test_a_secret_that_was_written_down_is_refused_and_not_repeated(fields: str) -> None:
    assert "hunter22" not in one(fields)


def test_a_secret_that_is_not_there_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    said = one("name: a, kind: redis, host: h, password: {env: NO_SUCH_SECRET}")
    assert "the environment variable NO_SUCH_SECRET is not set" in said
    said = one(f"name: a, kind: redis, host: h, password: {{file: {tmp_path / 'gone'}}}")
    assert "gone cannot be read" in said
    with pytest.raises(SettingsError, match=r"OBSERVATORY_COLLECTORS_FILE = .*No such file"):
        collect.load(tmp_path / "gone.yaml")


def test_every_kind_says_what_it_is_and_what_each_of_its_fields_means() -> None:
    assert [kind.KIND for kind in collect.known()] == list(collect.KINDS)
    for kind in collect.known():
        assert kind.SENTENCE.endswith(".")
        assert all(field.description for name, field in kind.model_fields.items() if name != "kind")


async def test_a_new_kind_is_a_file_with_a_target_and_a_line(looking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class ToyTarget(Target):
        KIND: ClassVar[str] = "toy"
        SENTENCE: ClassVar[str] = "A toy."

        kind: Literal["toy"]
        size: int = Field(description="How large it is.")

        @property
        def address(self) -> tuple[str, int | None]:
            return "nursery", None

        async def read(self, into: Metrics, tools: Tools) -> None:
            into.gauge("toy.size", self.size)

    module = ModuleType("observatory.collect.toy")
    module.ToyTarget = ToyTarget  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(collect.KINDS, "toy", "ToyTarget")
    seen = await looking({"name": "bear", "kind": "toy", "size": 7}).again()
    assert seen.value("toy.size") == 7
    assert seen.resource["server.address"] == "nursery"
    assert "no field 'colour'; toy has" in one("name: bear, kind: toy, size: 7, colour: red")
