"""Calls of exchanges through ccxt: each HTTP request a span, named by the unified method that the caller used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from observatory_sdk import clock, facts, scope
from observatory_sdk.exchanges import failures, rate_limits
from observatory_sdk.exchanges.values import short
from observatory_sdk.facts.leaf import is_recorded

LOAD_MARKETS = "load_markets"
# ccxt has several classes for one venue.
VENUES: Mapping[str, str] = {
    "coinbaseexchange": "coinbase",
    "coinbaseadvanced": "coinbase",
    "gateio": "gate",
    "huobi": "htx",
    "okex": "okx",
}
_CLIENT_ID = re.compile(
    r"(?:newClientOrderId|clientOrderId|client_order_id|clientOid|client_oid|cl_ord_id|clOrdId|clOrdID|orderLinkId)"
    r"""["']?\s{0,4}[=:]\s{0,4}["']?([A-Za-z0-9_.:-]{1,128})"""
)
_MAX_SEARCHED = 16_384


def venue_of(exchange: Any) -> str:
    """The venue's id, in lower case."""
    id_ = (short(getattr(exchange, "id", None)) or "unknown").lower()
    return VENUES.get(id_, id_)


@dataclass(slots=True)
class Sending:
    """What became of the requests of one order. `doubtful`: one was sent, and nobody knows whether it was done."""

    sent: bool = False
    doubtful: bool = False
    refused: bool = False
    client_id: str | None = None

    def sends(self, url: str, body: object) -> None:
        """A request that changes something is about to leave."""
        text = f"{url} {body}"[:_MAX_SEARCHED]
        found = _CLIENT_ID.search(text)
        if found is not None:
            self.client_id = found[1]

    def told(self, status: int | None, error: BaseException | None) -> None:
        """It was answered with this status, or not at all."""
        left = status is not None or error is None or not failures.never_left(error)
        self.sent = self.sent or left
        self.refused = error is not None and failures.refused(error, status)
        self.doubtful = self.doubtful or (left and error is not None and not self.refused)


@dataclass(slots=True)
class _Endpoint:
    path: str
    requests: int = 0


_OPERATION: ContextVar[str | None] = ContextVar("observatory-exchange-operation", default=None)
_ENDPOINT: ContextVar[_Endpoint | None] = ContextVar("observatory-exchange-endpoint", default=None)
_REQUEST: ContextVar[Request | None] = ContextVar("observatory-exchange-request", default=None)
SENDING: ContextVar[Sending | None] = ContextVar("observatory-exchange-sending", default=None)


class Set:
    """A context variable set for the time of a call."""

    def __init__(self, variable: ContextVar[Any], value: object) -> None:
        self._variable = variable
        self._value = value
        self._token: Token[Any] | None = None

    def begin(self) -> None:
        self._token = self._variable.set(self._value)

    def end(self, result: object, error: BaseException | None) -> None:
        token, self._token = self._token, None
        try:
            if token is not None:
                self._variable.reset(token)
        except ValueError:
            pass  # a coroutine that nobody finished is ended in another context, where nothing of ours is set


class Operation(Set):
    """A unified method of ccxt. The outermost gives its name to the calls inside, whichever others it goes through."""

    def __init__(self, name: str) -> None:
        super().__init__(_OPERATION, name)
        # Markets that are loaded on the way to an order are no part of it.
        self._apart = Set(SENDING, None) if name == LOAD_MARKETS else None

    def begin(self) -> None:
        super().begin()
        if self._apart is not None:
            self._apart.begin()

    def end(self, result: object, error: BaseException | None) -> None:
        if self._apart is not None:
            self._apart.end(result, error)
        super().end(result, error)


def named(name: str) -> Operation | None:
    """A call that gives its name to what is inside, unless one further out does."""
    return Operation(name) if _OPERATION.get() is None or name == LOAD_MARKETS else None


def operation(name: str) -> Callable[[tuple[Any, ...], Mapping[str, Any]], Operation | None]:
    """Watches a unified method."""
    return lambda args, kwargs: named(name)


def endpoint(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Set:
    """Watches `fetch2`, which knows an endpoint's path before its ids are put in, and sends again on failure."""
    path = kwargs["path"] if "path" in kwargs else args[1]
    return Set(_ENDPOINT, _Endpoint(short(path) or "unknown"))


def request(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request | None:
    """Watches `fetch`, which sends one HTTP request."""
    if scope.silent() or is_recorded("exchange"):
        return None
    named = {**dict(zip(("self", "url", "method", "headers", "body"), args, strict=False)), **kwargs}
    return Request(named["self"], named["url"], named.get("method", "GET"), named.get("body"))


class Request:
    """One HTTP request and its span."""

    def __init__(self, exchange: Any, url: str, method: str, body: object) -> None:
        found = _ENDPOINT.get()
        self._limits = rate_limits.of(str(exchange.id))
        self._url, self._body, self._changes = url, body, method.upper() != "GET"
        self._host = urlsplit(url).hostname or ""
        self._within = Set(_REQUEST, self)
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}
        self._sending = SENDING.get()
        self._fact = facts.exchange_call(
            exchange_id=venue_of(exchange),
            operation=_OPERATION.get() or (urlsplit(url).path if found is None else found.path),
            http_method=method.upper(),
            server_address=self._host or None,
            resend_count=None if found is None else found.requests or None,
        )
        if found is not None:
            found.requests += 1

    def begin(self) -> None:
        self._fact.__enter__()
        self._within.begin()
        if self._sending is not None and self._changes:
            self._sending.sends(self._url, self._body)

    def answered(self, status: object, headers: object) -> None:
        """What the venue answered, before anybody judged it."""
        if isinstance(status, int) and not isinstance(status, bool):
            self._status = self._fact.http_status = status
            # requests has its own kind of dictionary.
            self._headers = headers if isinstance(headers, Mapping) else {}

    def end(self, result: object, error: BaseException | None) -> None:
        self._within.end(result, error)
        try:
            if self._sending is not None and self._changes:
                self._sending.told(self._status, error)
            if isinstance(error, Exception):
                self._fact.outcome, self._fact.outcome_reason = "failure", failures.reason(error)
            self._write_limits(result)
        finally:
            self._fact.__exit__(None if error is None else type(error), error, None)

    def _write_limits(self, result: object) -> None:
        if self._status is not None:
            self._limits.learn(self._host, result)
            found = self._limits.read(self._host, self._status, self._headers, clock.now_ns())
            self._fact.rate_limit_used, self._fact.rate_limit_limit = found.used, found.limit
            self._fact.rate_limit_headroom_ratio = found.headroom_ratio
            self._fact.rate_limit_retry_after_s = found.retry_after_s


class Answer:
    """An answer on its way through `on_rest_response`, which ccxt hands the status and the headers."""

    def __init__(self, request: Request, status: object, headers: object) -> None:
        self._request, self._status, self._headers = request, status, headers

    def begin(self) -> None:
        self._request.answered(self._status, self._headers)

    def end(self, result: object, error: BaseException | None) -> None:
        """Nothing."""


def answer(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Answer | None:
    """Watches `on_rest_response`."""
    found = _REQUEST.get()
    return None if found is None or len(args) < 6 else Answer(found, args[1], args[5])
