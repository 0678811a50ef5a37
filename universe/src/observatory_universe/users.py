"""The platform's users and what they own."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from observatory_universe.chance import Chance
from observatory_universe.trade import Mode, Position

Plan = Literal["free", "pro", "whale"]
Channel = Literal["telegram", "email", "websocket"]

CHANNELS: Final[tuple[Channel, ...]] = ("telegram", "email", "websocket")
_COHORTS: Final = ("2025-07", "2025-08", "2025-09", "2025-10")
_CASH_USD: Final[dict[Plan, float]] = {"free": 2_000.0, "pro": 25_000.0, "whale": 250_000.0}


@dataclass(slots=True)
class User:
    """One user with their portfolio. `lost_usd` is what recent profits have not made good."""

    id: str
    cohort: str
    plan: Plan
    mode: Mode
    cash_usd: Decimal
    channels: set[Channel]
    strategies: set[str] = field(default_factory=set)
    positions: dict[str, Position] = field(default_factory=dict)
    lost_usd: Decimal = Decimal(0)
    messages: int = 0

    @property
    def portfolio_id(self) -> str:
        return f"portfolio-{self.id}"


class Users:
    """Everybody who has an account.

    Args:
        number: how many there are at the start.
        most: how many there may be; beyond it the longest-standing user without a position leaves.
    """

    def __init__(self, chance: Chance, number: int, most: int) -> None:
        self._chance = chance.of("users")
        self._most = most
        self._born = 0
        self._users: dict[str, User] = {}
        for _ in range(number):
            self.welcome(self._chance.pick(_COHORTS))

    def __len__(self) -> int:
        return len(self._users)

    def everybody(self) -> list[User]:
        return list(self._users.values())

    def followers(self, strategy_id: str) -> list[User]:
        """Who lets this strategy trade for them."""
        return [user for user in self._users.values() if strategy_id in user.strategies]

    def anybody(self) -> User:
        return self._chance.pick(list(self._users.values()))

    def welcome(self, cohort: str) -> User:
        """A new user, drawn like the others."""
        self._born += 1
        plan: Plan = "whale" if self._chance.happens(0.06) else "pro" if self._chance.happens(0.5) else "free"
        user = User(
            id=f"u-{self._born:04d}",
            cohort=cohort,
            plan=plan,
            mode="live" if self._chance.happens(0.6) else "paper",
            cash_usd=Decimal(str(_CASH_USD[plan])),
            channels=set(self._chance.some(CHANNELS, self._chance.whole(1, 3))),
        )
        self._users[user.id] = user
        return user

    def leave(self) -> User | None:
        """The user who goes because the universe is full; None while there is room or everybody holds something."""
        if len(self._users) <= self._most:
            return None
        gone = next((user for user in self._users.values() if not user.positions), None)
        if gone is not None:
            del self._users[gone.id]
        return gone
