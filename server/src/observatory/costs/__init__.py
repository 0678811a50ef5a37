"""What everything costs, in exact decimals: the price book and the ledger.

`price` needs no server; so names are loaded as they are asked for, and the store only with what needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.costs.anomalies import CostAnomalies, CostAnomaly
    from observatory.costs.book import Book, Priced, Tokens
    from observatory.costs.ledger import DIMENSIONS, Ledger, Spent
    from observatory.costs.listed import price
    from observatory.costs.outlooks import Outlooks
    from observatory.costs.prices import put_in_force
    from observatory.costs.rollup import Rollup
    from observatory.costs.shelf import Shelf
    from observatory.costs.standings import Standings

__all__ = [
    "DIMENSIONS",
    "Book",
    "CostAnomalies",
    "CostAnomaly",
    "Ledger",
    "Outlooks",
    "Priced",
    "Rollup",
    "Shelf",
    "Spent",
    "Standings",
    "Tokens",
    "price",
    "put_in_force",
]
_ROOMS = {
    "anomalies": ("CostAnomalies", "CostAnomaly"),
    "book": ("Book", "Priced", "Tokens"),
    "ledger": ("DIMENSIONS", "Ledger", "Spent"),
    "listed": ("price",),
    "outlooks": ("Outlooks",),
    "prices": ("put_in_force",),
    "rollup": ("Rollup",),
    "shelf": ("Shelf",),
    "standings": ("Standings",),
}
_WHERE = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    room = _WHERE.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{room}"), name)
    return found
