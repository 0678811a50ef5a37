"""What everything costs, in exact decimals: the price book and the ledger."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from observatory.costs.anomalies import CostAnomalies, CostAnomaly
from observatory.costs.book import Book, Priced, Tokens
from observatory.costs.ledger import DIMENSIONS, Ledger, Spent
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

_LISTED = Book()


def price(provider: str, model: str, usage: Tokens, at: datetime) -> Decimal | None:
    """The list price of one call in USD, exact; None when the model has none or the counts contradict each other.

    Args:
        provider: OpenTelemetry's provider name, such as `openai`; empty: found by the model's name.
        model: the model that answered.
        usage: what the call used.
        at: when it was made, aware.
    """
    priced = _LISTED.price(provider, model, usage, at)
    return None if priced is None else priced.usd
