"""Every published example of a measure gives what the page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = sorted((Path(__file__).parent / "vectors").glob("*.yaml"))
VECTORS = [
    (path.stem, place, document["function"], vector)
    for path in FILES
    for document in [yaml.safe_load(path.read_text(encoding="utf-8"))]
    for place, vector in enumerate(document["vectors"])
]


@pytest.mark.parametrize(("measure", "place", "function", "vector"), VECTORS)
def test_a_published_example_holds(measure: str, place: int, function: str, vector: dict[str, Any]) -> None:
    module, _, name = function.partition(":")
    found = getattr(import_module(module), name)(**vector["given"])
    _same(found, vector["expected"], f"{measure} {place}")


def test_there_are_examples() -> None:
    assert len(FILES) >= 10
    assert len(VECTORS) >= 3 * len(FILES)


def _same(found: Any, expected: Any, where: str) -> None:
    if expected is None:
        assert found is None, where
    elif isinstance(expected, Mapping):
        for name, each in expected.items():
            _same(found[name] if isinstance(found, Mapping) else getattr(found, name), each, f"{where} {name}")
    elif isinstance(expected, Sequence) and not isinstance(expected, str):
        assert len(found) == len(expected), where
        for one, other in zip(found, expected, strict=True):
            _same(one, other, where)
    elif isinstance(expected, int | float) and not isinstance(expected, bool):
        assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12), where
    else:
        assert str(found) == str(expected), where
