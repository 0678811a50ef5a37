"""What an order cost beside its price: slippage, shortfall, delay, markout, fill ratio. Positive is cost.

Sides are `buy` or `sell`. Prices are in one currency, quantities in one unit. A price that is zero, negative, missing
or not finite is no price: a measure that needs it is None, never 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

BPS = 10_000
Number = float | Decimal

_SIGNS = {"buy": 1, "sell": -1}


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Implementation shortfall and its parts, in basis points of the intended notional (decision price times ordered).

    A part that cannot be known is None, and so is the total then.
    """

    total_bps: float | None
    execution_bps: float | None
    fee_bps: float | None
    opportunity_bps: float | None


def arrival_slippage_bps(side: str, average_price: Number | None, arrival_mid: Number | None) -> float | None:
    """How much worse than the mid at the order's start it was filled: s (average fill - mid) / mid, in bps.

    Args:
        side: `buy` or `sell`.
        average_price: average price of the fills.
        arrival_mid: middle of best bid and ask when the order started.

    Returns:
        Basis points, positive is cost; None for another side or without both prices.

    Source: telemetry contract, section 3; R. Kissell, The science of algorithmic trading (2013), ch. 3.
    """
    return _cost_bps(side, arrival_mid, average_price)


def delay_cost_bps(side: str, decision_price: Number | None, arrival_mid: Number | None) -> float | None:
    """How far the market went between decision and order: s (mid at start - decision price) / decision price, in bps.

    Args:
        side: `buy` or `sell`.
        decision_price: price when the decision fell.
        arrival_mid: middle of best bid and ask when the order started.

    Returns:
        Basis points, positive is cost; None for another side or without both prices.

    Source: telemetry contract, section 3; A. Perold, The implementation shortfall, J. Portfolio Management 14 (1988).
    """
    return _cost_bps(side, decision_price, arrival_mid)


def markout_bps(side: str, fill_price: Number | None, later_mid: Number | None) -> float | None:
    """How far the market went after a fill: s (mid at fill + t - fill price) / fill price, in bps.

    Args:
        side: `buy` or `sell`.
        fill_price: price of the fill.
        later_mid: middle of best bid and ask `t` after the fill (1, 10 and 60 s are usual).

    Returns:
        Basis points, positive where the market went the order's way (the one measure here in which positive is good);
        None for another side or without both prices.

    Source: telemetry contract, section 3.
    """
    return _cost_bps(side, fill_price, later_mid)


def fill_ratio(filled_quantity: Number | None, ordered_quantity: Number | None) -> float | None:
    """Filled per ordered quantity.

    Args:
        filled_quantity: what was filled, 0 or more.
        ordered_quantity: what was ordered, above 0.

    Returns:
        0 to 1, above 1 where more was filled than ordered; None without a quantity ordered.

    Source: telemetry contract, section 3.
    """
    filled, ordered = _quantity(filled_quantity), _price(ordered_quantity)
    return None if filled is None or ordered is None else filled / ordered


def implementation_shortfall(
    side: str,
    decision_price: Number | None,
    average_price: Number | None,
    filled_quantity: Number | None,
    ordered_quantity: Number | None,
    fee: Number | None = 0,
    horizon_price: Number | None = None,
) -> Shortfall | None:
    """What the order cost against a paper portfolio that trades all of it at the decision price.

    The filled part is s (average fill - decision price), the unfilled part s (price at the horizon - decision price),
    each weighted with its share of the ordered quantity, and fees stand beside them: of a filled order the first part
    is s (average fill - decision price) / decision price.

    Args:
        side: `buy` or `sell`.
        decision_price: price when the decision fell.
        average_price: average price of the fills; not needed when nothing was filled.
        filled_quantity: what was filled.
        ordered_quantity: what was ordered.
        fee: paid for the fills in the currency of the prices; a rebate is negative, unknown is None.
        horizon_price: price at which the rest is counted; not needed when all was filled.

    Returns:
        The parts and their sum in basis points; None for another side, or without decision price or quantities.

    Source: A. Perold, The implementation shortfall: paper versus reality, J. Portfolio Management 14 (1988).
    """
    decision, filled, ordered = _price(decision_price), _quantity(filled_quantity), _price(ordered_quantity)
    if side not in _SIGNS or decision is None or filled is None or ordered is None:
        return None
    paid = _finite(fee)
    execution = _part_bps(side, decision, average_price, filled / ordered)
    opportunity = _part_bps(side, decision, horizon_price, max(0.0, 1 - filled / ordered))
    fees = None if paid is None else paid / (decision * ordered) * BPS
    total = None if execution is None or fees is None or opportunity is None else execution + fees + opportunity
    return Shortfall(total, execution, fees, opportunity)


def _part_bps(side: str, decision: float, price: Number | None, share: float) -> float | None:
    if share == 0:
        return 0.0
    cost = _cost_bps(side, decision, price)
    return None if cost is None else cost * share


def _cost_bps(side: str, benchmark: Number | None, price: Number | None) -> float | None:
    sign, base, paid = _SIGNS.get(side), _price(benchmark), _price(price)
    if sign is None or base is None or paid is None:
        return None
    return sign * (paid - base) / base * BPS


def _price(value: Number | None) -> float | None:
    found = _finite(value)
    return found if found is not None and found > 0 else None


def _quantity(value: Number | None) -> float | None:
    found = _finite(value)
    return found if found is not None and found >= 0 else None


def _finite(value: Number | None) -> float | None:
    if value is None:
        return None
    found = float(value)
    return found if math.isfinite(found) else None
