from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doorway import Doors
from serving import Serving, serving

from observatory.store import Store

CountSpans = Callable[[str], "dict[str, int]"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A real server with limits that a test can reach."""
    folder = tmp_path_factory.mktemp("served") / "data"
    with serving(folder, max_body_bytes=1 << 20, queue_bytes=4 << 20, read_body_s=5, logs_linger_ms=0) as server:
        yield server


@pytest.fixture
def doors(store: Store, tmp_path: Path) -> Doors:
    """Opens the door of a server in this process."""
    return Doors(tmp_path, store.writers)
