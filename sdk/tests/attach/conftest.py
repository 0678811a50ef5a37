"""Throw-away packages, and processes that run them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

import observatory_sdk as obs
from observatory_sdk.attach.attachment import Attachment
from observatory_sdk.attach.bindings import parse

SOURCES = str(Path(obs.__file__).parents[1])


class Platform:
    """A package of a test: files written, imported, attached to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._attachments: list[Attachment] = []

    def write(self, name: str, code: str) -> None:
        """The source of a module by its dotted name."""
        path = self.folder.joinpath(*name.split(".")).with_suffix(".py")
        for parent in reversed(path.relative_to(self.folder).parents[:-1]):
            (self.folder / parent).mkdir(exist_ok=True)
            (self.folder / parent / "__init__.py").touch()
        path.write_text(dedent(code), encoding="utf-8")
        importlib.invalidate_caches()

    def load(self, name: str) -> ModuleType:
        """The module, imported."""
        return importlib.import_module(name)

    def attach(self, services: str, **top: str) -> Attachment:
        """Attach to bindings whose `services` are given, and other parts of the file by name."""
        parts = {"platform": "test", "packages": "[plat]", **top}
        head = "\n".join(f"{name}: {value}" for name, value in parts.items())
        found = Attachment(parse(f"{head}\nservices:\n{_indented(services)}".encode(), "test.yaml"))
        self._attachments.append(found)
        found.start()
        return found

    def close(self) -> None:
        for found in self._attachments:
            found.detach()
        for name in [name for name in sys.modules if name.partition(".")[0] == "plat"]:
            del sys.modules[name]

    def run(self, *command: str, timeout_s: float = 60, check: bool = True, **environment: str) -> Any:
        """Run a program in a process of its own, with the folder as its working directory."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": SOURCES, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=check,
        )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in dedent(text).strip("\n").splitlines())


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Platform(tmp_path)
    yield made
    made.close()


@pytest.fixture
def names() -> Callable[[Any], list[str]]:
    """The names of the spans that a pipeline of a test has sent."""
    return lambda recorded: [span.name for span in recorded.spans()]
