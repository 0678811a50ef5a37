"""The client libraries that the platform uses run as pip installed them: no file is changed, and nothing is patched."""

import ast
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import observatory_universe

_SOURCES = Path(observatory_universe.__file__).parent
# Distribution to the package that it installs.
CLIENTS = {
    "ccxt": "ccxt",
    "openai": "openai",
    "anthropic": "anthropic",
    "google-genai": "google.genai",
    "redis": "redis",
    "asyncpg": "asyncpg",
    "aiosmtplib": "aiosmtplib",
    "websockets": "websockets",
}
_CODE = {".py", ".so", ".pyd"}
# Loads all of the universe with all of its clients; tells which files that took, and what of ours is in the clients.
_LOAD = """
import importlib, json, pkgutil, sys
import ccxt.async_support
import observatory_universe
for module in pkgutil.walk_packages(observatory_universe.__path__, "observatory_universe."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
packages = tuple(json.load(sys.stdin))
loaded = {
    name: module for name, module in list(sys.modules.items())
    if any(name == package or name.startswith(package + ".") for package in packages)
}
def ours(value):
    return str(getattr(value, "__module__", "")).startswith("observatory")
patched = [
    f"{name}.{key}" for name, module in loaded.items() for key, value in list(vars(module).items())
    if ours(value) or isinstance(value, type) and any(map(ours, list(vars(value).values())))
]
# A folder without code has no file.
files = {name: module.__file__ for name, module in loaded.items() if module.__file__}
print(json.dumps({"files": files, "patched": patched}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, dict[str, str]]:
    packages = json.dumps(list(CLIENTS.values()))
    command = [sys.executable, "-c", _LOAD]
    answer = subprocess.run(command, input=packages, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, dict[str, str]] = json.loads(answer.stdout)
    return found


def _recorded(distribution: str) -> dict[Path, str]:
    """The installed code, and what pip wrote down as the hash of each file."""
    files = metadata.files(distribution) or []
    return {
        Path(str(file.locate())).resolve(): f"{file.hash.mode}={file.hash.value}"
        for file in files
        if file.suffix in _CODE and file.hash is not None
    }


def _hashed(path: Path, like: str) -> str:
    mode = like.partition("=")[0]
    digest = hashlib.new(mode, path.read_bytes()).digest()
    return f"{mode}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize("distribution", CLIENTS)
def test_each_file_is_as_pip_recorded_it(distribution: str) -> None:
    recorded = _recorded(distribution)
    assert len(recorded) > 10
    assert [path for path, told in recorded.items() if _hashed(path, told) != told] == []


@pytest.mark.parametrize("distribution", CLIENTS)
def test_the_universe_loads_recorded_files_alone(loaded: dict[str, dict[str, str]], distribution: str) -> None:
    package = CLIENTS[distribution]
    files = {Path(p).resolve() for name, p in loaded["files"].items() if f"{name}.".startswith(f"{package}.")}
    assert files
    assert files - _recorded(distribution).keys() == set()


def test_nothing_of_ours_stands_in_a_client(loaded: dict[str, dict[str, str]]) -> None:
    assert loaded["patched"] == []


def _patches(source: str) -> Iterator[int]:
    """The lines that assign to an attribute of a client's module or class, or delete one."""
    tree = ast.parse(source)
    names = {name for node in ast.walk(tree) for name in _client_names(node)}
    for node in ast.walk(tree):
        for target in _changed(node):
            if _root(target) in names or ast.unparse(target).startswith("sys.modules"):
                yield target.lineno


def _client_names(node: ast.AST) -> Iterator[str]:
    """By which names the client libraries are known after this import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if _is_client(alias.name):
                yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        for alias in node.names:
            if _is_client(node.module or "") or _is_client(f"{node.module}.{alias.name}"):
                yield alias.asname or alias.name


def _is_client(module: str) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in CLIENTS.values())


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement sets or deletes of something else; what a call of `setattr`, `delattr` or `patch` does."""
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node
    elif isinstance(node, ast.Call) and node.args:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in {"setattr", "delattr", "__setattr__", "__delattr__", "object", "patch"}:
            yield node.args[0]


def _root(node: ast.expr) -> str | None:
    """`a` of `a.b[0].c`, of `type(a).b` and of `vars(a)["b"]`."""
    while True:
        match node:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case ast.Call(func=ast.Name(id="type" | "vars" | "getattr"), args=[inner, *_]):
                node = inner
            case _:
                return None


@pytest.mark.parametrize(
    "line",
    [
        "openai.AsyncOpenAI.post = ours",
        "openai.types.Thing: int = 3",
        "Redis.execute_command, other = ours, 1",
        "del Redis.get",
        "setattr(genai, 'Client', Ours)",
        "mock.patch.object(openai, 'AsyncOpenAI')",
        "vars(openai)['AsyncOpenAI'] = ours",
        "openai.__dict__['AsyncOpenAI'] = ours",
        "sys.modules['ccxt'] = ours",
    ],
)
def test_a_patch_would_be_seen(line: str) -> None:
    imports = "import openai\nfrom google import genai\nfrom redis.asyncio import Redis\n"
    assert list(_patches(imports + line)) == [4]


def test_no_module_of_ours_assigns_to_a_client() -> None:
    sources = sorted(_SOURCES.rglob("*.py"))
    assert len(sources) > 100
    found = {str(path): list(_patches(path.read_text(encoding="utf-8"))) for path in sources}
    assert {path: lines for path, lines in found.items() if lines} == {}
