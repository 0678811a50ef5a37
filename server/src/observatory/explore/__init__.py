"""The explorer: traces, logs and exceptions as they were recorded, found, laid out and compared."""

from observatory.explore.groups import Change, Difference, compare
from observatory.explore.model import Hop, Span, Stretch
from observatory.explore.paths import critical

__all__ = ["Change", "Difference", "Hop", "Span", "Stretch", "compare", "critical"]
