"""Told when a module of the host has been imported, at once when it is there already, and again when it is reloaded.

The host's loaders stay what they are: a finder in front of the others hands out a stand-in for the loader, which steps
back before the module's code runs.
"""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from threading import local
from types import ModuleType
from typing import Any

from observatory_sdk.guard import Guard
from observatory_sdk.tracebacks import hide

_GUARD = Guard("attach")
Told = Callable[[ModuleType], None]


class Imports(importlib.abc.MetaPathFinder):
    """Watches modules by name. `imported` is told each time one has run, `missing` when nothing can find one."""

    def __init__(self, imported: Told, missing: Callable[[str], None]) -> None:
        self._imported = imported
        self._missing = missing
        self._names: set[str] = set()
        self._unfinished: set[str] = set()
        self._looking = local()

    def watch(self, names: Sequence[str]) -> None:
        """Begin: modules that are imported already are told of now."""
        self._names.update(names)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        for name in names:
            module = sys.modules.get(name)
            if module is not None:
                self._look_at(name, module)

    def stop(self) -> None:
        """End."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._names.clear()
        self._unfinished.clear()

    def catch_up(self) -> None:
        """Tell of modules whose code was still running when the watch began."""
        for name in tuple(self._unfinished):
            module = sys.modules.get(name)
            if module is not None and not _running(module):
                self._unfinished.discard(name)
                self.loaded(module)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        with _GUARD:
            if self._unfinished:
                self.catch_up()
        busy: set[str] = self._looking.__dict__.setdefault("names", set())
        if name not in self._names or name in busy:
            return None
        busy.add(name)
        try:
            spec = self._others(name, path, target)
        finally:
            busy.discard(name)
        with _GUARD:
            if spec is None:
                self._missing(name)
            elif hasattr(spec.loader, "exec_module"):
                spec.loader = _StandIn(spec, self)
        return spec

    def loaded(self, module: ModuleType) -> None:
        """A module's code has run."""
        with _GUARD:
            self._imported(module)

    def _look_at(self, name: str, module: ModuleType) -> None:
        if _running(module):
            self._unfinished.add(name)
        else:
            self.loaded(module)

    def _others(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        """What the finders behind this one say; their errors are the host's."""
        for finder in tuple(sys.meta_path):
            find: Any = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                return spec
        return None


class _StandIn(importlib.abc.Loader):
    """The loader of one import: runs the module, steps back, and tells."""

    def __init__(self, spec: ModuleSpec, imports: Imports) -> None:
        self._spec = spec
        self._loader: Any = spec.loader
        self._imports = imports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # Before the code runs: it may look at its own loader, and may import itself again.
        with _GUARD:
            self._spec.loader = self._loader
            if module.__dict__.get("__loader__") is self:
                module.__loader__ = self._loader
            if module.__spec__ is not None and module.__spec__.loader is self:
                module.__spec__.loader = self._loader
        try:
            self._loader.exec_module(module)
        except BaseException as error:
            hide(error)
            raise
        self._imports.loaded(module)


def _running(module: ModuleType) -> bool:
    return bool(getattr(module.__dict__.get("__spec__"), "_initializing", False))
