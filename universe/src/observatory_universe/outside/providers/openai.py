"""OpenAI's interface: Chat Completions and Responses, streamed and not."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from observatory_universe.outside.language import Answer, Api, Language, Query, Quota, Refusal, Refused
from observatory_universe.outside.providers.openai_forms import Completion, Response
from observatory_universe.outside.providers.serving import Body, Malformed, objects, read, stream, text_of, whole

_DEFAULT_TOKENS: Final = 4_096
# Kind to (status, type, code, message).
_ERRORS: Final[Mapping[Refused, tuple[int, str, str | None, str]]] = {
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Too many requests for this model; try again later."),
    "overloaded": (503, "service_unavailable_error", None, "The model has no capacity left at present."),
    "server_error": (500, "server_error", None, "The server failed while it worked on the request."),
    "unknown_model": (404, "invalid_request_error", "model_not_found", "There is no such model."),
}


def routes(language: Language) -> list[web.RouteDef]:
    """The interface's paths."""
    found = _OpenAi(language)
    return [web.post("/v1/chat/completions", found.chat), web.post("/v1/responses", found.responses)]


class _OpenAi:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._clock = language.clock

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, "chat")

    async def responses(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, "responses")

    async def _serve(self, request: web.Request, api: Api) -> web.StreamResponse:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _error(401, "invalid_request_error", "invalid_api_key", "The request carries no API key.")
        try:
            body = await read(request)
            query = _chat_query(body) if api == "chat" else _responses_query(body)
        except Malformed as error:
            return _error(400, "invalid_request_error", None, f"The request is malformed: {error}.")
        answer = self._language.answer(query)
        if isinstance(answer, Refusal):
            await self._clock.sleep(answer.after_s)
            return _error(*_ERRORS[answer.kind], headers=_refused(answer))
        return await self._answered(request, body, answer, Completion if api == "chat" else Response)

    async def _answered(
        self, request: web.Request, body: Body, answer: Answer, form: type[Completion] | type[Response]
    ) -> web.StreamResponse:
        writer = form(body, answer, self._clock.now_ns() // 1_000_000_000)
        headers = {**_limits(answer.quota), "x-request-id": f"req_{answer.id}"}
        if body.get("stream"):
            return await stream(request, answer, self._clock, headers, writer.frame)
        await self._clock.sleep(answer.duration_s)
        headers["openai-processing-ms"] = str(round(answer.duration_s * 1000))
        return web.json_response(writer.whole(), headers=headers)


def _chat_query(body: Body) -> Query:
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return _query(body, "chat", objects(body, "messages"), "", limit)


def _responses_query(body: Body) -> Query:
    given = body.get("input")
    messages: list[Body] = [{"role": "user", "content": given}] if isinstance(given, str) else objects(body, "input")
    return _query(body, "responses", messages, str(body.get("instructions") or ""), body.get("max_output_tokens"))


def _query(body: Body, api: Api, messages: list[Body], instructions: str, limit: object) -> Query:
    told = [text_of(message.get("content")) for message in messages if message.get("role") in ("system", "developer")]
    return Query(
        provider="openai",
        model=str(body.get("model")),
        api=api,
        system="\n".join([instructions, *told] if instructions else told),
        turns=tuple(
            (str(message["role"]), text_of(message.get("content")))
            for message in messages
            if message.get("role") in ("user", "assistant")
        ),
        max_tokens=_DEFAULT_TOKENS if limit is None else whole(limit, "the limit of tokens"),
        reasoning=True,
    )


def _limits(quota: Quota) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": str(quota.limit),
        "x-ratelimit-remaining-requests": str(max(0, quota.remaining)),
        "x-ratelimit-reset-requests": f"{quota.reset_s:.3f}s",
    }


def _refused(refusal: Refusal) -> dict[str, str]:
    headers = _limits(refusal.quota)
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
        headers["retry-after-ms"] = str(1000 * refusal.retry_after_s)
    return headers


def _error(
    status: int, kind: str, code: str | None, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)
