"""Payments in cryptocurrency."""

from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.service import Service, World
from observatory_universe.users import User

_RAILS: Final = ("usdt_trc20", "usdc_base", "btc_lightning", "eth")
_PACKAGES_USD: Final = (Decimal(10), Decimal(25), Decimal(50), Decimal(100))
_DECLINE_RATIO: Final = 0.0005
_PROCESSOR_FEE_USD: Final = Decimal("0.001")


class CryptoPaymentService(Service):
    """Takes payments and books the credits that were bought. One dollar buys one credit."""

    id = "crypto_payment_service"

    def __init__(self, world: World, ledger: CreditLedger, costs: ApiCostTracker) -> None:
        super().__init__(world)
        self._ledger = ledger
        self._costs = costs

    @obs.service("crypto_payment_service", "pay")
    async def pay(self, user: User) -> bool:
        """Sells the user one package of credits. True when the payment came through."""
        rail, amount_usd = self.chance.pick(_RAILS), self.chance.pick(_PACKAGES_USD)
        key = self.world.ids.next("payment")
        with obs.facts.payment(rail=rail, amount_usd=amount_usd) as payment:
            await self.work(320)
            reason = self._refusal(rail)
            if reason is not None:
                payment.status, payment.decline_reason = "declined", reason
                payment.outcome, payment.outcome_reason = "failure", reason
                obs.outcome("partial", reason=reason)
                return False
            payment.status = "succeeded"
        await self._ledger.book(user.id, "purchase", amount_usd, key)
        await self._costs.charge(rail, "other", _PROCESSOR_FEE_USD, 1, "payment")
        return True

    def _refusal(self, rail: str) -> str | None:
        underpaid = self.chance.happens(_DECLINE_RATIO)
        if self.struck("payment_outage", rail):
            return "rail_down"
        return "underpaid" if underpaid else None
