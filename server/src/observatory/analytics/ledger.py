"""Exact arithmetic of money: what a share of a profit should have been, what an account's entries say it should hold.

All of it is `Decimal`; a float never comes near.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

# Wide enough for the product of any two amounts that the store can hold.
_EXACT = Context(prec=120)
# An amount may be rounded to the last place it is written with, but to nothing coarser than cents.
COARSEST_PLACES = 2
# The store keeps nine places and cuts what is beyond; both sides of a comparison may be cut.
FINEST_USD = Decimal("0.000000002")
# The largest number in 31 bits: the smallest column that balances are commonly kept in.
LARGEST_INTEGER = Decimal(2_147_483_647)


@dataclass(frozen=True, slots=True)
class ShareCheck:
    """A profit share against its recomputation.

    Attributes:
        expected: what it should have been, in USD, exactly.
        error: what was taken more than that, in USD; below 0 when it was less.
        rounding: how far it may be away, in USD.
        right: whether it is no further away than that.
    """

    expected: Decimal
    error: Decimal
    rounding: Decimal
    right: bool


def check_share(profit: Decimal | str, ratio: Decimal | str, amount: Decimal | str, places: int = 9) -> ShareCheck:
    """Compute a profit share once more: `ratio` of the profit, nothing of a loss.

    Args:
        profit: realised profit in USD.
        ratio: the platform's share, 0 to 1, as it was written.
        amount: what was taken, in USD.
        places: digits after the point that the amount was written with; it may be rounded to the last of them, or to
            cents if it has fewer.

    Returns:
        The expected share with the signed difference.

    Source: definition; exact decimal arithmetic (no rounding in the product).
    """
    product = _EXACT.multiply(max(Decimal(profit), Decimal(0)), Decimal(ratio))
    error = _EXACT.subtract(Decimal(amount), product)
    half = Decimal(5).scaleb(-max(COARSEST_PLACES, min(9, places)) - 1)
    rounding = max(FINEST_USD, half)
    return ShareCheck(product, error, rounding, abs(error) <= rounding)


def conservation(opening: Decimal | str, closing: Decimal | str, amounts: Iterable[Decimal | str]) -> Decimal:
    """By how much an account's balance rose more than its entries say; 0 when the ledger is conserved.

    Args:
        opening: balance before the first entry, in credits.
        closing: balance after the last one.
        amounts: signed amounts of all entries between.

    Returns:
        closing - opening - sum of the amounts, exactly.

    Source: double-entry bookkeeping: the sum of an account's entries is the change of its balance.
    """
    gained = Decimal(0)
    for amount in amounts:
        gained = _EXACT.add(gained, Decimal(amount))
    return _EXACT.subtract(_EXACT.subtract(Decimal(closing), Decimal(opening)), gained)


def overflow_distance(balance: Decimal | str, largest: Decimal | str = LARGEST_INTEGER) -> Decimal:
    """Credits between a balance, above or below 0, and the end of the column it is kept in; below 0 when beyond.

    Args:
        balance: in credits.
        largest: the largest number of the column; by default that of 31 bits.

    Returns:
        largest - |balance|, exactly.

    Source: definition; range of the integer type, PostgreSQL documentation, section 8.1.
    """
    return _EXACT.subtract(Decimal(largest), abs(Decimal(balance)))
