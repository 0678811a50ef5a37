"""Errors of ccxt told as fixed words, and what they say of a request: refused, never sent, or nobody knows."""

from __future__ import annotations

import re

_ERRORS = "ccxt.base.errors"
_HUMPS = re.compile(r"(?<=[a-z0-9S])(?=[A-Z][a-z])")
# By these a venue says that it did not take the request, although ccxt counts them among failures of the network.
_REFUSALS = frozenset(("RateLimitExceeded", "DDoSProtection", "InvalidNonce", "OnMaintenance"))
# Raised by aiohttp, requests and urllib3 before the first byte of a request has left.
_NEVER_LEFT = frozenset(
    (
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "ClientConnectorCertificateError",
        "ClientConnectorSSLError",
        "ClientProxyConnectionError",
        "ConnectionTimeoutError",
        "InvalidURL",
        "ConnectTimeout",
        "ConnectTimeoutError",
        "NewConnectionError",
        "NameResolutionError",
        "ProxyError",
        "SSLError",
        "gaierror",
        "ConnectionRefusedError",
    )
)
_DEEPEST = 8


def lineage(error: BaseException) -> list[str]:
    """Names of the error's classes in ccxt's tree, the most exact first; empty when it is none of ccxt's."""
    return [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == _ERRORS]


def reason(error: BaseException) -> str:
    """The error as a word: the most exact class of ccxt's tree, else its own class, as in `insufficient_funds`."""
    name = next(iter(lineage(error)), type(error).__name__)
    return _HUMPS.sub("_", name).lower()


def refused(error: BaseException, status: int | None) -> bool:
    """Whether the venue, having answered with this status, said that it did not do what it was asked."""
    names = lineage(error)
    if not names or status is None:
        return False
    if _REFUSALS & set(names):
        return status < 500
    # Of the rest of this branch ccxt does not know what became of it: time-outs, gateways, nonsense.
    return "OperationFailed" not in names and "ExchangeError" in names


def never_left(error: BaseException) -> bool:
    """Whether an error without an answer says that nothing was sent."""
    # ccxt raises every failure of the transport from the library's own error.
    if lineage(error) and error.__cause__ is None and error.__context__ is None:
        return True
    found: object = error
    for _ in range(_DEEPEST):
        if not isinstance(found, BaseException):
            return False
        if any(kind.__name__ in _NEVER_LEFT for kind in type(found).__mro__):
            return True
        inner = getattr(found, "reason", None) or (found.args[0] if found.args else None)
        found = found.__cause__ or (inner if isinstance(inner, BaseException) else found.__context__)
    return False
