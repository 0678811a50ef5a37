"""How channels do, and the alert about one that does not deliver."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from observatory.alerting import Told
from observatory.health import words
from observatory.state.deliveries import Standing

FAILURES = 3


class Standings:
    """What is known of each channel. A channel is bad after three failures in a row, or a message that was given up.

    Args:
        home: the environment in which Observatory speaks of itself.
        known: ids of the channels that there are; of others nothing is told, and an alert about one ends.
    """

    def __init__(self, home: str, known: Callable[[], Collection[str]] | None = None) -> None:
        self._home = home
        self._known = known
        self.of: Mapping[str, Standing] = {}

    def learn(self, standings: Mapping[str, Standing]) -> None:
        """Take in what the ledger says."""
        self.of = dict(standings)

    def failing(self, channel: str) -> bool:
        """Whether it does not deliver."""
        found = self.of.get(channel)
        return found is not None and (found.failures >= FAILURES or found.given_up > 0)

    async def tell(self, environment: str, at: datetime) -> Sequence[Told]:
        """For the rule `observatory.channel`."""
        if environment != self._home:
            return ()
        known = self.of if self._known is None else self._known()
        return [self._told(each, at) for name, each in self.of.items() if name in known]

    def _told(self, standing: Standing, at: datetime) -> Told:
        if not self.failing(standing.channel) or standing.failing_since is None:
            return Told(standing.channel, False, f"the channel {standing.channel} delivers")
        since = f"for {words.span((at - standing.failing_since).total_seconds())}"
        lost = f", {standing.given_up} messages were given up" if standing.given_up else ""
        return Told(
            standing.channel,
            True,
            f"the channel {standing.channel} has not delivered {since}: {standing.failures} attempts failed{lost};"
            f" the newest: {standing.error or 'nothing was said'}",
            bound=f"{FAILURES} failures in a row",
        )
