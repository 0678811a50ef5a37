"""The generated pages say what the code says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "docs" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PAGES = _module().PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"docs/reference/{name} is old: run `make reference`"


def test_no_page_is_left_of_what_is_gone() -> None:
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == set(PAGES)


def test_every_route_of_the_api_says_who_may_call_it() -> None:
    answers = PAGES["routes.md"]().partition("## Answers")[2]
    rows = [line.split(" | ") for line in answers.splitlines() if line.startswith("| `")]
    assert len(rows) >= 15
    open_to_all = {row[0].strip("| `") for row in rows if row[1] == "none"}
    logging_in = {"GET /login", "POST /login", "GET /login/{code}", "POST /logout"}
    # The signed link itself says who may.
    signed = {"GET /acknowledge/{token}", "POST /acknowledge/{token}"}
    assert open_to_all == {"GET /livez", "GET /readyz"} | logging_in | signed


def test_all_65_services_and_all_areas_stand_on_their_pages() -> None:
    assert PAGES["services.md"]().count("\n| `") == 65
    assert PAGES["indicators.md"]().count("\n## ") == 10
