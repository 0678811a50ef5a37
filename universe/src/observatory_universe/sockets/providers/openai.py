"""OpenAI's own client: Chat Completions, and Responses for the models that are asked by it."""

from typing import Final

import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import (
    EasyInputMessageParam,
    Response,
    ResponseCompletedEvent,
    ResponseIncompleteEvent,
    ResponseInputParam,
    ResponseTextDeltaEvent,
)
from openai.types.shared_params import Reasoning

from observatory_universe.clock import Clock
from observatory_universe.doors.model import Model, ModelError, Prompt
from observatory_universe.doors.model_call import REASONING_TOKENS, Reply
from observatory_universe.models import BY_RESPONSES, REASONING
from observatory_universe.sockets.providers import KEY, refused, retry_after_s

_EFFORT: Final[Reasoning] = {"effort": "low"}


class OpenAi:
    """Asks OpenAI."""

    def __init__(self, url: str, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        # Whoever asks decides whether to ask again or another; and what proxies the machine has, these are not for.
        self._client = openai.AsyncOpenAI(
            api_key=KEY,
            base_url=url,
            max_retries=0,
            timeout=timeout_s,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        )

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, model: Model, prompt: Prompt, stream: bool) -> Reply:
        """Asks one model.

        Raises:
            ModelError: no answer came.
        """
        try:
            if model.name in BY_RESPONSES:
                return await (self._stream_response if stream else self._respond)(model, prompt)
            return await (self._stream_chat if stream else self._chat)(model, prompt)
        except openai.APITimeoutError as error:
            raise ModelError("timeout") from error
        except openai.APIStatusError as error:
            raise refused(error.status_code, retry_after_s(error.response.headers)) from error
        except openai.APIError as error:
            raise ModelError("server_error") from error

    async def _chat(self, model: Model, prompt: Prompt) -> Reply:
        found = await self._client.chat.completions.create(
            model=model.name, messages=_messages(prompt), max_completion_tokens=prompt.max_tokens
        )
        choice = found.choices[0]
        reply = Reply(choice.message.content or "", found.id, found.model, choice.finish_reason)
        return _with_usage(reply, found.usage)

    async def _stream_chat(self, model: Model, prompt: Prompt) -> Reply:
        asked_s = self._clock.now_s()
        chunks = await self._client.chat.completions.create(
            model=model.name,
            messages=_messages(prompt),
            max_completion_tokens=prompt.max_tokens,
            stream=True,
            stream_options={"include_usage": True},
        )
        reply = Reply()
        pieces: list[str] = []
        async for chunk in chunks:
            if chunk.choices:
                choice = chunk.choices[0]
                if choice.delta.content:
                    if not pieces:
                        reply.time_to_first_chunk_s = self._clock.now_s() - asked_s
                    pieces.append(choice.delta.content)
                reply.finish_reason = choice.finish_reason or reply.finish_reason
            reply.id, reply.served_model = chunk.id, chunk.model
            if chunk.usage is not None:
                _with_usage(reply, chunk.usage)
        reply.text = "".join(pieces)
        return reply

    async def _respond(self, model: Model, prompt: Prompt) -> Reply:
        found = await self._client.responses.create(
            model=model.name,
            instructions=prompt.system,
            input=_input(prompt),
            max_output_tokens=_most_tokens(model, prompt),
            reasoning=_EFFORT if model in REASONING else openai.omit,
            store=False,
        )
        return _replied(Reply(found.output_text), found)

    async def _stream_response(self, model: Model, prompt: Prompt) -> Reply:
        asked_s = self._clock.now_s()
        events = await self._client.responses.create(
            model=model.name,
            instructions=prompt.system,
            input=_input(prompt),
            max_output_tokens=_most_tokens(model, prompt),
            reasoning=_EFFORT if model in REASONING else openai.omit,
            store=False,
            stream=True,
        )
        reply = Reply()
        pieces: list[str] = []
        async for event in events:
            if isinstance(event, ResponseTextDeltaEvent):
                if not pieces:
                    reply.time_to_first_chunk_s = self._clock.now_s() - asked_s
                pieces.append(event.delta)
            elif isinstance(event, ResponseCompletedEvent | ResponseIncompleteEvent):
                _replied(reply, event.response)
        reply.text = "".join(pieces)
        return reply


def _messages(prompt: Prompt) -> list[ChatCompletionMessageParam]:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": prompt.system}]
    for role, text in prompt.turns:
        messages.append({"role": "user", "content": text} if role == "user" else {"role": "assistant", "content": text})
    return messages


def _input(prompt: Prompt) -> ResponseInputParam:
    return [EasyInputMessageParam(role=role, content=text) for role, text in prompt.turns]


def _most_tokens(model: Model, prompt: Prompt) -> int:
    return prompt.max_tokens + (REASONING_TOKENS if model in REASONING else 0)


def _with_usage(reply: Reply, usage: CompletionUsage | None) -> Reply:
    if usage is None:
        return reply
    reply.input_tokens = usage.prompt_tokens
    reply.output_tokens = usage.completion_tokens
    if usage.prompt_tokens_details is not None:
        reply.cache_read_tokens = usage.prompt_tokens_details.cached_tokens
    if usage.completion_tokens_details is not None:
        reply.reasoning_tokens = usage.completion_tokens_details.reasoning_tokens
    return reply


def _replied(reply: Reply, found: Response) -> Reply:
    reply.id, reply.served_model = found.id, found.model
    reply.finish_reason = "stop" if found.status == "completed" else "length"
    if found.usage is not None:
        reply.input_tokens = found.usage.input_tokens
        reply.output_tokens = found.usage.output_tokens
        reply.cache_read_tokens = found.usage.input_tokens_details.cached_tokens
        reply.reasoning_tokens = found.usage.output_tokens_details.reasoning_tokens
    return reply
