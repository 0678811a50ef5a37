"""Anthropic's own client: Messages."""

import warnings
from collections.abc import Mapping
from typing import Final

import anthropic
import httpx2
from anthropic.types import MessageDeltaUsage, MessageParam, TextBlockParam, ThinkingConfigParam, Usage

from observatory_universe.clock import Clock
from observatory_universe.doors.model import Model, ModelError, Prompt
from observatory_universe.doors.model_call import REASONING_TOKENS, Reply
from observatory_universe.models import REASONING
from observatory_universe.sockets.providers import KEY, refused, retry_after_s

_FINISHES: Final[Mapping[str | None, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
}


class Anthropic:
    """Asks Anthropic. The system text is marked for the provider's cache."""

    def __init__(self, url: str, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        # The client warns at each call of a model that its provider has retired; here it lives on.
        warnings.filterwarnings("ignore", r"The model '[\w-]+' is deprecated", DeprecationWarning)
        # Whoever asks decides whether to ask again or another; and what proxies the machine has, these are not for.
        # The client's own spans would tell each call a second time.
        self._client = anthropic.AsyncAnthropic(
            api_key=KEY,
            base_url=url,
            max_retries=0,
            timeout=timeout_s,
            open_telemetry=False,
            http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False),
        )

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, model: Model, prompt: Prompt, stream: bool) -> Reply:
        """Asks one model.

        Raises:
            ModelError: no answer came.
        """
        try:
            return await (self._stream if stream else self._create)(model, prompt)
        # While a stream is read, the client lets the errors of its transport through as they are.
        except (anthropic.APITimeoutError, httpx2.TimeoutException) as error:
            raise ModelError("timeout") from error
        except anthropic.APIStatusError as error:
            raise refused(error.status_code, retry_after_s(error.response.headers)) from error
        except (anthropic.APIError, httpx2.TransportError) as error:
            raise ModelError("server_error") from error

    async def _create(self, model: Model, prompt: Prompt) -> Reply:
        found = await self._client.messages.create(
            model=model.name,
            max_tokens=_most_tokens(model, prompt),
            system=_system(prompt),
            messages=_messages(prompt),
            thinking=_thinking(model),
        )
        text = "".join(block.text for block in found.content if block.type == "text")
        return _count(Reply(text, found.id, found.model, _finish(found.stop_reason)), found.usage)

    async def _stream(self, model: Model, prompt: Prompt) -> Reply:
        asked_s = self._clock.now_s()
        events = await self._client.messages.create(
            model=model.name,
            max_tokens=_most_tokens(model, prompt),
            system=_system(prompt),
            messages=_messages(prompt),
            thinking=_thinking(model),
            stream=True,
        )
        reply = Reply()
        pieces: list[str] = []
        async for event in events:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                if not pieces:
                    reply.time_to_first_chunk_s = self._clock.now_s() - asked_s
                pieces.append(event.delta.text)
            elif event.type == "message_start":
                reply.id, reply.served_model = event.message.id, event.message.model
            elif event.type == "message_delta":
                reply.finish_reason = _finish(event.delta.stop_reason)
                _count(reply, event.usage)
        reply.text = "".join(pieces)
        return reply


def _system(prompt: Prompt) -> list[TextBlockParam]:
    return [{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}] if prompt.system else []


def _messages(prompt: Prompt) -> list[MessageParam]:
    # Written out by role: the parameter is one type for each.
    return [
        {"role": "user", "content": text} if role == "user" else {"role": "assistant", "content": text}
        for role, text in prompt.turns
    ]


def _most_tokens(model: Model, prompt: Prompt) -> int:
    return prompt.max_tokens + (REASONING_TOKENS if model in REASONING else 0)


def _thinking(model: Model) -> ThinkingConfigParam | anthropic.Omit:
    return {"type": "enabled", "budget_tokens": REASONING_TOKENS} if model in REASONING else anthropic.omit


def _finish(reason: str | None) -> str | None:
    return _FINISHES.get(reason, reason)


def _count(reply: Reply, usage: Usage | MessageDeltaUsage) -> Reply:
    """Anthropic counts what was read from the cache and written to it beside the other tokens in."""
    reply.cache_read_tokens = usage.cache_read_input_tokens
    reply.cache_write_tokens = usage.cache_creation_input_tokens
    if usage.input_tokens is not None:
        reply.input_tokens = usage.input_tokens + (reply.cache_read_tokens or 0) + (reply.cache_write_tokens or 0)
    reply.output_tokens = usage.output_tokens
    if usage.output_tokens_details is not None:
        reply.reasoning_tokens = usage.output_tokens_details.thinking_tokens
    return reply
