"""What sums over many calls cost, for the indicators: at the prices in force, without a ledger to ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observatory.costs.book import KINDS, Book, total
from observatory.costs.shelf import Shelf

_in_force: Book | Shelf = Book()


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of calls that fall into one step of the model's price.

    Attributes:
        calls: how many calls.
        input: tokens in, cached ones included.
        output: tokens out, reasoning included.
        cache_read: the part of `input` that came from the provider's cache.
        cache_write: the part of `input` that was written to it.
        largest_input: tokens in of the largest call, which decides the step.
    """

    calls: int
    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    largest_input: int = 0


def put_in_force(prices: Book | Shelf) -> None:
    """Let `price` go by this book, or by the newest one of this shelf."""
    global _in_force
    _in_force = prices


def price(provider: str, model: str, tokens: Tokens, at: datetime) -> Decimal | None:
    """The price in USD; None when the model has no known price, or the sums contradict each other.

    Args:
        provider: OpenTelemetry's provider name, such as `openai`; empty: found by the model's name.
        model: the model that answered.
        tokens: sums over the calls.
        at: prices of this time.
    """
    if tokens.cache_read + tokens.cache_write > tokens.input:
        return None
    book = _in_force.newest
    band = max((step for step in book.steps if tokens.largest_input > step), default=0)
    units = book.units(provider, model, band, at)
    if units is None:
        return None
    told = {name: getattr(tokens, name) for name in ("input", "output", "cache_read", "cache_write")}
    return total(units, (*(told.get(kind, 0) for kind in KINDS), tokens.calls))
