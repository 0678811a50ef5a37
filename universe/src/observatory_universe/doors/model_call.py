"""How a call of a model is told, whichever way it goes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.doors.model import Completion, Fallback, Model, ModelError

# How long a client waits for the next byte of an answer, in seconds.
TIMEOUT_S: Final = 30.0
# What a request to a model that reasons leaves for its thoughts, in tokens.
REASONING_TOKENS: Final = 1_024

_OPERATIONS: Final[Mapping[str, str]] = {"openai": "chat", "anthropic": "chat", "gcp.gemini": "generate_content"}


@dataclass(slots=True)
class Reply:
    """What a provider told in one answer. Tokens that it did not tell are None.

    `input_tokens` includes cached ones and `output_tokens` includes reasoning, whatever the provider's own way is;
    `finish_reason` is OpenTelemetry's word: `stop`, `length`.
    """

    text: str = ""
    id: str = ""
    served_model: str = ""
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    time_to_first_chunk_s: float | None = None


async def record(
    model: Model,
    ask: Callable[[], Awaitable[Reply]],
    *,
    address: str,
    conversation_id: str | None,
    stream: bool,
    fallback: Fallback | None,
) -> Completion:
    """Asks, and writes the fact of it.

    Raises:
        ModelError: no answer came; its kind is the fact's `error.type`.
    """
    with obs.facts.model_call(
        operation=_OPERATIONS[model.provider],
        provider=model.provider,
        request_model=model.name,
        stream=stream or None,
        conversation_id=conversation_id,
        server_address=address,
        fallback_from=None if fallback is None else fallback.from_model,
        fallback_reason=None if fallback is None else fallback.reason,
    ) as call:
        try:
            reply = await ask()
        except ModelError as error:
            call.error_type = error.kind
            raise
        call.response_model = reply.served_model
        call.response_id = reply.id
        call.input_tokens = reply.input_tokens
        call.output_tokens = reply.output_tokens
        call.cache_read_tokens = reply.cache_read_tokens
        call.cache_write_tokens = reply.cache_write_tokens
        call.reasoning_tokens = reply.reasoning_tokens
        call.finish_reasons = None if reply.finish_reason is None else [reply.finish_reason]
        call.time_to_first_chunk_s = reply.time_to_first_chunk_s
    return Completion(reply.text, reply.id, reply.served_model, reply.output_tokens)
