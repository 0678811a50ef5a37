"""A signal's quality, judged before anybody sees it."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.ai.consensus import AiConsensusEngine
from observatory_universe.errors import Trouble
from observatory_universe.service import Service, World
from observatory_universe.trade import Signal, Verdict

_LEAST_CONFIDENCE: Final = 0.62
_LEAST_QUALITY: Final = 0.5


class SignalEvaluationService(Service):
    """Refuses weak signals, and asks the models about a share of the others.

    Args:
        asked_ratio: share of the passing signals that go to the models, 0 to 1: each costs some cents.
    """

    id = "signal_evaluation_service"

    def __init__(self, world: World, consensus: AiConsensusEngine, asked_ratio: float) -> None:
        super().__init__(world)
        self._consensus = consensus
        self._asked_ratio = asked_ratio
        self._asked_once = False

    @obs.service("signal_evaluation_service", "evaluate")
    async def evaluate(self, signal: Signal) -> tuple[bool, Verdict | None]:
        """Whether the signal goes out, and what the models said if they were asked."""
        with obs.facts.signal_evaluation(
            type=signal.kind, symbol=signal.symbol, strategy_id=signal.strategy_id, signal_id=signal.id
        ) as evaluation:
            await self.work(9)
            evaluation.score = (signal.confidence + signal.quality_score) / 2
            verdict = None
            reason = self._weakness(signal)
            if reason is None and self._asks():
                verdict, reason = await self._decide(signal)
                evaluation.decision_id = verdict.decision_id if verdict else None
            evaluation.accepted, evaluation.reason = reason is None, reason or "passed"
        return reason is None, verdict

    async def _decide(self, signal: Signal) -> tuple[Verdict | None, str | None]:
        """What the models decided, and why the signal must not go out."""
        try:
            verdict = await self._consensus.decide(signal)
        except Trouble as trouble:
            return None, str(trouble)
        return verdict, None if verdict.decision == signal.side else "models_disagree"

    def _weakness(self, signal: Signal) -> str | None:
        if signal.confidence < _LEAST_CONFIDENCE:
            return "low_confidence"
        return "low_quality" if signal.quality_score < _LEAST_QUALITY else None

    def _asks(self) -> bool:
        # The first signal always goes to the models, so that the whole way runs soon after the start.
        asks = not self._asked_once or self.chance.happens(self._asked_ratio)
        self._asked_once = True
        return asks
