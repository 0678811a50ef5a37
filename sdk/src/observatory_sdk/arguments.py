"""What `configure` takes: each argument is refused with a sentence that names it, its value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from observatory_sdk.errors import ConfigurationError
from observatory_sdk.facts.checks import is_instant

# Below this a call that is kept stands for so many that a count of them says nothing any more.
LEAST_RATIO = 0.0001


def service_ids(services: Iterable[str]) -> tuple[str, ...]:
    """The ids as given.

    Raises:
        ConfigurationError: it is no list, or an id is no text or empty.
    """
    names = tuple(services) if isinstance(services, Iterable) and not isinstance(services, str) else None
    if names is None or not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(f"services is {services!r}: it takes a list of ids that are not empty")
    return names


def check_endpoint(endpoint: str | None) -> None:
    """Raise `ConfigurationError` unless it is a base address over HTTP, or none."""
    if endpoint is None:
        return
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid:
        raise ConfigurationError(f"endpoint is {endpoint!r}: it takes an address such as http://127.0.0.1:4318")


def check_headers(token: str | None, headers: Mapping[str, str] | None) -> None:
    """Raise `ConfigurationError` for a token or a header that cannot go into a request."""
    # The text of a token never goes into a message.
    if token is not None and (not isinstance(token, str) or not token.isascii() or not token.isprintable()):
        raise ConfigurationError("token: it takes printable ASCII text")
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str) or "\n" in value or "\r" in value:
            raise ConfigurationError(f"headers: {name!r} takes one line of text")


def check_clock(now_ns: object) -> None:
    """Raise `ConfigurationError` unless it tells an instant, or is none."""
    if now_ns is not None and not (callable(now_ns) and is_instant(now_ns())):
        raise ConfigurationError("now_ns takes a function that returns whole nanoseconds since 1970 UTC")


def check_ratio(ratio: object) -> float:
    """The share of spans to keep.

    Raises:
        ConfigurationError: it is no number from `LEAST_RATIO` to 1.
    """
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not LEAST_RATIO <= ratio <= 1:
        raise ConfigurationError(f"sample_ratio is {ratio!r}: it takes a number from {LEAST_RATIO} to 1")
    return float(ratio)
