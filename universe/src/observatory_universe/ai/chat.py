"""From a user's message to its answer."""

from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.ai.consensus import AiConsensusEngine
from observatory_universe.ai.memory import ChatMemoryService, Conversation
from observatory_universe.infrastructure.gates import RateLimitService
from observatory_universe.infrastructure.messages import WebsocketService
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.outside.models import CLAUDE_SMALL, GEMINI_SMALL, GPT_MINI, SMALL, Completion, Models
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
_SYSTEM_TOKENS: Final = 1_200
_LAST_TURN: Final = 5
_MOST_OPEN: Final = 2_000


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
    async def fetch(self, user: User, intent: Intent) -> int:
        """How many tokens the fetched facts take in a prompt."""
        await self.work(3)
        if intent == "portfolio":
            await self._risk.assess(user)
            return 180
        if intent == "strategy":
            return 60 * len(await self._marketplace.browse(user))
        await self._analysis.analyse(self.chance.pick(tuple(SYMBOLS)))
        return 140


class AiChatEngine(Service):
    """Answers one message with memory, facts and a small model."""

    id = "ai_chat_engine"

    def __init__(
        self,
        world: World,
        memory: ChatMemoryService,
        adapters: ChatServiceAdapters,
        models: Models,
        consensus: AiConsensusEngine,
    ) -> None:
        super().__init__(world)
        self._memory = memory
        self._adapters = adapters
        self._models = models
        self._consensus = consensus

    @obs.service("ai_chat_engine", "reply")
    async def reply(self, user: User, conversation: Conversation, intent: Intent) -> Completion:
        """The answer, after which the conversation is one turn longer."""
        recollection = await self._memory.recall(conversation)
        fact_tokens = await self._adapters.fetch(user, intent)
        model = self.chance.pick(SMALL)
        if intent == "advice":
            await self._consensus.ask(self.chance.pick((GPT_MINI, CLAUDE_SMALL, GEMINI_SMALL)), conversation.id)
        answer = await self._models.complete(
            model,
            input_tokens=_SYSTEM_TOKENS + recollection.tokens + fact_tokens + self.chance.whole(15, 60),
            output_tokens=190,
            # OpenAI caches prompts from 1,024 tokens on, in steps of 128; the others are not asked to cache.
            cached_tokens=1_152 if model is GPT_MINI and recollection.turns else 0,
            conversation_id=conversation.id,
            stream=True,
        )
        await self._memory.remember(conversation, answer.output_tokens + 40)
        self._note(conversation, intent)
        return answer

    def _note(self, conversation: Conversation, intent: Intent) -> None:
        rated = self.chance.happens(0.3)
        obs.facts.chat_turn(
            conversation_id=conversation.id,
            turn=len(conversation.turns),
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
        memory: ChatMemoryService,
        limits: RateLimitService,
        websocket: WebsocketService,
    ) -> None:
        super().__init__(world)
        self._orchestrator = orchestrator
        self._memory = memory
        self._limits = limits
        self._websocket = websocket
        self._open: dict[str, Conversation] = {}

    @obs.service("chat_integration_service", "receive")
    async def receive(self, user: User, channel: str) -> str:
        """Answers the user's next message. Returns the kind of message that the answer is."""
        if not await self._limits.decide("chat", user.id):
            obs.outcome("failure", reason="rate_limited")
            return "slow_down"
        conversation = self._open.pop(user.id, None) or self._memory.begin(user.id, channel)
        await self._orchestrator.lead(user, conversation)
        if len(conversation.turns) < _LAST_TURN:
            self._open[user.id] = conversation
            if len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]
        if channel == "web":
            await self._websocket.push(user, "chat")
        return "chat_answer"
