"""The model providers: OpenAI, Anthropic and Google, each with a large and a small model."""

from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.service import World


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Requests name a pinned version, so that what is asked for is what answers."""

    name: str
    provider: str
    operation: str
    host: str
    first_chunk_s: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, apart from its words."""

    response_id: str
    output_tokens: int


_OPENAI: Final = ("openai", "chat", "api.openai.com")
_ANTHROPIC: Final = ("anthropic", "chat", "api.anthropic.com")
_GEMINI: Final = ("gcp.gemini", "generate_content", "generativelanguage.googleapis.com")

GPT: Final = Model("gpt-4o-2024-08-06", *_OPENAI, first_chunk_s=0.35, tokens_per_s=140.0)
GPT_MINI: Final = Model("gpt-4o-mini-2024-07-18", *_OPENAI, first_chunk_s=0.25, tokens_per_s=180.0)
CLAUDE: Final = Model("claude-3-5-sonnet-20241022", *_ANTHROPIC, first_chunk_s=0.45, tokens_per_s=110.0)
CLAUDE_SMALL: Final = Model("claude-3-5-haiku-20241022", *_ANTHROPIC, first_chunk_s=0.30, tokens_per_s=150.0)
GEMINI: Final = Model("gemini-2.5-flash", *_GEMINI, first_chunk_s=0.30, tokens_per_s=200.0)
GEMINI_SMALL: Final = Model("gemini-2.0-flash", *_GEMINI, first_chunk_s=0.22, tokens_per_s=240.0)

PANEL: Final = (GPT, CLAUDE, GEMINI)
SMALL: Final = (GPT_MINI, CLAUDE_SMALL, GEMINI_SMALL)


class Models:
    """The clients of all providers."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._ids = world.ids
        self._chance = world.chance.of("models")

    async def complete(
        self,
        model: Model,
        *,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        conversation_id: str | None = None,
        stream: bool = False,
    ) -> Completion:
        """Asks one model. Takes the time to the first chunk and then the time of the output's tokens."""
        response_id = self._ids.next("response")
        wanted = round(self._chance.duration_s(output_tokens, 0.15))
        with obs.facts.model_call(
            operation=model.operation,
            provider=model.provider,
            request_model=model.name,
            stream=stream or None,
            conversation_id=conversation_id,
            server_address=model.host,
        ) as call:
            first_s = self._chance.duration_s(model.first_chunk_s, 0.25)
            await self._clock.sleep(first_s)
            call.time_to_first_chunk_s = first_s if stream else None
            await self._clock.sleep(wanted / model.tokens_per_s)
            call.response_model = model.name
            call.response_id = response_id
            call.input_tokens = input_tokens
            call.cache_read_tokens = cached_tokens or None
            call.output_tokens = wanted
            call.finish_reasons = ["stop"]
        return Completion(response_id, wanted)
