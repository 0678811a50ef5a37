"""The strategies that users may switch on."""

from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["submitted", "testing", "approved", "rejected"]

KINDS: Final = ("momentum", "breakout", "volume_surge", "sentiment_swing")


@dataclass(slots=True)
class Strategy:
    """One strategy. `kind` names the kind of signal that it trades on."""

    id: str
    kind: str
    publisher: str
    status: Status


class Library:
    """Every strategy that was ever handed in and is still wanted: the published ones and the newest submissions."""

    def __init__(self) -> None:
        self._strategies = {
            kind: Strategy(f"strategy-{kind.replace('_', '-')}", kind, "cryptouniverse", "approved") for kind in KINDS
        }
        self._submitted = 0

    def published(self) -> list[Strategy]:
        return list(self._strategies.values())

    def of_kind(self, kind: str) -> Strategy:
        return self._strategies[kind]

    def draft(self, kind: str, publisher: str) -> Strategy:
        """A new strategy with an id of its own, not yet handed in."""
        self._submitted += 1
        return Strategy(f"strategy-u{self._submitted:05d}", kind, publisher, "submitted")
