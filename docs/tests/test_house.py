"""What the house promises of its code, read from the code: sizes, who reads time, what no file may hold."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_A_FILE = 400

_READS_TIME = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
_HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|npmmirror\.com|yarnpkg\.com|proxy\.golang\.org|--index-url|--extra-index"
)
# A home, a folder of temporary files or of a checkout: true on one machine only. The first part of an address is none.
_MACHINE = re.compile(r"(?<![\w.:/{}~-])/(?:home|root|Users|work|workspace|mnt|tmp|private|var/folders)/[\w.-]+")
_MADE = {".venv", ".venv-boot", ".git", "var", "node_modules", "__pycache__"}
_THIS_FILE = Path(__file__).relative_to(ROOT).as_posix()


def _tracked(*patterns: str) -> list[Path]:
    # Outside a checkout there is no list of what is tracked; then every file of the sources counts.
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    names = [name for name in answer.stdout.decode().split("\0") if name]
    if answer.returncode != 0:
        found = (path.relative_to(ROOT) for pattern in patterns for path in ROOT.rglob(pattern))
        names = [path.as_posix() for path in found if not _MADE & set(path.parts)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def _sources() -> list[Path]:
    found = [path for path in _tracked("*.py") if "src" in path.relative_to(ROOT).parts]
    assert len(found) > 100
    return found


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _texts() -> Iterator[tuple[str, str]]:
    for path in _tracked("*"):
        if _named(path) != _THIS_FILE:
            try:
                yield _named(path), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{_named(path)}: {each.name} has {length} lines"
        for path in _sources()
        for each in _functions(ast.parse(path.read_text(encoding="utf-8")))
        if (length := (each.end_lineno or each.lineno) - each.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_file_is_two_files() -> None:
    lengths = {_named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _sources()}
    assert {name: length for name, length in lengths.items() if length >= MOST_LINES_OF_A_FILE} == {}


def test_only_the_clock_reads_time() -> None:
    readers = {
        f"{_named(path)}:{line}"
        for path in _sources()
        if path.is_relative_to(ROOT / "server" / "src") and path.name != "clock.py"
        for line in _reads_of_time(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert readers == set()


def _reads_of_time(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            holder = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in _READS_TIME.get(holder, ()):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield node.lineno


def test_the_search_for_reads_of_time_finds_them() -> None:
    code = "import time, datetime\ntime.monotonic()\ndatetime.datetime.now()\nfrom time import sleep\nclock.now()"
    assert list(_reads_of_time(ast.parse(code))) in ([2, 3, 4], [4, 2, 3])


def test_no_file_names_a_package_registry() -> None:
    assert [name for name, text in _texts() if _HOSTS.search(text)] == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    found = [f"{name}: {match[0]}" for name, text in _texts() for match in _MACHINE.finditer(text)]
    assert found == []


def test_lock_files_name_no_address() -> None:
    assert not any(path.name == "uv.lock" for path in _tracked("*uv.lock"))
    for path in _tracked("*package-lock.json"):
        packages = json.loads(path.read_text(encoding="utf-8")).get("packages", {})
        assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_pins_are_exact_and_come_without_addresses() -> None:
    lines = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition("#")[0].partition(";")[0].strip() for line in lines]
    assert [pin for pin in pins if pin and not re.fullmatch(r"[\w.-]+(\[[\w,.-]+\])?==[\w.!+-]+", pin)] == []
