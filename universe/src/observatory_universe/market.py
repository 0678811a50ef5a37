"""What is traded and where, and what stands out in it. How prices come about is the outside world's affair."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VENUES: Final = ("binance", "kraken", "kucoin", "coinbase")
# Symbol to (price at the start in USD, decimals of the price, deviation in bps per root second).
SYMBOLS: Final[Mapping[str, tuple[float, int, float]]] = {
    "BTC/USDT": (64_200.0, 2, 0.5),
    "ETH/USDT": (3_140.0, 2, 0.6),
    "SOL/USDT": (148.5, 3, 0.8),
    "XRP/USDT": (0.5820, 5, 0.8),
    "ADA/USDT": (0.4460, 5, 0.8),
    "LINK/USDT": (14.35, 4, 0.8),
}


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """A move that stands out, as the merged feeds show it."""

    id: str
    symbol: str
    move_bps: float
    volume_ratio: float
    mid: float
    time_unix_nano: int


def volume_ratio_of(goes_on_ratio: float) -> float:
    """The volume, as a multiple of the usual one, that comes with an impulse of this probability to go on."""
    return 2.0 + 10.0 * (goes_on_ratio - 0.5)


def goes_on_ratio_of(volume_ratio: float) -> float:
    """The probability (0.5 to 0.97) that a move with this volume goes on: the inverse of `volume_ratio_of`."""
    return min(0.97, max(0.5, 0.5 + (volume_ratio - 2.0) / 10.0))
