"""What holds for the tests of all packages."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from observatory_sdk import pipeline


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """A file that leaves the SDK configured fails, and takes no other file of the same process with it."""
    yield
    left = pipeline._live
    if left is not None and (nextitem is None or nextitem.path != item.path):
        left.shutdown(1)
        pytest.fail(f"{item.path.name} left the SDK configured")
