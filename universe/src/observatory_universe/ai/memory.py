"""What was said before."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service, World

_MOST_CONVERSATIONS: Final = 2_000
_WINDOW_TURNS: Final = 6


@dataclass(slots=True)
class Conversation:
    """One conversation of one user: how many tokens each turn took."""

    id: str
    user_id: str
    channel: str
    turns: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recollection:
    """The part of a conversation that fits into a prompt."""

    turns: int
    tokens: int


class ChatMemoryService(Service):
    """Keeps the newest 2,000 conversations, and of each what fits into a prompt."""

    id = "chat_memory_service"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()

    def begin(self, user_id: str, channel: str) -> Conversation:
        """A new conversation."""
        conversation = Conversation(self.world.ids.next("conversation"), user_id, channel)
        self._conversations[conversation.id] = conversation
        if len(self._conversations) > _MOST_CONVERSATIONS:
            self._conversations.popitem(last=False)
        return conversation

    @obs.service("chat_memory_service", "recall")
    async def recall(self, conversation: Conversation) -> Recollection:
        """The last turns of the conversation."""
        with obs.facts.memory_lookup(conversation_id=conversation.id, store_id="chat_sessions") as lookup:
            await self.work(9)
            kept = conversation.turns[-_WINDOW_TURNS:]
            lookup.hit = bool(kept)
            lookup.record_count = len(kept)
            lookup.retained_ratio = len(kept) / len(conversation.turns) if conversation.turns else 1.0
            lookup.compacted = len(kept) < len(conversation.turns)
        return Recollection(len(kept), sum(kept))

    @obs.service("chat_memory_service", "remember")
    async def remember(self, conversation: Conversation, tokens: int) -> None:
        """Keeps one more turn of so many tokens."""
        await self.work(5)
        conversation.turns.append(tokens)
