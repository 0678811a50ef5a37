"""Orders that the host places, asks for and cancels through ccxt: told as facts, each order once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import Any, cast

from observatory_sdk import clock, facts, scope
from observatory_sdk.exchanges import failures, orders
from observatory_sdk.exchanges.calls import SENDING, Operation, Sending, Set, named, venue_of
from observatory_sdk.exchanges.orders import Asked, Unified
from observatory_sdk.exchanges.values import fields, short
from observatory_sdk.facts.leaf import is_recorded
from observatory_sdk.facts.trading import Mode, Side, Source, State, order_under_way

MAX_REMEMBERED = 10_000
MAX_BATCH = 100
_PLACING: ContextVar[bool] = ContextVar("observatory-exchange-placing", default=False)
_CREATE = ("self", "symbol", "type", "side", "amount", "price", "params")
_EDIT = ("self", "id", "symbol", "type", "side", "amount", "price", "params")
_ASK = ("self", "id", "symbol", "params")


@dataclass(frozen=True, slots=True)
class _Known:
    client_id: str
    state: State


class Memory:
    """The last known state of the newest orders, by the venue's id and by ours. Bounded: the oldest go first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def last(self, venue: str, *ids: str | None) -> _Known | None:
        """What was told last of an order."""
        with self._lock:
            return next((found for id_ in ids if id_ and (found := self._orders.get((venue, id_)))), None)

    def keep(self, venue: str, known: _Known, *ids: str | None) -> None:
        """Remember what was told."""
        with self._lock:
            for id_ in ids:
                if id_:
                    self._orders[venue, id_] = known
                    self._orders.move_to_end((venue, id_))
            while len(self._orders) > MAX_REMEMBERED:
                self._orders.popitem(last=False)

    def forget(self) -> None:
        """Forget all orders."""
        with self._lock:
            self._orders.clear()


MEMORY = Memory()


def mode_of(exchange: Any) -> Mode:
    """Whether real money moves: not in a venue's sandbox, and not in its demo account."""
    options = fields(getattr(exchange, "options", None))
    demo = options.get("enableDemoTrading") or options.get("sandboxMode")
    return "paper" if getattr(exchange, "isSandboxModeEnabled", False) or demo else "live"


class Placing(Operation):
    """A call that places or changes orders: it knows what became of the requests."""

    def __init__(self, name: str, exchange: Any) -> None:
        super().__init__(name)
        self.exchange = exchange
        self.venue = venue_of(exchange)
        self.mode = mode_of(exchange)
        self.sending = Sending()
        self._marks: tuple[Set, ...] = (Set(SENDING, self.sending), Set(_PLACING, True))

    def begin(self) -> None:
        super().begin()
        for mark in self._marks:
            mark.begin()

    def end(self, result: object, error: BaseException | None) -> None:
        for mark in reversed(self._marks):
            mark.end(result, error)
        super().end(result, error)

    def state(self, found: Unified, error: BaseException | None) -> State | None:
        """What became of an order; None when it never left."""
        if error is None:
            return found.state or "acknowledged"
        if self.sending.doubtful:
            return "unknown"
        if self.sending.refused:
            return "rejected"
        # ccxt or the host's own settings refused it before anything was sent; a venue out of reach denied nothing.
        lineage = failures.lineage(error)
        return "denied" if not self.sending.sent and "ExchangeError" in lineage else None

    def tell(self, was: Asked, found: Unified, state: State | None, error: BaseException | None) -> None:
        """The event of the order's new state."""
        client_id = found.client_id or was.client_id or self.sending.client_id or found.id
        if state is None or client_id is None:
            return
        reason = None if error is None else failures.reason(error)
        at_risk = was.value_usd() if state == "unknown" else None
        changed(self, was, found, client_id, state, "ack", "submitted", reason, at_risk)


def changed(
    call: Placing | Asking,
    was: Asked,
    found: Unified,
    client_id: str,
    state: State,
    source: Source,
    before: State | None,
    reason: str | None = None,
    at_risk: Decimal | None = None,
) -> None:
    """Tell that an order is in another state, and remember it."""
    MEMORY.keep(call.venue, _Known(client_id, state), found.id, client_id)
    facts.order_state_changed(
        client_id=client_id,
        from_=before,
        to=state,
        source=source,
        exchange_id=call.venue,
        symbol=found.symbol or was.symbol,
        side=cast("Side | None", found.side or was.side or None),
        type=found.type or was.type,
        mode=call.mode,
        venue_time_unix_nano=found.time_ns,
        value_at_risk_usd=at_risk,
        reject_reason=reason,
    )


class Create(Placing):
    """`create_order`: one order, its span, and its state afterwards."""

    def __init__(self, exchange: Any, was: Asked) -> None:
        super().__init__("create_order", exchange)
        self._asked = was
        # A host that tells of its order by itself, or by its bindings, tells of it once.
        told_above = order_under_way() or not was.side
        self._fact = None if told_above else order_fact(self, was)

    def begin(self) -> None:
        super().begin()
        if self._fact is not None:
            self._fact.__enter__()

    def end(self, result: object, error: BaseException | None) -> None:
        super().end(result, error)
        found = orders.read(result)
        state = self.state(found, error)
        try:
            self.tell(self._asked, found, state, error)
            if self._fact is not None:
                self._write(self._fact, found, state, error)
        finally:
            if self._fact is not None:
                self._fact.__exit__(None if error is None else type(error), error, None)

    def _write(self, fact: facts.order, found: Unified, state: State | None, error: BaseException | None) -> None:
        fact.client_id = found.client_id or self._asked.client_id or self.sending.client_id
        write(fact, found, state)
        if error is not None:
            fact.outcome, fact.outcome_reason = "failure", failures.reason(error)
            if state in ("rejected", "denied"):
                fact.reject_reason = fact.outcome_reason


class CreateSeveral(Placing):
    """`create_orders`: what the answer says of each."""

    def __init__(self, exchange: Any, was: Sequence[Asked]) -> None:
        super().__init__("create_orders", exchange)
        self._asked = was
        self._began_ns = clock.now_ns()
        self._told_above = order_under_way()

    def end(self, result: object, error: BaseException | None) -> None:
        super().end(result, error)
        listed = result if isinstance(result, list) else []
        for index, was in enumerate(self._asked):
            found = orders.read(listed[index] if index < len(listed) else None)
            # Venues answer in the order of the request; one that is not answered is not known.
            state = self.state(found, error) if error is not None or index < len(listed) else "unknown"
            self.tell(was, found, state, error)
            if not self._told_above and was.side:
                self._record(was, found, state, error)

    def _record(self, was: Asked, found: Unified, state: State | None, error: BaseException | None) -> None:
        fact = order_fact(self, was)
        fact.client_id = found.client_id or was.client_id
        write(fact, found, state)
        if error is not None:
            fact.outcome, fact.outcome_reason = "failure", failures.reason(error)
        fact.record(start_unix_nano=self._began_ns, end_unix_nano=clock.now_ns())


class Edit(Placing):
    """`edit_order`: the order's state afterwards."""

    def __init__(self, exchange: Any, was: Asked, id_: str | None) -> None:
        super().__init__("edit_order", exchange)
        self._asked = was
        self._known = MEMORY.last(self.venue, was.client_id, id_)
        # Where ccxt edits by cancelling and placing anew, the new order is told of as one.
        self._marks = self._marks[:1]

    def end(self, result: object, error: BaseException | None) -> None:
        super().end(result, error)
        found = orders.read(result)
        state = found.state if error is None else self.state(found, error)
        client_id = found.client_id or self._asked.client_id or (self._known and self._known.client_id) or found.id
        if client_id and (state == "unknown" or (error is None and state is not None)):
            before = None if self._known is None else self._known.state
            at_risk = self._asked.value_usd() if state == "unknown" else None
            changed(self, self._asked, found, client_id, state, "ack", before, at_risk=at_risk)


class Asking(Operation):
    """`fetch_order` and `cancel_order`: a state that is new is told."""

    def __init__(self, name: str, source: Source, exchange: Any, was: Asked, id_: str | None) -> None:
        super().__init__(name)
        self.venue = venue_of(exchange)
        self.mode = mode_of(exchange)
        self._source: Source = source
        self._asked, self._id = was, id_

    def end(self, result: object, error: BaseException | None) -> None:
        super().end(result, error)
        found = orders.read(result)
        if error is not None or found.state is None:
            return
        known = MEMORY.last(self.venue, found.client_id, self._asked.client_id, found.id, self._id)
        client_id = found.client_id or self._asked.client_id or (known and known.client_id) or found.id or self._id
        before = None if known is None else known.state
        same = before == found.state or (before == "acknowledged" and found.state == "open")
        if client_id is not None and not same:
            changed(self, self._asked, found, client_id, found.state, self._source, before)


def order_fact(call: Placing, was: Asked) -> facts.order:
    """The fact of one order, with what the host asked for."""
    return facts.order(
        exchange_id=call.venue,
        symbol=was.symbol,
        side=cast(Side, was.side),
        type=was.type,
        mode=call.mode,
        quantity=was.quantity,
        client_id=was.client_id,
    )


def write(fact: facts.order, found: Unified, state: State | None) -> None:
    """What the venue said of an order."""
    if state in ("unknown", "rejected", "denied"):
        fact.status = state
    elif state is not None:
        fact.status = found.status or "open"
    fact.average_price, fact.filled_quantity, fact.fee_usd = found.average, found.filled, found.fee_usd
    for each in found.fills:
        fact.fill(
            price=each.price,
            quantity=each.quantity,
            fee_usd=each.fee_usd,
            fill_id=each.id,
            venue_time_unix_nano=each.time_ns,
        )


def _quiet(params: object) -> bool:
    """Whether nothing is to be told: somebody above does, or the order is only a test."""
    return scope.silent() or is_recorded("exchange") or _PLACING.get() or bool(fields(params).get("test"))


def _named(names: Sequence[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict(zip(names, args, strict=False)), **kwargs}


def create_order(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation | None:
    """Watches `create_order`."""
    given = _named(_CREATE, args, kwargs)
    if _quiet(given.get("params")):
        return named("create_order")
    return Create(given["self"], orders.asked(*(given.get(name) for name in _CREATE[1:])))


def create_orders(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation | None:
    """Watches `create_orders`."""
    given = _named(("self", "orders", "params"), args, kwargs)
    if _quiet(given.get("params")):
        return named("create_orders")
    listed = given.get("orders")
    wanted = [fields(each) for each in (listed if isinstance(listed, list) else ())[:MAX_BATCH]]
    return CreateSeveral(given["self"], [orders.asked(*(each.get(name) for name in _CREATE[1:])) for each in wanted])


def edit_order(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation | None:
    """Watches `edit_order`."""
    given = _named(_EDIT, args, kwargs)
    if _quiet(given.get("params")):
        return named("edit_order")
    was = orders.asked(*(given.get(name) for name in _EDIT[2:]))
    return Edit(given["self"], was, short(given.get("id")))


def asking(name: str, source: Source) -> Callable[[tuple[Any, ...], Mapping[str, Any]], Operation | None]:
    """Watches `fetch_order` (`poll`) or `cancel_order` (`ack`)."""

    def watch(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation | None:
        given = _named(_ASK, args, kwargs)
        if _quiet(given.get("params")):
            return named(name)
        client_id = orders.client_id(given.get("params"))
        was = Asked(short(given.get("symbol")) or "unknown", "", "unknown", None, None, client_id)
        return Asking(name, source, given["self"], was, short(given.get("id")))

    return watch
