"""Market events into trading signals."""

import math
from typing import Final

from pydantic import TypeAdapter

import observatory_sdk as obs
from observatory_universe.market import MarketEvent
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.service import Service, World
from observatory_universe.signals.sentiment import RealtimeSentimentEngine
from observatory_universe.strategies import Library
from observatory_universe.trade import Side, Signal, opposite

_JSON: Final = TypeAdapter(Signal)
# The rule of thumb: at twice the usual volume a move says nothing, and every further multiple says less than the one
# before. How markets are in truth is for them to know: heavy moves go on more often than the rule dares to say.
_SAYS_NOTHING: Final = 2.0
_MOST_SURE: Final = 0.95
_SLOWLY: Final = 3.5
# How far, in multiples of the usual volume, the volume of a move is misread.
_MISREAD: Final = 0.15


def _confidence(volume_ratio: float) -> float:
    """How sure (0.5 to 0.95) a move of this volume makes the engine that the move goes on."""
    beyond = max(0.0, volume_ratio - _SAYS_NOTHING)
    return _MOST_SURE - (_MOST_SURE - 0.5) * math.exp(-beyond / _SLOWLY)


class SignalGenerationEngine(Service):
    """Follows a move whose volume says that it goes on."""

    id = "signal_generation_engine"

    def __init__(
        self,
        world: World,
        library: Library,
        coordinator: MarketDataCoordinator,
        analysis: MarketAnalysisService,
        sentiment: RealtimeSentimentEngine,
    ) -> None:
        super().__init__(world)
        self._library = library
        self._coordinator = coordinator
        self._analysis = analysis
        self._sentiment = sentiment

    @obs.service("signal_generation_engine", "generate")
    async def generate(self, event: MarketEvent) -> Signal | None:
        """The signal that the event calls for; None from a generator that has stalled."""
        if self.struck("signal_generator_stall"):
            return None
        side: Side = "buy" if event.move_bps > 0 else "sell"
        if self.struck("signal_quality_decay"):
            side = opposite(side)
        signal_id = self.world.ids.next("signal")
        with obs.facts.signal(type="momentum", symbol=event.symbol, side=side, signal_id=signal_id) as fact:
            mid = await self._coordinator.view(event.symbol)
            analysis = await self._analysis.analyse(event.symbol)
            score = await self._sentiment.score(event.symbol)
            await self.work(12)
            kind = self._kind(event, score, side)
            signal = Signal(
                id=signal_id,
                kind=kind,
                symbol=event.symbol,
                side=side,
                strategy_id=self._library.of_kind(kind).id,
                confidence=_confidence(event.volume_ratio + self.chance.normal(0, _MISREAD)),
                quality_score=self._quality(event, analysis.volatility_ratio),
                decision_price=mid,
                event=event,
            )
            fact.type, fact.strategy_id = signal.kind, signal.strategy_id
            fact.confidence, fact.quality_score = signal.confidence, signal.quality_score
            fact.market_event_unix_nano = event.time_unix_nano
            await self.doors.tables.write_record("signals", signal.id, _JSON.dump_json(signal).decode())
        return signal

    def _kind(self, event: MarketEvent, score: float, side: Side) -> str:
        if abs(event.move_bps) > 8:
            return "breakout"
        if event.volume_ratio > 4.5:
            return "volume_surge"
        agrees = (score > 0) == (side == "buy")
        return "sentiment_swing" if agrees and abs(score) > 0.15 else "momentum"

    def _quality(self, event: MarketEvent, volatility_ratio: float) -> float:
        stands_out = abs(event.move_bps) / 10_000 / max(volatility_ratio, 1e-6)
        return min(0.98, 0.45 + 0.12 * min(stands_out, 3) + 0.03 * min(event.volume_ratio, 5))
