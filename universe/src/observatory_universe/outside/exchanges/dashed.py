"""What KuCoin and Coinbase have alike: `BTC-USDT`, decimal texts without needless zeros, and the edge before both."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from observatory_universe.market import SYMBOLS
from observatory_universe.outside.refusal import Refusal

QUANTITY_STEP: Final = "0.00000001"


def dashed(symbol: str) -> str:
    """`BTC/USDT` as both venues write it."""
    return symbol.replace("/", "-")


def slashed(native: str) -> str:
    """`BTC-USDT` as the universe writes it.

    Raises:
        Refusal: it is no symbol at all.
    """
    if native.count("-") != 1:
        raise Refusal("bad_symbol")
    return native.replace("-", "/")


def price_step(symbol: str) -> str:
    """The least change of a price; a market that is only listed has six decimals."""
    decimals = SYMBOLS[symbol][1] if symbol in SYMBOLS else 6
    return f"{10**-decimals:.{decimals}f}"


def amount_text(amount: float) -> str:
    """A quantity or a sum without zeros at its end."""
    return f"{amount:.8f}".rstrip("0").rstrip(".")


def wire_text(message: Mapping[str, Any]) -> str:
    """A stream's message."""
    return json.dumps(message, separators=(",", ":"))


def assets(symbols: tuple[str, ...]) -> list[str]:
    """Every asset that these markets are of, in order."""
    return sorted({asset for symbol in symbols for asset in symbol.split("/")})


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to come back, in whole seconds."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def shut_out(refusal: Refusal) -> web.Response:
    """What an address hears that is banned: the edge answers in the venue's place, with words of its own."""
    return web.Response(status=429, text="error code: 1015", headers=retry_after(refusal.retry_after_s))
