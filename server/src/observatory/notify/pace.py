"""How long messages wait, how often what was tried is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from observatory.settings import Settings


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of delivery.

    Attributes:
        group_wait_s: how long the first message of a trouble waits for others of it.
        group_interval_s: least time between two messages of one trouble, unless it gets worse.
        repeat_s: after so long, what still fires and nobody took is told again; 0: never.
        revive_s: after so long, what a channel gave up on is tried there again while it fires; the wait doubles each
            time up to an hour; 0: never.
        again_s: how often a muted message is looked at again.
        linger_s: how long an alert may outlive what explained it before it is told.
        lease_s: how long claimed work is held; whoever has not finished by then is taken for dead.
        timeout_s: longest time of one attempt.
        attempts: how often a message is tried before it is given up.
        backoff_s, longest_backoff_s: wait before the second attempt; it doubles with each further one up to the other.
    """

    group_wait_s: float = 1.0
    group_interval_s: float = 30.0
    repeat_s: float = 14_400.0
    revive_s: float = 300.0
    again_s: float = 5.0
    linger_s: float = 15.0
    lease_s: float = 30.0
    timeout_s: float = 10.0
    attempts: int = 8
    backoff_s: float = 1.0
    longest_backoff_s: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        """As the settings say."""
        return cls(
            group_wait_s=settings.group_wait_s,
            group_interval_s=settings.group_interval_s,
            repeat_s=settings.repeat_s,
            lease_s=settings.send_timeout_s + 5.0,
            timeout_s=settings.send_timeout_s,
        )

    def again(self, at: datetime) -> datetime:
        """When a muted message is looked at again."""
        return at + timedelta(seconds=self.again_s)

    def retry(self, at: datetime, tried: int, asked_s: float | None = None) -> datetime | None:
        """When a message that failed is tried again; None when it is given up.

        Args:
            at: when it failed.
            tried: how often it was tried by now.
            asked_s: how long the other side asked to wait; None when it did not.
        """
        if tried >= self.attempts:
            return None
        wait_s = min(self.backoff_s * 2 ** (tried - 1), self.longest_backoff_s)
        # Somebody who asks for an hour is not waited for: what is urgent would be stale by then.
        return at + timedelta(seconds=max(wait_s, min(asked_s or 0.0, 5 * self.longest_backoff_s)))
