"""How one attempt at a target ended, and why it failed."""

from __future__ import annotations

from enum import StrEnum

from observatory.errors import ObservatoryError


class Reason(StrEnum):
    """Why a target was not read."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    DENIED = "denied"
    MALFORMED = "malformed"
    TOO_MUCH = "too_much"
    QUERY = "query"
    SECRET = "secret"  # noqa: S105  # names the reason, is none
    UNDELIVERED = "undelivered"
    BROKEN = "broken"

    @property
    def sentence(self) -> str:
        """What it means."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.TIMEOUT: "The target took longer than its timeout.",
    Reason.UNREACHABLE: "No connection could be made, or it was cut.",
    Reason.DENIED: "The target did not let us in.",
    Reason.MALFORMED: "What it answered is not what its kind answers.",
    Reason.TOO_MUCH: "It answered more bytes, series or rows than it may.",
    Reason.QUERY: "A query failed.",
    Reason.SECRET: "A secret could not be read from its variable or file.",
    Reason.UNDELIVERED: "It was read, and the store did not take it.",
    Reason.BROKEN: "A fault of the collector itself.",
}


class Unread(ObservatoryError):
    """A target, or a part of it, could not be read."""

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.reason = reason
