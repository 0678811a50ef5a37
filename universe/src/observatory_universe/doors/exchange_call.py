"""What both kinds of exchange report of a call: the fact `exchange.call`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import observatory_sdk as obs
from observatory_universe.doors.exchange import ExchangeError, RateLimitedError

_HOSTS: Final[Mapping[str, str]] = {
    "binance": "api.binance.com",
    "kraken": "api.kraken.com",
    "kucoin": "api.kucoin.com",
    "coinbase": "api.exchange.coinbase.com",
}
_METHODS: Final[Mapping[str, str]] = {"create_order": "POST", "cancel_order": "DELETE"}


@contextmanager
def exchange_call(venue: str, operation: str) -> Iterator[obs.facts.exchange_call]:
    """One HTTP call of a venue. An `ExchangeError` that leaves the block is its failure, and goes on."""
    with obs.facts.exchange_call(
        exchange_id=venue,
        operation=operation,
        http_method=_METHODS.get(operation, "GET"),
        server_address=_HOSTS[venue],
    ) as fact:
        try:
            yield fact
        except ExchangeError as error:
            fact.outcome, fact.outcome_reason = "failure", str(error)
            if isinstance(error, RateLimitedError):
                fact.rate_limit_retry_after_s = error.retry_after_s
            raise
