"""Who may come in, and how often."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.health.journal import SystemJournal
from observatory_universe.service import Service, World
from observatory_universe.users import User

# People write into the page; programs use the interface that is made for them, and may ask more.
_PER_MINUTE: Final = {
    "chat": 60,
    "chat_api": 1_200,
    "sign_in": 30,
    "telegram": 60,
    "submission": 30,
    "market_data": 5_000,
}
_METHODS: Final = ("password", "google", "github")
_MINUTE_S: Final = 60.0
_DAY_S: Final = 86_400.0
# So many failures within a minute are no slip of the finger.
_STORM: Final = 10
_TELL_EVERY_S: Final = 10.0


class RateLimitService(Service):
    """Counts requests per subject and minute, and says whether one more may pass."""

    id = "rate_limit_service"

    @obs.service("rate_limit_service", "decide")
    async def decide(self, name: str, subject: str) -> bool:
        """True when `subject` may make one more request of this name in this minute.

        Raises:
            StateError: Redis cannot be reached.
        """
        await self.work(0.6)
        used, limit = await self.doors.cache.count(f"limit:{name}:{subject}", _MINUTE_S), _PER_MINUTE[name]
        obs.facts.rate_limit_decision(
            name=name, allowed=used <= limit, limit=float(limit), used=float(used), subject=subject
        )
        return used <= limit


class OauthService(Service):
    """Signs users in, and notices who tries to be somebody else."""

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

    @obs.service("oauth_service", "refuse")
    async def refuse(self, subject: str) -> None:
        """Turns an attempt with a wrong password away. Ten of them within a minute are a storm."""
        await self.work(12)
        obs.facts.auth_attempt(method="password", subject=subject, outcome="failure", outcome_reason="wrong_password")
        failures = await self.doors.cache.count(f"refused:{subject}", _MINUTE_S)
        if failures >= _STORM and await self.doors.cache.claim(f"storm_told:{subject}", _TELL_EVERY_S):
            evidence = f"{failures} wrong passwords within a minute"
            obs.facts.security_event(kind="login_storm", subject=subject, evidence=[evidence])

    @obs.service("oauth_service", "use_key")
    async def use_key(self, subject: str, origin: str) -> bool:
        """Lets the subject's exchange key be used. False when this address has not used it within a day."""
        await self.work(4)
        if not await self.doors.cache.claim(f"origin:{subject}:{origin}", _DAY_S):
            return True
        evidence = f"the key was never used from {origin}"
        obs.facts.security_event(kind="key_new_origin", subject=subject, evidence=[evidence])
        return False
