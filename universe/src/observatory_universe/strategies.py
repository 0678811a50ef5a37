"""The strategies that users may switch on."""

from dataclasses import dataclass
from typing import Final, Literal

from observatory_universe.ids import Ids

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

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._strategies = {
            kind: Strategy(f"strategy-{kind.replace('_', '-')}", kind, "cryptouniverse", "approved") for kind in KINDS
        }

    def published(self) -> list[Strategy]:
        return list(self._strategies.values())

    def of_kind(self, kind: str) -> Strategy:
        return self._strategies[kind]

    def draft(self, kind: str, publisher: str) -> Strategy:
        """A new strategy with an id of its own, not yet handed in."""
        return Strategy(self._ids.next("strategy"), kind, publisher, "submitted")
