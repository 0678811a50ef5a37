"""Found first on the path of a process that `observatory-attach` started: waits for the platform, and attaches then.

A process that imports nothing of the platform pays for this file only, so it imports next to nothing. The host's own
`sitecustomize` runs as it would.
"""

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

# Written by the command: the names whose import begins the attachment. `settings.py` has the same name.
_NAMES = "OBSERVATORY_ATTACH_AT"


def _attach() -> None:
    try:
        from observatory_sdk.attach.startup import start
    except ImportError as error:
        if sys.stderr is not None:
            sys.stderr.write(f"observatory: not attached, this Python has no observatory-sdk: {error}\n")
        return
    start()


class _Waiting:
    """A finder that finds nothing itself: it attaches before the first of some modules is looked for."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in self._names:
            return None
        self._names = frozenset()
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        _attach()
        # The import that asks walks through a list that has just changed: it may miss the finder that came.
        for finder in list(sys.meta_path):
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None  # type: ignore[arg-type]
            if spec is not None:
                return spec
        return None


def _host() -> None:
    """The sitecustomize that would have been found without this one."""
    # Not by pathlib, which costs more than all the rest here.
    here = os.path.dirname(os.path.realpath(__file__))
    # The host's path is what it would be without us; PYTHONPATH stays, for the processes that it starts.
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_given = frozenset(filter(None, os.environ.get(_NAMES, "").split(",")))
if _given:
    sys.meta_path.insert(0, _Waiting(_given))
else:
    _attach()
_host()
