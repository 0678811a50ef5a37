"""ccxt.pro's streams: messages of the venues that are known, and for the others what `watch_*` gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from observatory_sdk.exchanges import failures, messages
from observatory_sdk.exchanges.around import Watch
from observatory_sdk.exchanges.calls import venue_of
from observatory_sdk.exchanges.messages import Tick
from observatory_sdk.exchanges.streams import FOLLOWED_ABOVE, Connection, Connections
from observatory_sdk.exchanges.values import fields, instant_ns, short

_CLIENTS = Connections()
_EXCHANGES = Connections()
MAX_ITEMS = 1_000


def _client_of(args: tuple[Any, ...]) -> Connection | None:
    return _CLIENTS.of(args[1]) if len(args) > 1 else None


def opens(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Watches `on_connected(client)`."""
    if len(args) > 1:
        _open(args[0], args[1])


def _open(exchange: Any, client: Any) -> Connection | None:
    socket = getattr(client, "connection", None)
    if socket is not None:
        # ccxt takes some messages out of aiohttp's queue itself: they are told of here, and not there.
        FOLLOWED_ABOVE.add(socket)
    venue = messages.of_id(str(exchange.id))
    return _CLIENTS.opened(client, None if venue is None else Connection(venue, venue_of(exchange), client.url))


def hears(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Watches `handle_message(client, message)`."""
    if len(args) > 2:
        exchange, client, message = args[:3]
        found = _CLIENTS.of(client) if _CLIENTS.is_known(client) else _open(exchange, client)
        # A class may go on to the one that it inherits from with the same message.
        if found is not None and found.newest is not message:
            found.newest = message
            found.message(message)


def breaks(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Watches `on_error(client, error)` and `on_close(client, code)`."""
    found = _client_of(args)
    if found is not None:
        found.lost()


def closes(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Watches `Client.close`: the host's own end, unless it broke before."""
    found = _CLIENTS.of(args[0])
    if found is not None:
        found.closed()


class Watching:
    """A call of `watch_*` of a venue whose messages are not known."""

    def __init__(self, exchange: Any, channel: str, symbol: str | None) -> None:
        self._exchange, self._channel, self._symbol = exchange, channel, symbol

    def begin(self) -> None:
        """Nothing."""

    def end(self, result: object, error: BaseException | None) -> None:
        found = _EXCHANGES.of(self._exchange)
        if error is not None:
            if found is not None and "NetworkError" in failures.lineage(error):
                found.lost()
            return
        if found is None or not found.open:
            venue = venue_of(self._exchange)
            found = _EXCHANGES.opened(self._exchange, Connection(None, venue, f"ccxt://{venue}"))
        if found is not None:
            found.ticks(_ticks(result, self._channel, self._symbol))


def _ticks(result: object, channel: str, symbol: str | None) -> Iterator[Tick]:
    """The items of an answer: one structure, a list of them, or a dictionary of them by symbol."""
    said = fields(result)
    if isinstance(result, list):
        listed = [fields(each) for each in result[-MAX_ITEMS:]] or [{}]
        if channel == "candles":
            listed = listed[-1:]
    elif "symbol" in said or "bids" in said:
        listed = [said]
    else:
        listed = [fields(each) for each in list(said.values())[:MAX_ITEMS]]
    for each in listed:
        name = short(each.get("symbol")) or symbol
        if name is not None:
            yield Tick(channel, name, instant_ns(each.get("timestamp")))


def _watching(channel: str) -> Watch:
    def watch(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Watching | None:
        if messages.of_id(str(args[0].id)) is not None:
            return None
        symbol = kwargs.get("symbol", args[1] if len(args) > 1 else None)
        return Watching(args[0], channel, short(symbol))

    return watch


def forget() -> None:
    """Forget all connections."""
    _CLIENTS.clear()
    _EXCHANGES.clear()


OWN: Mapping[str, Watch] = {
    "on_connected": opens,
    "on_error": breaks,
    "on_close": breaks,
    "handle_message": hears,
    "watch_ticker": _watching("ticker"),
    "watch_tickers": _watching("ticker"),
    "watch_bids_asks": _watching("best_price"),
    "watch_trades": _watching("trades"),
    "watch_trades_for_symbols": _watching("trades"),
    "watch_order_book": _watching("book"),
    "watch_order_book_for_symbols": _watching("book"),
    "watch_ohlcv": _watching("candles"),
}
