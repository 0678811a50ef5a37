"""How a venue says no, and how it says nothing."""

from typing import Literal

RefusalKind = Literal[
    "rate_limited",  # too many calls; `retry_after_s` says when to come back (429)
    "banned",  # the address is shut out for `retry_after_s` (418)
    "bad_symbol",
    "invalid_order",  # e.g. too small
    "insufficient_funds",
    "duplicate_client_id",
    "order_not_found",
]


class Refusal(Exception):
    """The venue does not do it. `kind` says why; `retry_after_s` is set for `rate_limited` and `banned`."""

    def __init__(self, kind: RefusalKind, retry_after_s: float = 0.0) -> None:
        super().__init__(kind)
        self.kind: RefusalKind = kind
        self.retry_after_s = retry_after_s


class NoAnswer(Exception):
    """The order was taken, and nobody is told: the far end breaks off, or answers with a gateway's 504.

    Args:
        breaks_off: which of the two.
    """

    def __init__(self, breaks_off: bool) -> None:
        super().__init__("no_answer")
        self.breaks_off = breaks_off
