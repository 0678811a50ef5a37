"""Several models, one decision."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.outside.models import PANEL, Model, Models
from observatory_universe.service import Service, World
from observatory_universe.trade import Signal, Verdict, opposite

_PROMPT_TOKENS: Final = 640
_ANSWER_TOKENS: Final = 150


class AiConsensusEngine(Service):
    """Asks a panel of models whether a signal is right, and weighs their votes."""

    id = "ai_consensus_engine"

    def __init__(self, world: World, models: Models) -> None:
        super().__init__(world)
        self._models = models

    @obs.service("ai_consensus_engine", "decide")
    async def decide(self, signal: Signal) -> Verdict:
        """What the models make of the signal: its side, or the opposite one."""
        decision_id = self.world.ids.next("decision")
        with obs.facts.consensus(
            models=[model.name for model in PANEL], decision_id=decision_id, signal_id=signal.id
        ) as consensus:
            votes = await asyncio.gather(*(self._vote(model, signal) for model in PANEL))
            for model, (decision, confidence) in zip(PANEL, votes, strict=True):
                consensus.vote(model=model.name, decision=decision, confidence=confidence)
            decided, agreeing = Counter(decision for decision, _ in votes).most_common(1)[0]
            sure = [confidence for decision, confidence in votes if decision == decided]
            verdict = Verdict(decision_id, decided, sum(sure) / len(sure), agreeing / len(votes))
            consensus.decision = verdict.decision
            consensus.confidence = verdict.confidence
            consensus.agreement_ratio = verdict.agreement_ratio
        return verdict

    @obs.service("ai_consensus_engine", "ask")
    async def ask(self, model: Model, conversation_id: str) -> None:
        """A second opinion of one model inside a conversation."""
        await self._models.complete(model, input_tokens=420, output_tokens=90, conversation_id=conversation_id)

    @obs.service("ai_consensus_engine", "learn")
    async def learn(self, verdict: Verdict, return_ratio: float, pnl_usd: Decimal) -> None:
        """Takes in what came of a decision that was followed."""
        await self.work(1)
        obs.facts.consensus_outcome(
            correct=return_ratio > 0, return_ratio=return_ratio, pnl_usd=pnl_usd, decision_id=verdict.decision_id
        )

    async def _vote(self, model: Model, signal: Signal) -> tuple[str, float]:
        tokens = _PROMPT_TOKENS + self.chance.whole(-60, 120)
        await self._models.complete(model, input_tokens=tokens, output_tokens=_ANSWER_TOKENS)
        # A model reads the same volume as the signal does, so it is about as sure, and now and then it errs.
        confidence = min(0.97, max(0.5, signal.confidence + self.chance.normal(0, 0.025)))
        agrees = self.chance.happens(0.9)
        return (signal.side if agrees else opposite(signal.side), confidence)
