"""Orders in ccxt's unified structure, read into what the facts of an order say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from observatory_sdk.exchanges.values import exact, fields, instant_ns, short
from observatory_sdk.facts.trading import State, Status

# Held at one dollar, as the platform does.
DOLLARS = frozenset(("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI", "PYUSD"))
MAX_FILLS = 100
_ENDS: Mapping[str, tuple[Status, State]] = {
    "closed": ("filled", "filled"),
    "filled": ("filled", "filled"),
    "canceled": ("cancelled", "cancelled"),
    "cancelled": ("cancelled", "cancelled"),
    "expired": ("cancelled", "expired"),
    "rejected": ("rejected", "rejected"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the host asked for. `side` is empty unless it is `buy` or `sell`."""

    symbol: str
    side: str
    type: str
    quantity: Decimal | None
    price: Decimal | None
    client_id: str | None

    def value_usd(self) -> Decimal | None:
        """Quantity times price, where that is dollars."""
        if self.quantity is None or self.price is None or _quote(self.symbol) not in DOLLARS:
            return None
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of an order."""

    id: str | None
    price: Decimal
    quantity: Decimal
    fee_usd: Decimal | None
    time_ns: int | None


@dataclass(frozen=True, slots=True)
class Unified:
    """What an order's structure tells. `status` and `state` are None where it does not say."""

    id: str | None
    client_id: str | None
    symbol: str | None
    side: str | None
    type: str | None
    quantity: Decimal | None
    filled: Decimal | None
    average: Decimal | None
    fee_usd: Decimal | None
    status: Status | None
    state: State | None
    time_ns: int | None
    fills: tuple[Fill, ...]


def asked(symbol: object, type: object, side: object, amount: object, price: object, params: object) -> Asked:
    """The arguments of `create_order`."""
    found_side = (short(side) or "").lower()
    return Asked(
        short(symbol) or "unknown",
        found_side if found_side in ("buy", "sell") else "",
        (short(type) or "unknown").lower(),
        exact(amount),
        exact(price),
        client_id(params),
    )


def client_id(params: object) -> str | None:
    """Our own id of an order among the parameters of a call."""
    given = fields(params)
    for name in ("clientOrderId", "newClientOrderId", "origClientOrderId", "client_order_id", "clientOid"):
        found = short(given.get(name))
        if found is not None:
            return found
    return None


def read(order: object) -> Unified:
    """An order's structure. Rubbish in it is as if it were not there."""
    said = fields(order)
    symbol, average = short(said.get("symbol")), exact(said.get("average")) or None
    filled = exact(said.get("filled"))
    status, state = _status(short(said.get("status")), filled, exact(said.get("remaining")))
    side = (short(said.get("side")) or "").lower()
    listed = said.get("trades")
    fills = tuple(_fills(listed if isinstance(listed, list) else (), symbol))
    return Unified(
        short(said.get("id")),
        short(said.get("clientOrderId")),
        symbol,
        side if side in ("buy", "sell") else None,
        (short(said.get("type")) or "").lower() or None,
        exact(said.get("amount")),
        filled,
        average,
        _fees_usd(said, symbol, average, fills),
        status,
        state,
        _time_ns(said),
        fills,
    )


def _status(word: str | None, filled: Decimal | None, left: Decimal | None) -> tuple[Status | None, State | None]:
    if word is None:
        return None, None
    found = _ENDS.get(word.lower())
    if found is not None:
        return found
    if filled and left != 0:
        return "partially_filled", "partially_filled"
    # A word that ccxt has not translated says that the order stands, and no more.
    return ("open", "open") if word.lower() in ("open", "canceling") else (None, None)


def _time_ns(said: Mapping[str, Any]) -> int | None:
    for name in ("lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"):
        found = instant_ns(said.get(name))
        if found is not None:
            return found
    return None


def _fills(listed: Any, symbol: str | None) -> Iterator[Fill]:
    for each in listed[:MAX_FILLS]:
        said = fields(each)
        price, quantity = exact(said.get("price")), exact(said.get("amount"))
        if price is not None and quantity is not None:
            fee = _fee_usd(said.get("fee"), symbol, price)
            yield Fill(short(said.get("id")), price, quantity, fee, instant_ns(said.get("timestamp")))


def _fees_usd(
    said: Mapping[str, Any], symbol: str | None, average: Decimal | None, fills: tuple[Fill, ...]
) -> Decimal | None:
    """The order's fees, where all of them can be told in dollars."""
    listed = said.get("fees") or ([said["fee"]] if fields(said.get("fee")).get("cost") is not None else [])
    if isinstance(listed, list) and listed:
        return _sum([_fee_usd(fee, symbol, average) for fee in listed[:MAX_FILLS]])
    return _sum([fill.fee_usd for fill in fills])


def _sum(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _fee_usd(fee: object, symbol: str | None, price: Decimal | None) -> Decimal | None:
    said = fields(fee)
    # A rebate is a fee below 0.
    cost, sign = said.get("cost"), 1
    if isinstance(cost, int | float | Decimal) and cost < 0:
        cost, sign = -cost, -1
    found, currency = exact(cost), short(said.get("currency"))
    if found is None or currency is None:
        return None
    if currency in DOLLARS:
        return found * sign
    base = (symbol or "").partition("/")[0]
    if price is not None and currency == base and _quote(symbol or "") in DOLLARS:
        return found * price * sign
    return None


def _quote(symbol: str) -> str:
    """`USDT` of `BTC/USDT` and of `BTC/USDT:USDT`."""
    return symbol.partition("/")[2].partition(":")[0]
