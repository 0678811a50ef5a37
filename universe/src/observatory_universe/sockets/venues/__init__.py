"""What the real clients have to know of each venue: its URLs for ccxt, and how its stream is read."""

from collections.abc import Mapping
from typing import Final

from observatory_universe.sockets.venues.binance import BinanceClient
from observatory_universe.sockets.venues.client import VenueClient
from observatory_universe.sockets.venues.coinbase import CoinbaseClient
from observatory_universe.sockets.venues.kraken import KrakenClient
from observatory_universe.sockets.venues.kucoin import KucoinClient

CLIENTS: Final[Mapping[str, VenueClient]] = {
    client.name: client for client in (BinanceClient(), KrakenClient(), KucoinClient(), CoinbaseClient())
}
