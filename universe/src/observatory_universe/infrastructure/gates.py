"""Who may come in, and how often."""

from collections import Counter
from typing import Final

import observatory_sdk as obs
from observatory_universe.health.journal import SystemJournal
from observatory_universe.service import Service, World
from observatory_universe.users import User

_PER_MINUTE: Final = {"chat": 60, "sign_in": 30, "telegram": 60, "submission": 30, "market_data": 5_000}
_METHODS: Final = ("password", "google", "github")


class RateLimitService(Service):
    """Counts requests per subject and minute, and says whether one more may pass."""

    id = "rate_limit_service"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._minute = -1
        self._used: Counter[tuple[str, str]] = Counter()

    @obs.service("rate_limit_service", "decide")
    async def decide(self, name: str, subject: str) -> bool:
        """True when `subject` may make one more request of this name in this minute."""
        await self.work(0.6)
        minute = self.clock.now_ns() // 60_000_000_000
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        self._used[name, subject] += 1
        used, limit = self._used[name, subject], _PER_MINUTE[name]
        obs.facts.rate_limit_decision(
            name=name, allowed=used <= limit, limit=float(limit), used=float(used), subject=subject
        )
        return used <= limit


class OauthService(Service):
    """Signs users in."""

    id = "oauth_service"

    def __init__(self, world: World, limits: RateLimitService, journal: SystemJournal) -> None:
        super().__init__(world)
        self._limits = limits
        self._journal = journal

    @obs.service("oauth_service", "sign_in")
    async def sign_in(self, user: User) -> bool:
        """True when the user is signed in."""
        if not await self._limits.decide("sign_in", user.id):
            obs.outcome("failure", reason="rate_limited")
            return False
        await self.work(35)
        obs.facts.auth_attempt(method=self.chance.pick(_METHODS), subject=user.id, outcome="success")
        await self._journal.write("signed_in", user.id)
        return True
