"""Google's own client: generateContent."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from google import genai
from google.genai import errors, types

from observatory_universe.clock import Clock
from observatory_universe.doors.model import Model, ModelError, Prompt
from observatory_universe.doors.model_call import REASONING_TOKENS, Reply
from observatory_universe.models import REASONING
from observatory_universe.sockets.providers import KEY, refused

_ROLES: Final[Mapping[str, str]] = {"user": "user", "assistant": "model"}
_FINISHES: Final[Mapping[types.FinishReason, str]] = {
    types.FinishReason.STOP: "stop",
    types.FinishReason.MAX_TOKENS: "length",
    types.FinishReason.SAFETY: "content_filter",
}


class Gemini:
    """Asks Google. Its client goes through aiohttp where that is installed, as it is here.

    Made inside a running loop only.
    """

    def __init__(self, url: str, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        # One that the client makes by itself asks a thread for the machine's proxies at each request.
        self._session = aiohttp.ClientSession()
        # One attempt: whoever asks decides whether to ask again or another.
        options = types.HttpOptions(
            base_url=url,
            timeout=round(timeout_s * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
            aiohttp_client=self._session,
        )
        self._client = genai.Client(api_key=KEY, enterprise=False, http_options=options)

    async def close(self) -> None:
        await self._client.aio.aclose()
        self._client.close()
        await self._session.close()

    async def ask(self, model: Model, prompt: Prompt, stream: bool) -> Reply:
        """Asks one model.

        Raises:
            ModelError: no answer came.
        """
        try:
            return await (self._stream if stream else self._generate)(model, prompt)
        except errors.APIError as error:
            raise refused(error.code, _retry_after_s(error.details)) from error
        except TimeoutError as error:
            raise ModelError("timeout") from error
        except aiohttp.ClientError as error:
            raise ModelError("server_error") from error

    async def _generate(self, model: Model, prompt: Prompt) -> Reply:
        found = await self._client.aio.models.generate_content(
            model=model.name, contents=_contents(prompt), config=_config(model, prompt)
        )
        reply = Reply(found.text or "")
        _take(reply, found)
        return reply

    async def _stream(self, model: Model, prompt: Prompt) -> Reply:
        asked_s = self._clock.now_s()
        chunks = await self._client.aio.models.generate_content_stream(
            model=model.name, contents=_contents(prompt), config=_config(model, prompt)
        )
        reply = Reply()
        pieces: list[str] = []
        async for chunk in chunks:
            if chunk.text:
                if not pieces:
                    reply.time_to_first_chunk_s = self._clock.now_s() - asked_s
                pieces.append(chunk.text)
            _take(reply, chunk)
        reply.text = "".join(pieces)
        return reply


def _contents(prompt: Prompt) -> list[types.Content]:
    return [types.Content(role=_ROLES[role], parts=[types.Part(text=text)]) for role, text in prompt.turns]


def _config(model: Model, prompt: Prompt) -> types.GenerateContentConfig:
    reasons = model in REASONING
    return types.GenerateContentConfig(
        system_instruction=prompt.system,
        max_output_tokens=prompt.max_tokens + (REASONING_TOKENS if reasons else 0),
        thinking_config=types.ThinkingConfig(thinking_budget=REASONING_TOKENS) if reasons else None,
        # There are no functions to call.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _take(reply: Reply, found: types.GenerateContentResponse) -> None:
    reply.id, reply.served_model = found.response_id or "", found.model_version or ""
    reason = found.candidates[0].finish_reason if found.candidates else None
    if reason is not None:
        reply.finish_reason = _FINISHES.get(reason, reason.value.lower())
    usage = found.usage_metadata
    if usage is None:
        return
    reply.input_tokens = usage.prompt_token_count
    reply.cache_read_tokens = usage.cached_content_token_count
    reply.reasoning_tokens = usage.thoughts_token_count
    # Thoughts are counted beside what was written.
    reply.output_tokens = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)


def _retry_after_s(details: Any) -> float | None:
    """The delay of `RetryInfo` such as `12s` among an error's details."""
    found = details.get("error", details) if isinstance(details, dict) else {}
    for detail in found.get("details") or ():
        delay = str(detail.get("retryDelay", "")).removesuffix("s")
        if delay.isdecimal():
            return float(delay)
    return None
