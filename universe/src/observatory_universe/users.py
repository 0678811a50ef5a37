"""The platform's users."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from observatory_universe.chance import Chance
from observatory_universe.trade import Mode

Plan = Literal["free", "pro", "whale"]
Channel = Literal["telegram", "email", "websocket"]

CHANNELS: Final[tuple[Channel, ...]] = ("telegram", "email", "websocket")
CASH_USD: Final[dict[Plan, float]] = {"free": 2_000.0, "pro": 25_000.0, "whale": 250_000.0}
_COHORTS: Final = ("2025-07", "2025-08", "2025-09", "2025-10")


@dataclass(frozen=True, slots=True)
class User:
    """One user: who they are and how they want to be reached. What they own is in `portfolio`."""

    id: str
    cohort: str
    plan: Plan
    mode: Mode
    channels: frozenset[Channel]

    @property
    def portfolio_id(self) -> str:
        return f"portfolio-{self.id}"

    @property
    def address(self) -> str:
        """The e-mail address."""
        return f"{self.id}@example.com"


class Users:
    """Everybody who has an account.

    Args:
        number: how many there are at the start; the same seed draws the same ones.
        most: how many there may be; beyond it the longest-standing user leaves.
    """

    def __init__(self, chance: Chance, number: int, most: int) -> None:
        self._chance = chance.of("users")
        self._born = 0
        self._most = most
        self._users: dict[str, User] = {}
        for _ in range(number):
            self._draw(self._chance.pick(_COHORTS), CHANNELS)

    def __len__(self) -> int:
        return len(self._users)

    def everybody(self) -> list[User]:
        return list(self._users.values())

    def find(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    def known(self, user_ids: list[str]) -> list[User]:
        """Those of these users who still have an account, in the order of the ids."""
        return [self._users[user_id] for user_id in user_ids if user_id in self._users]

    def anybody(self) -> User:
        return self._chance.pick(list(self._users.values()))

    def welcome(self, cohort: str) -> User:
        """A new user. They have no browser session open yet, so they are reached by message alone."""
        return self._draw(cohort, CHANNELS[:2])

    def _draw(self, cohort: str, channels: Sequence[Channel]) -> User:
        self._born += 1
        plan: Plan = "whale" if self._chance.happens(0.06) else "pro" if self._chance.happens(0.5) else "free"
        user = User(
            id=f"u-{self._born:04d}",
            cohort=cohort,
            plan=plan,
            mode="live" if self._chance.happens(0.6) else "paper",
            channels=frozenset(self._chance.some(channels, self._chance.whole(1, len(channels)))),
        )
        self._users[user.id] = user
        return user

    def add(self, user: User) -> None:
        """Takes in a user who came to another process of the platform."""
        self._users[user.id] = user

    def too_many(self) -> list[User]:
        """Those who may go because the universe is full, the longest-standing first; empty while there is room."""
        return self.everybody() if len(self._users) > self._most else []

    def remove(self, user: User) -> None:
        self._users.pop(user.id, None)
