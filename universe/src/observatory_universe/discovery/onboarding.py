"""New users."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.infrastructure.gates import OauthService
from observatory_universe.infrastructure.messages import EmailService
from observatory_universe.service import Service, World
from observatory_universe.signals.channels import SignalChannelService
from observatory_universe.strategies import KINDS
from observatory_universe.trading.marketplace import StrategyMarketplaceService
from observatory_universe.users import User

Step = Callable[[User], Awaitable[object]]

_WELCOME_CREDITS: Final = Decimal(5)


class UserOnboardingService(Service):
    """Takes a new user through account, credits, first strategy and first channel."""

    id = "user_onboarding_service"

    def __init__(
        self,
        world: World,
        oauth: OauthService,
        ledger: CreditLedger,
        marketplace: StrategyMarketplaceService,
        channels: SignalChannelService,
        email: EmailService,
    ) -> None:
        super().__init__(world)
        self._oauth = oauth
        self._ledger = ledger
        self._marketplace = marketplace
        self._channels = channels
        self._email = email

    @obs.service("user_onboarding_service", "onboard")
    async def onboard(self, user: User) -> None:
        """Every step, each with its fact. A step that fails is the last one.

        Raises:
            Trouble: a step failed.
        """
        for name, step in self._steps():
            await self._take(user, name, step)

    def _steps(self) -> tuple[tuple[str, Step], ...]:
        return (
            ("account", self._open_account),
            ("credits", self._credit),
            ("strategy", self._activate),
            ("channel", self._subscribe),
            ("welcome", self._greet),
        )

    async def _take(self, user: User, name: str, step: Step) -> None:
        begun_s = self.clock.now_s()
        outcome: Literal["success", "failure"] = "failure"
        try:
            await step(user)
            outcome = "success"
        finally:
            obs.facts.onboarding_step(
                step=name, duration_s=self.clock.now_s() - begun_s, subject=user.id, outcome=outcome
            )

    async def _open_account(self, user: User) -> None:
        await self.doors.tables.add_user(user)
        await self._oauth.sign_in(user)

    async def _credit(self, user: User) -> None:
        await self._ledger.book(user.id, "welcome", _WELCOME_CREDITS, self.world.ids.next("welcome"))

    async def _activate(self, user: User) -> None:
        await self._marketplace.activate(user, (await self._marketplace.browse(user))[0])

    async def _subscribe(self, user: User) -> None:
        await self._channels.subscribe(user, self.chance.pick(KINDS))

    async def _greet(self, user: User) -> None:
        await self._email.send(user, "welcome")
