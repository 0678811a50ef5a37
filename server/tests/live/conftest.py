from __future__ import annotations

from collections.abc import Iterator

import pytest
from doorway import Doors

from observatory.ingest import Bounds
from observatory.store import Store

from .door import Open, opened

_BODY_BYTES = 64 << 20


@pytest.fixture(scope="module")
def door(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """An open door on the store of the tests."""
    folder = tmp_path_factory.mktemp("door")
    with opened(Doors(folder, store.writers, bounds=Bounds(_BODY_BYTES))) as found:
        yield found
