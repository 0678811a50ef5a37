"""Found first on the path of a process that `observatory-attach` started: attaches, then lets the host's own run."""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def _attach() -> None:
    try:
        from observatory_sdk.attach.startup import start
    except ImportError as error:
        sys.stderr.write(f"observatory: not attached, this Python has no observatory-sdk: {error}\n")
        return
    start()


def _host() -> None:
    """The sitecustomize that would have been found without this one."""
    here = Path(__file__).resolve().parent
    # The host's path is what it would be without us; PYTHONPATH stays, for the processes that it starts.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_attach()
_host()
