"""What the market did after each signal."""

from collections import deque
from typing import Final

import observatory_sdk as obs
from observatory_universe.ai.consensus import AiConsensusEngine
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.service import Service, World
from observatory_universe.trade import Signal, Verdict, usd

HORIZON_S: Final = 8.0
_STAKE_USD: Final = 1_000.0
_MOST_OPEN: Final = 5_000


class SignalPerformanceService(Service):
    """Judges signals 8 seconds after they went out, on a stake of 1,000 dollars each."""

    id = "signal_performance_service"

    def __init__(self, world: World, coordinator: MarketDataCoordinator, consensus: AiConsensusEngine) -> None:
        super().__init__(world)
        self._coordinator = coordinator
        self._consensus = consensus
        self._open: deque[tuple[float, Signal, Verdict | None]] = deque(maxlen=_MOST_OPEN)
        self._won = 0
        self._judged = 0

    @obs.service("signal_performance_service", "follow")
    async def follow(self, signal: Signal, verdict: Verdict | None) -> None:
        """From now on the signal waits for its judgement."""
        await self.work(1)
        self._open.append((self.clock.now_s() + HORIZON_S, signal, verdict))

    def waits(self) -> bool:
        """True while a signal waits for its judgement."""
        return bool(self._open)

    @obs.service("signal_performance_service", "judge")
    async def judge(self) -> int:
        """Judges every signal whose time has come. Returns how many."""
        await self.work(2)
        judged = 0
        while self._open and self._open[0][0] <= self.clock.now_s():
            _, signal, verdict = self._open.popleft()
            await self._judge(signal, verdict)
            judged += 1
        return judged

    @obs.service("signal_performance_service", "summary")
    async def summary(self) -> float | None:
        """The share of judged signals that won; None before the first."""
        await self.work(3)
        return self._won / self._judged if self._judged else None

    async def _judge(self, signal: Signal, verdict: Verdict | None) -> None:
        mid = await self._coordinator.view(signal.symbol)
        sign = 1 if signal.side == "buy" else -1
        return_ratio = sign * (mid / signal.decision_price - 1)
        self._judged += 1
        self._won += return_ratio > 0
        obs.facts.signal_outcome(
            won=return_ratio > 0,
            return_ratio=return_ratio,
            pnl_usd=usd(_STAKE_USD * return_ratio),
            horizon_s=HORIZON_S,
            type=signal.kind,
            strategy_id=signal.strategy_id,
            symbol=signal.symbol,
            signal_id=signal.id,
        )
        if verdict is not None:
            await self._consensus.learn(verdict, return_ratio, usd(_STAKE_USD * return_ratio))
