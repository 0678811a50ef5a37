from __future__ import annotations

from collections.abc import Mapping

import pytest

from observatory import alerting, areas, catalogue
from observatory.alerting import files
from observatory.alerting.files import Written


@pytest.fixture(scope="session")
def known() -> alerting.Known:
    return alerting.known(areas.load(), catalogue.load())


@pytest.fixture(scope="session")
def shipped(known: alerting.Known) -> Mapping[str, Written]:
    return {each.rule.id: each for each in files.shipped(known)}
