"""A circuit breaker: after several failures in a row nobody asks for a while, then one may try."""

from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.clock import Clock

State = Literal["closed", "open", "half_open"]

_FAILURES: Final = 4
_OPEN_S: Final = 10.0


class Breaker:
    """One breaker. It tells each of its transitions, for the service that holds it."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.state: State = "closed"
        self._clock = clock
        self._failures = 0
        self._since_s: float | None = None

    def allows(self) -> bool:
        """False while the breaker is open; after 10 s it lets one try through."""
        if self.state == "open" and self._clock.now_s() - (self._since_s or 0.0) >= _OPEN_S:
            self._go("half_open", "time_over")
            return True
        return self.state == "closed"

    def succeed(self) -> None:
        self._failures = 0
        if self.state != "closed":
            self._go("closed", "answered")

    def fail(self, reason: str) -> None:
        self._failures += 1
        if self.state == "half_open" or (self.state == "closed" and self._failures >= _FAILURES):
            self._go("open", reason)

    def _go(self, state: State, reason: str) -> None:
        now_s = self._clock.now_s()
        lasted_s = None if self._since_s is None else now_s - self._since_s
        obs.facts.breaker_transition(name=self.name, from_=self.state, to=state, reason=reason, duration_s=lasted_s)
        self.state, self._since_s = state, now_s
