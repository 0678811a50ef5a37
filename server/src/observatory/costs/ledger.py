"""The ledger: the one way to read what was spent. Prices are applied here, never stored with a fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from observatory.costs import hours, reads
from observatory.costs.book import Book, Units
from observatory.costs.hours import Standing
from observatory.costs.shelf import Shelf
from observatory.costs.sources import FINE, Asked
from observatory.errors import InvalidRequest
from observatory.store import Reader

DIMENSIONS = (
    *("category", "provider", "model", "service", "feature", "user", "cohort", "strategy"),
    *("conversation", "trace", "signal"),
)
MOST_FINE = timedelta(days=8)
# Prices that a read needs are kept for the next. A model that is seen first makes both reads start again.
_TRIES = 3
_MOST_PRICES = 1_000
_AMOUNTS = ("usd", "ai_usd", "charged_usd")
# Fewer whole hours than this are read from the facts as fast.
_LEAST_ROLLED = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on one value of each dimension, in one step of time.

    Attributes:
        start: start of the step; None without steps.
        key: one value for each of the dimensions asked for, `""`: nobody is named.
        usd: model calls and charges together; None: nothing is known, neither a price nor an amount.
        ai_usd: list price of the model calls.
        charged_usd: charges for everything else.
        calls: model calls, each counted once.
        input_tokens, output_tokens: of calls that told them and do not contradict themselves.
        cache_read_tokens, cache_write_tokens: parts of `input_tokens`.
        reasoning_tokens: part of `output_tokens`.
        charges: charges.
        calls_unpriced: calls that told tokens, of models without a known price.
        calls_untold: calls that succeeded and told no tokens.
        calls_estimated: calls whose tokens were counted by the sender, or only partly told.
        charges_unreadable: charges whose amount cannot be read, and has no price in the book.
        violations: calls whose counts contradict each other; never priced.
    """

    start: datetime | None
    key: tuple[str, ...]
    usd: Decimal | None
    ai_usd: Decimal | None
    charged_usd: Decimal | None
    calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    charges: int
    calls_unpriced: int
    calls_untold: int
    calls_estimated: int
    charges_unreadable: int
    violations: int


class Ledger:
    """Reads costs.

    Args:
        reader: the telemetry store.
        prices: a price book, or the shelf that has the newest one.
    """

    def __init__(self, reader: Reader, prices: Book | Shelf) -> None:
        self._reader = reader
        self._shelf = prices
        self._priced: tuple[Book | None, dict[int, Units | None]] = (None, {})

    @property
    def book(self) -> Book:
        """The prices in force."""
        return self._shelf.newest

    def at_prices_of(self, book: Book) -> Ledger:
        """The same ledger at other prices."""
        return Ledger(self._reader, book)

    async def spent(
        self,
        environment: str,
        since: datetime,
        until: datetime,
        by: Sequence[str] = (),
        step_s: int | None = None,
        only: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> list[Spent]:
        """What was spent from `since` until before `until`, the oldest step and the dearest key first.

        A value that nothing was spent on has no entry, and neither has a step: an empty list means that nothing is
        known to have been spent. The sums over any dimension are exactly equal.

        Args:
            environment: never mixed with another.
            since, until: aware times.
            by: some of `DIMENSIONS`.
            step_s: seconds; steps start at multiples of it since 1970.
            only: dimensions and the one value that is kept of each.
            most: keys kept, the dearest and, before them, an empty first dimension; without steps.

        Raises:
            InvalidRequest: an unknown dimension, or a range too long for conversations, traces and signals.
            StoreError: the store refused, or a limit was reached.
        """
        only = only or {}
        _check(since, until, by, only)
        asked = Asked(environment, since, until, tuple(by), step_s, tuple(only.items()))
        book = self.book
        standing = None if asked.fine else await self._standing(since, until)
        found = reads.rows(asked, standing, book)
        if not found:
            return []
        # Whoever called them, models are the same: without users there are far fewer rows.
        needed = reads.rows(asked.without_users(), standing, book)
        bound = reads.bound(asked, standing, book)
        prices = self._known(book)
        for attempt in range(_TRIES):
            if attempt or not prices:
                await self._learn(book, prices, needed, bound)
            rows = (await self._reader.read(reads.spent(found, asked, most), bound | _handed(prices))).dicts()
            if not any(row["unseen"] for row in rows):
                break
        return [_spent(row, len(by)) for row in rows]

    def _known(self, book: Book) -> dict[int, Units | None]:
        """The prices that were needed before, by the number that the reads give them."""
        if self._priced[0] is not book or len(self._priced[1]) > _MOST_PRICES:
            self._priced = (book, {})
        return self._priced[1]

    async def _standing(self, since: datetime, until: datetime) -> Standing | None:
        first, last = hours.ceiling(since), hours.floor(until)
        if last - first < _LEAST_ROLLED:
            return Standing({}, {}, facts_only=True)
        rows = await self._reader.read(hours.standing_sql(first, last))
        return hours.standing(rows.rows, first, last, self.book.rules)

    async def _learn(
        self, book: Book, prices: dict[int, Units | None], found: str, bound: Mapping[str, object]
    ) -> None:
        rows = await self._reader.read(reads.prices(found), bound)
        for provider, model, item, band, at, number in rows.rows:
            prices[int(number)] = book.vector(provider, model, item, int(band), at.astimezone(UTC))


def _handed(prices: Mapping[int, Units | None]) -> dict[str, object]:
    vectors: dict[Units, int] = {}
    places = {
        number: 0 if units is None else vectors.setdefault(units, len(vectors) + 1) for number, units in prices.items()
    }
    return reads.priced(places, vectors)


def together(rows: Iterable[Spent], start: datetime | None = None, key: tuple[str, ...] = ()) -> Spent | None:
    """What was spent on all of them; None without any."""
    rows = list(rows)
    if not rows:
        return None
    amounts: dict[str, Any] = {}
    for name in _AMOUNTS:
        known = [value for value in (getattr(row, name) for row in rows) if value is not None]
        amounts[name] = reads.added(known) if known else None
    counts = {name: sum(getattr(row, name) for row in rows) for name in reads.NUMBERS}
    return Spent(start, key, **amounts, **counts)


def _check(since: datetime, until: datetime, by: Sequence[str], only: Mapping[str, str]) -> None:
    for name in (*by, *only):
        if name not in DIMENSIONS:
            raise InvalidRequest(f"costs are not known by {name[:64]!r}; there are {', '.join(DIMENSIONS)}")
    if len(set(by)) < len(by):
        raise InvalidRequest("a dimension of costs may be named once")
    if until - since > MOST_FINE and not set(FINE).isdisjoint((*by, *only)):
        raise InvalidRequest(f"costs by {', '.join(FINE)} are read for {MOST_FINE.days} days at most")


def _spent(row: Mapping[str, Any], keys: int) -> Spent:
    ai, charged = row["ai_usd"], row["charged_usd"]
    known = [part for part in (ai, charged) if part is not None]
    return Spent(
        start=row["start"].astimezone(UTC) if "start" in row else None,
        key=tuple(str(row[f"key_{place}"]) for place in range(keys)),
        usd=reads.added(known) if known else None,
        ai_usd=None if ai is None else reads.plain(ai),
        charged_usd=None if charged is None else reads.plain(charged),
        **{name: int(row[name]) for name in reads.NUMBERS},
    )
