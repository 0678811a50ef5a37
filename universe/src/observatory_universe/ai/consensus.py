"""Several models, one decision."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.ai import prompts
from observatory_universe.ai.asking import ask, stand_ins
from observatory_universe.ai.breaker import Breaker
from observatory_universe.doors.model import Completion, Fallback, Model, ModelError, Prompt
from observatory_universe.errors import Trouble
from observatory_universe.models import PANEL, SMALL
from observatory_universe.questions import read_vote
from observatory_universe.service import Service, World
from observatory_universe.trade import Signal, Verdict

_LEAST_VOTES: Final = 2


class NoConsensusError(Trouble):
    """Too few models voted."""


class AiConsensusEngine(Service):
    """Asks a panel of models whether a signal is right, and weighs their votes."""

    id = "ai_consensus_engine"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._breakers = {model.provider: Breaker(f"models_{model.provider}", world.clock) for model in PANEL}

    @obs.service("ai_consensus_engine", "decide")
    async def decide(self, signal: Signal) -> Verdict:
        """What the models make of the signal: its side, or the opposite one.

        Raises:
            NoConsensusError: fewer than two models voted.
        """
        decision_id = self.world.ids.next("decision")
        with obs.facts.consensus(
            models=[model.name for model in PANEL], decision_id=decision_id, signal_id=signal.id
        ) as consensus:
            answers = await asyncio.gather(*(self._vote(model, signal) for model in PANEL))
            votes = [vote for vote in answers if vote is not None]
            if len(votes) < _LEAST_VOTES:
                raise NoConsensusError("too_few_votes")
            for model, decision, confidence in votes:
                consensus.vote(model=model, decision=decision, confidence=confidence)
            decided, agreeing = Counter(decision for _, decision, _ in votes).most_common(1)[0]
            sure = [confidence for _, decision, confidence in votes if decision == decided]
            verdict = Verdict(decision_id, decided, sum(sure) / len(sure), agreeing / len(votes))
            consensus.decision = verdict.decision
            consensus.confidence = verdict.confidence
            consensus.agreement_ratio = verdict.agreement_ratio
        return verdict

    @obs.service("ai_consensus_engine", "ask")
    async def ask(self, conversation_id: str, question: str) -> Completion:
        """A second opinion of one model inside a conversation.

        Raises:
            ModelError: no model answered.
        """
        prompt = prompts.task(question, tokens=420, words=65)
        return await ask(self.doors.models, self.chance.pick(SMALL), prompt, conversation_id=conversation_id)

    @obs.service("ai_consensus_engine", "learn")
    async def learn(self, verdict: Verdict, return_ratio: float, pnl_usd: Decimal) -> None:
        """Takes in what came of a decision that was followed."""
        await self.work(1)
        obs.facts.consensus_outcome(
            correct=return_ratio > 0, return_ratio=return_ratio, pnl_usd=pnl_usd, decision_id=verdict.decision_id
        )

    async def _vote(self, model: Model, signal: Signal) -> tuple[str, str, float] | None:
        """The name of the model that answered, its decision and its confidence; None when none could be read."""
        prompt = prompts.vote(
            signal.symbol, signal.side, signal.event.volume_ratio, extra_tokens=200 + self.chance.whole(-60, 120)
        )
        try:
            vote = read_vote((await self._ask(model, prompt)).text)
        except ModelError:
            return None
        return (model.name, vote.decision, vote.confidence) if vote else None

    async def _ask(self, model: Model, prompt: Prompt) -> Completion:
        fallback: Fallback | None = None
        failed = ModelError("breaker_open")
        for candidate in (model, *stand_ins(model)):
            breaker = self._breakers[candidate.provider]
            if not breaker.allows():
                fallback = fallback or Fallback(candidate.name, "breaker_open")
                continue
            try:
                answer = await self.doors.models.complete(candidate, prompt, fallback=fallback)
            except ModelError as error:
                failed, fallback = error, Fallback(candidate.name, error.kind)
                breaker.fail(error.kind)
            else:
                breaker.succeed()
                return answer
        raise failed
