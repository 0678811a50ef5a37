"""What happens only while a fault runs. While none does, each look at it ends at once."""

import asyncio
from decimal import Decimal
from typing import ClassVar, Final

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS
from observatory_universe.platform import Platform
from observatory_universe.rounds import Round, on_behalf_of
from observatory_universe.users import User

# Where a planned deployment happens: a service that many others need and that nobody notices restarting.
_DEPLOYED: Final = "signal_delivery_service"
_MOST_AT_ONCE: Final = 400
# What is read once a fault runs is read so often.
_READ_EVERY_S: Final = 5.0


class Mishap:
    """One kind of fault that needs a push from outside of the services that it strikes.

    `service` is the one that it enters by; it is looked after every `every_s` seconds. However slow the pace, what it
    makes happen becomes due at least `least_per_s` times a second, or as often as its grade says where that is less:
    nobody could find a fault that leaves nothing behind.
    """

    kind: ClassVar[str]
    service: ClassVar[str]
    every_s: ClassVar[float] = 1.0
    least_per_s: ClassVar[float] = 0.0

    def __init__(self, platform: Platform, factor: float = 1.0) -> None:
        self.platform = platform
        self.factor = factor
        self.world = platform.world
        self.chance = platform.world.chance.of(f"mishap:{self.kind}")
        self._fault_id: str | None = None
        self._has_begun = False
        self._counted_s = 0.0
        self._owed = 0.0
        self._last_s: float | None = None

    async def look(self) -> None:
        """Begins, goes on or ends, as the fault does. What cannot be begun or ended now is at the next look."""
        fault = next((fault for fault in self.world.faults.active() if fault.kind == self.kind), None)
        if self._fault_id is not None and (fault is None or fault.id != self._fault_id):
            await self.end()
            self._fault_id = None
        if fault is None:
            return
        if self._fault_id is None:
            # Noted before it begins: what has begun half is ended, too.
            self._fault_id, self._has_begun = fault.id, False
            self._counted_s, self._owed, self._last_s = self.world.clock.now_s(), 0.0, None
        if not self._has_begun:
            await self.begin(fault.grade)
            self._has_begun = True
        await self.go_on(fault.grade)

    async def begin(self, grade: float) -> None:
        """Once, when the fault starts."""

    async def go_on(self, grade: float) -> None:
        """At every look while the fault runs, the first one included."""

    async def end(self) -> None:
        """Once, when the fault is over: all is as it was before."""

    def due(self, per_s: float) -> int:
        """How many have become due since the last look, at this rate."""
        now_s = self.world.clock.now_s()
        self._owed += max(per_s * self.factor, min(per_s, self.least_per_s)) * (now_s - self._counted_s)
        self._counted_s = now_s
        number = int(self._owed)
        self._owed -= number
        return min(number, _MOST_AT_ONCE)

    def waited(self, seconds: float) -> bool:
        """True at the first look, and then when so many seconds have passed since it last was."""
        now_s = self.world.clock.now_s()
        if self._last_s is not None and now_s - self._last_s < seconds:
            return False
        self._last_s = now_s
        return True


class _OfOneUser(Mishap):
    """A mishap of one user, the same one until the fault ends."""

    user: User

    async def begin(self, grade: float) -> None:
        self.user = self.chance.pick(self.world.users.everybody())


class LoginStorm(_OfOneUser):
    # A storm is ten attempts within a minute, and at a slow pace a minute is all that lies between two looks.
    kind, service, least_per_s = "login_storm", "oauth_service", 0.5

    async def go_on(self, grade: float) -> None:
        refuse = self.platform.oauth_service.refuse
        with obs.feature("account"):
            await asyncio.gather(*(refuse(self.user.id) for _ in range(self.due(grade))))


class KeyNewOrigin(_OfOneUser):
    kind, service = "key_new_origin", "oauth_service"

    async def go_on(self, grade: float) -> None:
        if self.waited(10):
            with obs.feature("account"):
                # These addresses are kept for examples and belong to nobody.
                await self.platform.oauth_service.use_key(self.user.id, f"198.51.100.{self.chance.whole(1, 254)}")


class BreakerFlap(Mishap):
    kind, service, every_s = "breaker_flap", "emergency_manager", 0.5
    _is_open = False

    async def go_on(self, grade: float) -> None:
        if self.waited(grade):
            self._is_open = not self._is_open
            await self._switch("flapping")

    async def end(self) -> None:
        self._is_open = False
        await self._switch("steady_again")

    async def _switch(self, reason: str) -> None:
        with obs.feature("operations"):
            await self.platform.emergency_manager.switch("open" if self._is_open else "closed", reason)


class FailoverFails(Mishap):
    kind, service = "failover_fails", "state_coordinator"

    async def go_on(self, grade: float) -> None:
        if self.waited(grade):
            with obs.feature("operations"):
                await self.platform.state_coordinator.fail_over("primary_unreachable")


class RedisEviction(Mishap):
    kind, service = "redis_eviction", "resource_monitor"

    async def begin(self, grade: float) -> None:
        await self.world.doors.cache.squeeze(grade)

    async def go_on(self, grade: float) -> None:
        # At a slow pace the chore that reads Redis may come once in the time of the fault, or never.
        if self.waited(_READ_EVERY_S):
            with obs.feature("operations"):
                await self.platform.resource_monitor.sample()

    async def end(self) -> None:
        await self.world.doors.cache.squeeze(None)


class PoolLeak(Mishap):
    # Each process has its own pool. The ledger's is the one that is missed: everything that costs credits needs it.
    kind, service = "pool_leak", "credit_ledger"

    async def begin(self, grade: float) -> None:
        await self.world.doors.tables.leak(round(grade))

    async def go_on(self, grade: float) -> None:
        if self.waited(_READ_EVERY_S):
            await self._report()

    async def end(self) -> None:
        await self.world.doors.tables.leak(0)
        await self._report()

    async def _report(self) -> None:
        with obs.feature("operations"):
            await self.platform.credit_ledger.report()


class MemoryLeak(Mishap):
    kind, service = "memory_leak", "background_service_manager"

    async def go_on(self, grade: float) -> None:
        await self.platform.background_service_manager.hoard(self.due(grade))

    async def end(self) -> None:
        await self.platform.background_service_manager.release()


class CpuHog(Mishap):
    kind, service, every_s = "cpu_hog", "enterprise_system_optimization", 0.1

    async def go_on(self, grade: float) -> None:
        with obs.feature("operations"):
            await self.platform.enterprise_system_optimization.search(grade)


class UserRunaway(_OfOneUser):
    kind, service, least_per_s = "user_runaway", "chat_integration_service", 1 / 60

    async def go_on(self, grade: float) -> None:
        receive = self.platform.chat_integration_service.receive
        with on_behalf_of(self.user, "chat"):
            await asyncio.gather(*(receive(self.user, "api") for _ in range(self.due(grade / 10))))


class LedgerDrift(Mishap):
    kind, service = "ledger_drift", "credit_ledger"

    async def end(self) -> None:
        with obs.feature("payments"):
            await self.platform.credit_ledger.correct()


class NegativeBalance(_OfOneUser):
    kind, service = "negative_balance", "credit_ledger"

    async def go_on(self, grade: float) -> None:
        with on_behalf_of(self.user, "payments"):
            await self.platform.credit_ledger.overdraw(self.user.id, -Decimal(str(grade)))

    async def end(self) -> None:
        with on_behalf_of(self.user, "payments"):
            await self.platform.credit_ledger.make_good(self.user.id)


class MockInProduction(Mishap):
    kind, service, every_s, least_per_s = "mock_in_production", "mock_data_service", 2.0, 0.1

    async def go_on(self, grade: float) -> None:
        with obs.feature("market_data"):
            for _ in range(max(1, self.due(1 / self.every_s))):
                await self.platform.mock_data_service.stand_in("candles", self.chance.pick(tuple(SYMBOLS)))


class RiskBreachStorm(Mishap):
    kind, service, least_per_s = "risk_breach_storm", "portfolio_risk_service", 0.1

    async def go_on(self, grade: float) -> None:
        for _ in range(max(1, self.due(1 / self.every_s))):
            user = self.chance.pick(self.world.users.everybody())
            with on_behalf_of(user, "risk"):
                await self.platform.portfolio_risk_service.assess(user)

    async def end(self) -> None:
        # A breach counts as open until a later check of the same portfolio passes.
        with obs.feature("risk"):
            await self.platform.portfolio_risk_service.recheck()


class _Deployment(Mishap):
    """Each start of the fault is a deployment of its target. `series` is the first part of the versions."""

    service, every_s = "system_monitoring_service", 0.25
    series: ClassVar[int]

    def __init__(self, platform: Platform, factor: float = 1.0) -> None:
        super().__init__(platform, factor)
        self._told: set[str] = set()
        self._releases = 0

    async def look(self) -> None:
        running = [fault for fault in self.world.faults.active() if fault.kind == self.kind]
        self._told &= {fault.id for fault in running}
        for fault in running:
            if fault.id not in self._told:
                self._releases += 1
                version = f"{self.series}.{self._releases}.0"
                with obs.feature("operations"):
                    await self.platform.system_monitoring_service.deployed(fault.target or _DEPLOYED, version, "ci")
                self._told.add(fault.id)


class PlannedDeployment(_Deployment):
    kind, series = "planned_deployment", 1


class DeploymentRegression(_Deployment):
    kind, series = "deployment_regression", 2


_KINDS: Final[tuple[type[Mishap], ...]] = (
    LoginStorm,
    KeyNewOrigin,
    BreakerFlap,
    FailoverFails,
    RedisEviction,
    PoolLeak,
    MemoryLeak,
    CpuHog,
    UserRunaway,
    LedgerDrift,
    NegativeBalance,
    MockInProduction,
    RiskBreachStorm,
    PlannedDeployment,
    DeploymentRegression,
)


class Mishaps:
    """All mishaps of one platform. `factor`: how many times as fast as at the calm pace they make things happen."""

    def __init__(self, platform: Platform, factor: float = 1.0) -> None:
        self._mishaps = [kind(platform, factor) for kind in _KINDS]

    def rounds(self) -> list[Round]:
        """The looks at each mishap. Their numbers follow from time, however often it is looked after."""
        return [Round(m.kind.replace("_", " "), m.every_s, m.look, service=m.service) for m in self._mishaps]
