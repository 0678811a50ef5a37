"""A bindings file is taken whole or refused with a sentence that says where, what and what instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory_sdk import ConfigurationError
from observatory_sdk.attach import attach
from observatory_sdk.attach.bindings import load, parse

FACT = "a: {targets: plat.a:A, facts: {act: [{fact: %s, fields: {%s}}]}}"
MISTAKES = {
    "a: {target: plat.a:A}": "services: a has 'target': it takes assumed, facts, hub, ",
    "a: {methods: [x]}": "services: a lacks targets",
    "a: {targets: 'plat.a:'}": "services: a: targets is 'plat.a:': it takes module:Class or module",
    "a: {targets: [plat.a:A, 7]}": "services: a: targets[1] is 7",
    "A: {targets: plat.a:A}": "services: A: a service id takes lower case",
    "a: {shares: b}": "it takes a service of this file that has targets of its own",
    "a: {targets: plat.a:A}\n  b: {shares: a, hub: true}": "services: b shares another entry: it takes no further",
    "a: {targets: plat.a:A}\n  b: {targets: plat.a:A}": "plat.a:A belongs to a (use shares)",
    "a: {targets: plat.a:A}\n  a: {targets: plat.a:B}": "'a' stands twice",
    "a: {targets: plat.a:A, hub: 1}": "services: a: hub is 1: it takes true or false",
    "a: {targets: plat.a:A, outcome: [{path: result.x, equals: 1}]}": "and exactly one of equals",
    "a: {targets: plat.a:A, outcome: [{is: bad, path: result.x, equals: 1}]}": "is is 'bad': it takes one of failure",
    "a: {targets: plat.a:A, outcome: [{is: failure, path: x.y, equals: 1}]}": "begins with one of args, self, result",
    "a: {targets: plat.a:A, outcome: [{is: failure, path: result.x, one_of: []}]}": "it takes a list of texts",
    FACT % ("ordr", "x: args.y"): "facts: act[0]: fact is 'ordr': it takes one of ",
    FACT % ("exchange_call", "x: args.y"): "fact is 'exchange_call': it takes one of ",
    FACT % ("queue", "x: args.y"): "fact is 'queue': it takes one of ",
    FACT % ("payment", "rail: args.y"): "it takes for payment also amount_usd",
    FACT % ("payment", "rail: args.y, amount_usd: args.z, speed: args.q"): "fields has 'speed'",
    FACT % ("payment", "rail: args.y, amount_usd: {path: args.z, convert: pounds}"): "convert is 'pounds': it takes",
    FACT % ("payment", "rail: args.y, amount_usd: {value: much}"): "amount_usd: value is 'much': ",
    FACT % ("payment", "rail: args.y, amount_usd: args.z, status: {path: args.s, map: {ok: paid}}"): "ok is 'paid'",
    FACT % ("payment", "rail: args, amount_usd: args.z"): "rail is 'args': it takes a path",
    FACT % ("payment", "rail: {path: args.a, value: b}, amount_usd: args.z"): "path or value, not both",
    FACT % ("cost", "provider: args.a, amount_usd: args.b"): "for cost also category",
}


@pytest.mark.parametrize(("services", "sentence"), MISTAKES.items(), ids=[*MISTAKES.values()])
def test_a_mistake_is_told_with_its_place(services: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        parse(f"platform: x\npackages: [plat]\nservices:\n  {services}\n".encode(), "my.yaml")
    assert sentence in str(told.value)
    assert str(told.value).startswith("my.yaml")


def test_a_file_that_is_no_bindings_file_is_refused(tmp_path: Path) -> None:
    for content, sentence in (
        (b"\xff", "is no YAML"),
        (b"[", "is no YAML"),
        (b"[]", "it takes a mapping"),
        (b"platform: x", "lacks packages, services"),
        (b"!!python/object/apply:os.getcwd []", "is no YAML"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            parse(content, "my.yaml")
    with pytest.raises(ConfigurationError, match="it takes a file that can be read, or one of cryptouniverse"):
        load(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigurationError, match="one of cryptouniverse"):
        attach("cryptoverse")
    with pytest.raises(ConfigurationError, match="one of cryptouniverse"):
        load("../bindings/cryptouniverse")


def test_methods_are_taken_by_pattern_and_left_alone_by_pattern() -> None:
    bound = parse(
        b"""
platform: x
packages: [plat]
ignore: [to_*]
services:
  a:
    targets: plat.a:A
    methods: [get_*, B.put, _deliver_*]
    ignore: [get_hot, A.get_b]
    facts:
      _hidden: [{fact: mock_served, fields: {name: {value: x}}}]
  b: {targets: plat.b}
""",
        "x",
    )
    first, second = bound.services
    taken = [
        name
        for name in ("get_a", "get_hot", "get_b", "put", "_deliver_x", "_get_x", "_hidden")
        if first.takes("A", name)
    ]
    assert taken == ["get_a", "_deliver_x", "_hidden"]
    assert first.takes("B", "put")
    assert [name for name in ("run", "to_dict", "_run") if second.takes(None, name)] == ["run"]


def test_what_is_shipped_covers_the_inventory() -> None:
    bound = load("cryptouniverse")
    assert len([each for each in bound.services if not each.hub]) == 65
    assert len([each for each in bound.services if each.shares is not None]) == 2
