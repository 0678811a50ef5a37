"""From a user's message to its answer."""

import json
from dataclasses import replace
from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.ai import prompts
from observatory_universe.ai.asking import ask
from observatory_universe.ai.consensus import AiConsensusEngine
from observatory_universe.ai.memory import ChatMemoryService, Conversation, Turn
from observatory_universe.doors.model import Completion, Model, Prompt
from observatory_universe.infrastructure.gates import RateLimitService
from observatory_universe.infrastructure.messages import WebsocketService
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.models import SMALL
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.service import Service, World
from observatory_universe.trading.marketplace import StrategyMarketplaceService
from observatory_universe.users import User

Intent = Literal["portfolio", "market", "strategy", "advice"]

INTENTS: Final[tuple[Intent, ...]] = ("portfolio", "market", "strategy", "advice")
_ACTIONS: Final[dict[Intent, str]] = {
    "portfolio": "portfolio_shown",
    "market": "analysis_shown",
    "strategy": "strategies_shown",
    "advice": "advice_given",
}
_QUESTIONS: Final[dict[Intent, str]] = {
    "portfolio": "How much of what I own is at risk today, and in what?",
    "market": "What does the market do, and what is behind it?",
    "strategy": "Which strategy would have suited me last week?",
    "advice": "Should I hold what I have, or take the profit?",
}
_LAST_TURN: Final = 5
_SESSION_S: Final = 1_800.0


class ChatServiceAdapters(Service):
    """Fetches what an intent needs from the platform's services."""

    id = "chat_service_adapters"

    def __init__(
        self,
        world: World,
        risk: PortfolioRiskService,
        analysis: MarketAnalysisService,
        marketplace: StrategyMarketplaceService,
    ) -> None:
        super().__init__(world)
        self._risk = risk
        self._analysis = analysis
        self._marketplace = marketplace

    @obs.service("chat_service_adapters", "fetch")
    async def fetch(self, user: User, intent: Intent) -> str:
        """The facts as text for a prompt."""
        await self.work(3)
        if intent == "portfolio":
            return f"value at risk {await self._risk.assess(user):.4f}. " + prompts.prose(160)
        if intent == "strategy":
            return "".join(f"{s.id} ({s.kind}). " + prompts.prose(50) for s in await self._marketplace.browse(user))
        analysis = await self._analysis.analyse(self.chance.pick(tuple(SYMBOLS)))
        return f"{analysis.symbol} trend {analysis.trend_ratio:.5f} last {analysis.last}. " + prompts.prose(120)


class AiChatEngine(Service):
    """Answers one message with memory, facts and a small model."""

    id = "ai_chat_engine"

    def __init__(
        self,
        world: World,
        memory: ChatMemoryService,
        adapters: ChatServiceAdapters,
        consensus: AiConsensusEngine,
    ) -> None:
        super().__init__(world)
        self._memory = memory
        self._adapters = adapters
        self._consensus = consensus

    @obs.service("ai_chat_engine", "reply")
    async def reply(self, user: User, conversation: Conversation, intent: Intent) -> Completion:
        """The answer to the conversation's next question.

        Raises:
            ModelError: no model answered.
        """
        past = await self._memory.recall(conversation)
        facts = await self._adapters.fetch(user, intent)
        question = _QUESTIONS[intent]
        if intent == "advice":
            facts += (await self._consensus.ask(conversation.id, question)).text
        prompt = prompts.chat([(turn.question, turn.answer) for turn in past], facts, question)
        model = self.chance.pick(SMALL)
        answer = await ask(self.doors.models, model, prompt, conversation_id=conversation.id, stream=True)
        answer = await self._loop(model, prompt, answer, conversation)
        await self._memory.remember(conversation, Turn(question, answer.text))
        self._note(conversation, intent)
        return answer

    async def _loop(self, model: Model, prompt: Prompt, answer: Completion, conversation: Conversation) -> Completion:
        """What the fault `ai_token_loop` does: the engine is never content, and asks with all that was said."""
        for _ in range(round(self.faults.grade("ai_token_loop") or 0)):
            prompt = prompts.go_on(prompt, answer.text)
            answer = await ask(self.doors.models, model, prompt, conversation_id=conversation.id)
        return answer

    def _note(self, conversation: Conversation, intent: Intent) -> None:
        rated = self.chance.happens(0.3)
        obs.facts.chat_turn(
            conversation_id=conversation.id,
            turn=conversation.turns + 1,
            channel=conversation.channel,
            intent=intent,
            rating=self.chance.pick((3, 4, 4, 5, 5)) if rated else None,
            re_asked=self.chance.happens(0.05),
            abandoned=self.chance.happens(0.03),
            action=_ACTIONS[intent],
        )


class UnifiedAiManager(Service):
    """Routes requests of any interface to the engine that answers them."""

    id = "unified_ai_manager"

    def __init__(self, world: World, chat: AiChatEngine) -> None:
        super().__init__(world)
        self._chat = chat

    @obs.service("unified_ai_manager", "answer")
    async def answer(self, user: User, conversation: Conversation, intent: Intent) -> Completion:
        await self.work(3)
        return await self._chat.reply(user, conversation, intent)


class ConversationalAiOrchestrator(Service):
    """Understands what a message wants, has it answered, and judges the answer."""

    id = "conversational_ai_orchestrator"

    def __init__(self, world: World, manager: UnifiedAiManager) -> None:
        super().__init__(world)
        self._manager = manager

    @obs.service("conversational_ai_orchestrator", "lead")
    async def lead(self, user: User, conversation: Conversation) -> None:
        """One turn of the conversation."""
        await self.work(6)
        answer = await self._manager.answer(user, conversation, self.chance.pick(INTENTS))
        score = min(1.0, max(0.0, self.chance.normal(0.86, 0.06)))
        obs.facts.evaluation_result(
            name="relevance",
            score=score,
            label="pass" if score >= 0.6 else "fail",
            conversation_id=conversation.id,
            response_id=answer.response_id,
        )


class ChatIntegrationService(Service):
    """Takes messages from the web page and the bot, and brings the answers back."""

    id = "chat_integration_service"

    def __init__(
        self,
        world: World,
        orchestrator: ConversationalAiOrchestrator,
        limits: RateLimitService,
        websocket: WebsocketService,
    ) -> None:
        super().__init__(world)
        self._orchestrator = orchestrator
        self._limits = limits
        self._websocket = websocket

    @obs.service("chat_integration_service", "receive")
    async def receive(self, user: User, channel: str) -> str:
        """Answers the user's next message. Returns the kind of message that the answer is.

        Args:
            channel: `web`, `telegram`, or `api` for a program of the user, which may ask more often than people.
        """
        if not await self._limits.decide("chat_api" if channel == "api" else "chat", user.id):
            obs.outcome("failure", reason="rate_limited")
            return "slow_down"
        conversation = await self._open(user, channel)
        await self._orchestrator.lead(user, conversation)
        await self._keep(replace(conversation, turns=conversation.turns + 1))
        if channel == "web":
            await self._websocket.push(user, "chat")
        return "chat_answer"

    async def _open(self, user: User, channel: str) -> Conversation:
        """The user's running conversation on this channel, or a new one."""
        key = _key(user.id, channel)
        document = await self.doors.cache.read(key)
        if document is not None:
            # Nobody else goes on with it while this turn is answered.
            await self.doors.cache.drop(key)
            id_, turns = json.loads(document)
            if turns < _LAST_TURN:
                return Conversation(id_, user.id, channel, turns)
        return Conversation(self.world.ids.next("conversation"), user.id, channel)

    async def _keep(self, conversation: Conversation) -> None:
        key = _key(conversation.user_id, conversation.channel)
        await self.doors.cache.write(key, json.dumps([conversation.id, conversation.turns]), _SESSION_S)


def _key(user_id: str, channel: str) -> str:
    return f"session:{user_id}:{channel}"
