"""ccxt, plain, asynchronous and Pro: its classes patched so that calls, orders and feeds are told of.

ccxt has more than two hundred classes of exchanges, which come with different modules, and a process uses a few. A
class is patched when the first object of it is made; for objects that are older, when they send their first request,
and what places orders at once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from threading import RLock
from typing import Any

from observatory_sdk.exchanges import calls, placing, pro
from observatory_sdk.exchanges.around import Patches, Seen, Watch, restore

# What ccxt unifies begins with one of these; what else does so asks nobody and costs next to nothing.
_PREFIXES = ("fetch_", "create_", "cancel_", "edit_", "close_position", "borrow_", "repay_", "withdraw", "transfer")
_NAMES = frozenset(
    (
        calls.LOAD_MARKETS,
        "add_margin",
        "deposit",
        "reduce_margin",
        "set_leverage",
        "set_margin",
        "set_margin_mode",
        "set_position_mode",
        "sign_in",
    )
)
_OWN: Mapping[str, Watch] = {
    "fetch": calls.request,
    "on_rest_response": calls.answer,
    "create_order": placing.create_order,
    "create_orders": placing.create_orders,
    "edit_order": placing.edit_order,
    "fetch_order": placing.asking("fetch_order", "poll"),
    "cancel_order": placing.asking("cancel_order", "ack"),
    **pro.OWN,
}
_PLACING = frozenset(("create_order", "create_orders", "edit_order", "fetch_order", "cancel_order"))
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BASE = "ccxt.base.exchange"
_CLIENT = "ccxt.async_support.base.ws.client"


class Binding:
    """The patched classes, and those still to come."""

    def __init__(self, base: type) -> None:
        self._base = base
        self._lock = RLock()
        self._seen: set[type] = set()
        self._patches = Patches()

    def start(self) -> None:
        """Patch what is there."""
        self._patches.watch(self._base, "__init__", self._used)
        self._patch(self._base)
        for owner in _below(self._base):
            for name in list(vars(owner)):
                if _plain(name) in _PLACING:
                    self._patches.watch(owner, name, _OWN[_plain(name)])
            if "fetch2" in vars(owner):
                self._patch(owner)

    def stop(self) -> None:
        """Put everything back."""
        with self._lock:
            self._patches.undo()
            # ccxt gives each method a second name, as `createOrder`, when it makes the first object of a class.
            for owner in [self._base, *_below(self._base)]:
                restore(owner)
            self._seen.clear()
            placing.MEMORY.forget()
            pro.forget()

    def _used(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """An object is made, or sends: its class may be a new one."""
        kind = type(args[0])
        if kind not in self._seen:
            for owner in kind.__mro__:
                if owner not in self._seen and issubclass(owner, self._base):
                    self._patch(owner)

    def _sends(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Seen | None:
        self._used(args, kwargs)
        return calls.endpoint(args, kwargs)

    def _patch(self, owner: type) -> None:
        with self._lock:
            if owner in self._seen:
                return
            self._seen.add(owner)
            for name in list(vars(owner)):
                watch = self._sends if name == "fetch2" else _watch_of(name)
                if watch is not None:
                    self._patches.watch(owner, name, watch)
            client = sys.modules.get(_CLIENT)
            if client is not None:
                self._patches.watch(client.Client, "close", pro.closes)


def _plain(name: str) -> str:
    """`create_order` of `createOrder`."""
    return name if name.islower() else _HUMPS.sub("_", name).lower()


def _watch_of(name: str) -> Watch | None:
    name = _plain(name)
    found = _OWN.get(name)
    if found is None and (name.startswith(_PREFIXES) or name in _NAMES):
        found = calls.operation(name)
    return found


def _below(owner: type) -> Iterator[type]:
    found: list[type] = owner.__subclasses__()
    for each in found:
        yield each
        yield from _below(each)


def switch_on() -> Callable[[], None] | None:
    """Patch ccxt, which has been imported. Gives back what undoes it, or None where this is no ccxt that is known."""
    base = getattr(sys.modules.get(_BASE), "BaseExchange", None) or getattr(sys.modules.get(_BASE), "Exchange", None)
    if not isinstance(base, type):
        return None
    binding = Binding(base)
    binding.start()
    return binding.stop
