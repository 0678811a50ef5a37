"""The model providers, called in the process."""

from collections.abc import Mapping
from typing import Final

from observatory_universe.clock import Clock
from observatory_universe.doors.model import Completion, Fallback, Model, ModelError, Prompt
from observatory_universe.doors.model_call import REASONING_TOKENS, TIMEOUT_S, Reply, record
from observatory_universe.models import BY_RESPONSES, REASONING
from observatory_universe.outside.language import Answer, Api, Language, Query, Refusal

_ADDRESSES: Final[Mapping[str, str]] = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gcp.gemini": "generativelanguage.googleapis.com",
}
_KINDS: Final = {"unknown_model": "refused"}


class DirectModels:
    """All providers, without sockets: the same answers, times and facts as through their real clients."""

    def __init__(self, language: Language, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._language = language
        self._clock = clock
        self._timeout_s = timeout_s

    async def complete(
        self,
        model: Model,
        prompt: Prompt,
        *,
        conversation_id: str | None = None,
        stream: bool = False,
        fallback: Fallback | None = None,
    ) -> Completion:
        """Asks one model; see `doors.model.Models`."""
        return await record(
            model,
            lambda: self._ask(model, prompt, stream),
            address=_ADDRESSES[model.provider],
            conversation_id=conversation_id,
            stream=stream,
            fallback=fallback,
        )

    async def _ask(self, model: Model, prompt: Prompt, stream: bool) -> Reply:
        query = _query(model, prompt)
        answer = self._language.answer(query)
        if isinstance(answer, Refusal):
            await self._wait(answer.after_s, answer.after_s)
            raise ModelError(_KINDS.get(answer.kind, answer.kind), answer.retry_after_s)
        # A client waits for the next byte: the first one comes at the end unless the answer is streamed.
        await self._wait(answer.duration_s, answer.first_chunk_s if stream else answer.duration_s)
        reply = _told(query, answer)
        reply.time_to_first_chunk_s = answer.first_chunk_s if stream else None
        return reply

    async def _wait(self, seconds: float, silent_s: float) -> None:
        if silent_s > self._timeout_s:
            await self._clock.sleep(self._timeout_s)
            raise ModelError("timeout")
        await self._clock.sleep(seconds)


def _query(model: Model, prompt: Prompt) -> Query:
    """The request that the real client would send."""
    reasons = model in REASONING
    return Query(
        provider=model.provider,
        model=model.name,
        api=_api(model),
        system=prompt.system,
        turns=prompt.turns,
        max_tokens=prompt.max_tokens + (REASONING_TOKENS if reasons else 0),
        marked_chars=len(prompt.system) if model.provider == "anthropic" else 0,
        reasoning=reasons,
    )


def _api(model: Model) -> Api:
    if model.provider == "openai":
        return "responses" if model.name in BY_RESPONSES else "chat"
    return "messages" if model.provider == "anthropic" else "generate"


def _told(query: Query, answer: Answer) -> Reply:
    """What the provider's interface has a field for: OpenAI and Anthropic tell zeros too, Gemini leaves them out."""
    gemini, anthropic = query.provider == "gcp.gemini", query.provider == "anthropic"
    return Reply(
        text=answer.text,
        id=answer.id,
        served_model=answer.model,
        finish_reason=answer.finish,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cache_read_tokens=(answer.cache_read_tokens or None) if gemini else answer.cache_read_tokens,
        cache_write_tokens=answer.cache_write_tokens if anthropic else None,
        reasoning_tokens=(answer.reasoning_tokens or None) if gemini or anthropic else answer.reasoning_tokens,
    )
