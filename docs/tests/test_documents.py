"""What the documents point to is there: links, commands, rooms, decisions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observatory.cli.commands import app
from observatory.settings import Settings
from observatory_sdk.attach import settings as attach
from observatory_sdk.attach.libraries import WITHOUT
from observatory_sdk.attach.logs import LEVEL
from observatory_sdk.recognise.hosts import VARIABLE as GENAI_HOSTS
from observatory_sdk.spending import API_URL

ROOT = Path(__file__).parents[2]
ROOMS = ROOT / "server" / "src" / "observatory"
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
_NOT_DOCUMENTS = {".venv", ".venv-boot", "node_modules", "var", ".git"}

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.md")
    if not _NOT_DOCUMENTS & set(path.relative_to(ROOT).parts) and not any(each[0] == "." for each in path.parts[-2:-1])
)


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _layers() -> list[list[str]]:
    contracts = tomllib.loads(_text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    return [[name.strip(" ()") for name in layer.split("|")] for layer in layers]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    assert [link for link in _LINK.findall(_text(name)) if not (folder / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_of_the_repository_that_is_named_is_there(name: str) -> None:
    named = re.findall(r"`((?:server|sdk|universe|docs|benchmarks|requirements)/[\w./-]+)`", _text(name))
    # The area that CONTRIBUTING.md adds is made by its test, in a copy.
    assert [path for path in named if not (ROOT / path).exists() and "/referrals/" not in path] == []


def test_every_command_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))
    commands = {each.name for each in (*app.registered_commands, *app.registered_groups)}
    for name in DOCUMENTS:
        text = _text(name)
        assert set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", text, re.MULTILINE)) <= {
            pair for target in targets for pair in ((target, ""), ("", target))
        }, name
        assert set(re.findall(r"(?:`|bin/)observatory ([a-z][a-z-]*)\b", text)) <= commands, name
        assert set(re.findall(r"bin/python (benchmarks/[a-z]+)`", text)) <= {
            f"benchmarks/{path.name}" for path in (ROOT / "benchmarks").iterdir()
        }, name


def test_every_setting_that_is_named_is_there() -> None:
    known = {f"OBSERVATORY_{name.upper()}" for name in Settings.model_fields} | {each.name for each in attach.TABLE}
    for name in DOCUMENTS:
        named = set(re.findall(r"\bOBSERVATORY_[A-Z_]+[A-Z]\b", _text(name)))
        assert named - known <= {WITHOUT, LEVEL, GENAI_HOSTS, API_URL}, name


def test_the_command_line_says_what_each_command_does() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert all(each.callback is not None and each.callback.__doc__ for each in app.registered_commands)


def test_the_map_names_every_room_that_there_is() -> None:
    rooms = {path.stem for path in ROOMS.iterdir() if path.suffix in ("", ".py") and path.name[0] not in "_."}
    rooms.discard("py")  # py.typed
    rows = re.findall(r"^\| (.+?) \|", _text("CONTRIBUTING.md"), re.MULTILINE)
    mapped = {name for row in rows for name in re.findall(r"`([a-z]+)/?`", row)}
    assert rooms <= mapped
    assert rooms <= {name for layer in _layers() for name in layer}


def test_the_order_of_the_rooms_is_that_of_the_contract() -> None:
    order = [name for layer in _layers() for name in layer if any(ROOMS.glob(f"{name}*"))]
    section = _text("docs/architecture.md").partition("in this order:")[2].partition("`make check`")[0]
    assert re.findall(r"`([a-z]+)`", section) == order


def test_every_decision_is_in_the_list_and_has_its_four_parts() -> None:
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", _text("docs/decisions/README.md"))
    there = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("0*.md"))
    assert listed == there
    for number, name in enumerate(there, 1):
        text = _text(f"docs/decisions/{name}")
        assert text.startswith(f"# {number:04d} ")
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Reasons", "Consequences"]
