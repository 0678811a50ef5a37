"""What was said before."""

import json
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service

_WINDOW_TURNS: Final = 6
_KEPT_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of one user, and how many turns it has had."""

    id: str
    user_id: str
    channel: str
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer."""

    question: str
    answer: str


class ChatMemoryService(Service):
    """Keeps the last turns of each conversation in Redis, for an hour."""

    id = "chat_memory_service"

    @obs.service("chat_memory_service", "recall")
    async def recall(self, conversation: Conversation) -> list[Turn]:
        """The last turns of the conversation, the oldest first."""
        with obs.facts.memory_lookup(conversation_id=conversation.id, store_id="chat_sessions") as lookup:
            await self.work(4)
            kept = await self._read(conversation)
            if self.struck("ai_memory_loss"):
                kept = []
            lookup.hit = bool(kept)
            lookup.record_count = len(kept)
            lookup.retained_ratio = len(kept) / conversation.turns if conversation.turns else 1.0
            lookup.compacted = 0 < len(kept) < conversation.turns
        return kept

    @obs.service("chat_memory_service", "remember")
    async def remember(self, conversation: Conversation, turn: Turn) -> None:
        """Keeps one more turn."""
        await self.work(2)
        turns = [*await self._read(conversation), turn][-_WINDOW_TURNS:]
        document = json.dumps([[turn.question, turn.answer] for turn in turns])
        await self.doors.cache.write(_key(conversation), document, _KEPT_S)

    async def _read(self, conversation: Conversation) -> list[Turn]:
        document = await self.doors.cache.read(_key(conversation))
        return [Turn(question, answer) for question, answer in json.loads(document)] if document else []


def _key(conversation: Conversation) -> str:
    return f"conversation:{conversation.id}"
