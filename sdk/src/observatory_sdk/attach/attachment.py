"""Bindings applied to a process: modules watched, targets wrapped as they come, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock
from types import ModuleType

from observatory_sdk.attach.bindings import Binding, Bindings, Target
from observatory_sdk.attach.imports import Imports
from observatory_sdk.attach.libraries import Libraries, LibraryState
from observatory_sdk.attach.patching import Patched, patch
from observatory_sdk.guard import LOSSES, Guard
from observatory_sdk.heartbeat import HEARTBEATS

_GUARD = Guard("attach")


@dataclass(frozen=True, slots=True)
class State:
    """What became of a target: `waiting` for its import, `wrapped`, `missing`, with the reason."""

    service: str
    target: Target
    state: str
    reason: str | None = None
    operations: tuple[str, ...] = ()


class Attachment:
    """What `attach` gives back."""

    def __init__(self, bindings: Bindings, libraries: Libraries | None = None) -> None:
        self._bindings = bindings
        self._libraries = Libraries() if libraries is None else libraries
        self._lock = RLock()
        self._states = {target: State(binding.service, target, "waiting") for binding, target in bindings.targets()}
        self._patched: list[Patched] = []
        self._services: list[str] = []
        self._by_module: dict[str, list[tuple[Binding, Target]]] = {}
        for binding, target in bindings.targets():
            self._by_module.setdefault(target.module, []).append((binding, target))
        self._imports = Imports(self._imported, self._not_found)
        self.active = False

    @property
    def bindings(self) -> Bindings:
        """What is bound."""
        return self._bindings

    def start(self) -> None:
        """Wrap what is imported already, and watch for the rest."""
        self.active = True
        self._libraries.start()
        self._imports.watch(list(self._by_module))

    def states(self) -> list[State]:
        """What became of each target so far, in the order of the bindings."""
        self._imports.catch_up()
        with self._lock:
            return list(self._states.values())

    def libraries(self) -> list[LibraryState]:
        """What became of each library that is watched, in the order of the table."""
        return self._libraries.states()

    def detach(self) -> None:
        """Put everything back as it was."""
        self._imports.stop()
        self._libraries.stop()
        self.active = False
        with self._lock:
            for patched in reversed(self._patched):
                for put_back in reversed(patched.undo):
                    put_back()
            self._patched.clear()
            HEARTBEATS.unregister(self._services)
            self._services.clear()

    def _imported(self, module: ModuleType) -> None:
        with self._lock:
            for binding, target in self._by_module.get(module.__name__, ()):
                with _GUARD:
                    self._wrap(module, binding, target)

    def _wrap(self, module: ModuleType, binding: Binding, target: Target) -> None:
        patched = patch(module, binding, target, self._bindings.user)
        before = self._states[target]
        if patched.operations:
            self._patched.append(patched)
            self._states[target] = State(binding.service, target, "wrapped", None, tuple(patched.operations))
            self._services += HEARTBEATS.register([binding.service])
        elif before.state != "wrapped":
            LOSSES.count("target not found", patched.missing)
            self._states[target] = State(binding.service, target, "missing", patched.missing)

    def _not_found(self, name: str) -> None:
        with self._lock:
            for binding, target in self._by_module.get(name, ()):
                self._states[target] = State(binding.service, target, "missing", f"there is no module {name}")
