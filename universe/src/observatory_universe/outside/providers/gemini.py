"""Google's Gemini interface: generateContent, streamed and not."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from observatory_universe.outside.language import Answer, Language, Query, Refusal, Refused
from observatory_universe.outside.providers.serving import (
    Body,
    Malformed,
    event,
    objects,
    read,
    section,
    stream,
    text_of,
    whole,
)

_DEFAULT_TOKENS: Final = 8_192
_STOPS: Final = {"stop": "STOP", "length": "MAX_TOKENS"}
_ROLES: Final = {"user": "user", "model": "assistant"}
# Kind to (code, status, message).
_ERRORS: Final[Mapping[Refused, tuple[int, str, str]]] = {
    "rate_limited": (429, "RESOURCE_EXHAUSTED", "The quota of requests of this minute is used up."),
    "overloaded": (503, "UNAVAILABLE", "The model has no capacity left at present."),
    "server_error": (500, "INTERNAL", "The server failed while it worked on the request."),
    "unknown_model": (404, "NOT_FOUND", "There is no such model for this version of the interface."),
}


def routes(language: Language) -> list[web.RouteDef]:
    """The interface's paths."""
    found = _Gemini(language)
    path = "/{version:v1|v1beta}/models/{model:[^:/]+}"
    return [
        web.post(path + ":generateContent", found.generate),
        web.post(path + ":streamGenerateContent", found.stream),
    ]


class _Gemini:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._clock = language.clock

    async def generate(self, request: web.Request) -> web.StreamResponse:
        answer = await self._answer(request)
        if isinstance(answer, web.Response):
            return answer
        await self._clock.sleep(answer.duration_s)
        return web.json_response(_content(answer, answer.text, last=True))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") != "sse":
            return _error(400, "INVALID_ARGUMENT", "Only alt=sse is served here.")
        answer = await self._answer(request)
        if isinstance(answer, web.Response):
            return answer
        found = answer

        def frame(piece: str | None) -> bytes:
            return event(_content(found, piece or "", last=piece is None))

        return await stream(request, found, self._clock, {}, frame)

    async def _answer(self, request: web.Request) -> Answer | web.Response:
        if not (request.headers.get("x-goog-api-key") or request.query.get("key")):
            return _error(403, "PERMISSION_DENIED", "The request carries no API key.")
        try:
            query = _query(request.match_info["model"], await read(request))
        except Malformed as error:
            return _error(400, "INVALID_ARGUMENT", f"The request is malformed: {error}.")
        answer = self._language.answer(query)
        if not isinstance(answer, Refusal):
            return answer
        await self._clock.sleep(answer.after_s)
        return _error(*_ERRORS[answer.kind], retry_after_s=answer.retry_after_s)


def _query(model: str, body: Body) -> Query:
    config = section(body, "generationConfig")
    limit = config.get("maxOutputTokens")
    return Query(
        provider="gcp.gemini",
        model=model,
        api="generate",
        system=text_of(section(body, "systemInstruction").get("parts", [])),
        turns=tuple(
            (_ROLES.get(str(c.get("role")), "user"), text_of(c.get("parts", []))) for c in objects(body, "contents")
        ),
        max_tokens=_DEFAULT_TOKENS if limit is None else whole(limit, "maxOutputTokens"),
        reasoning=bool(section(config, "thinkingConfig").get("thinkingBudget")),
    )


def _content(answer: Answer, text: str, last: bool) -> Body:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if last:
        candidate["finishReason"] = _STOPS[answer.finish]
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(answer, last),
        "modelVersion": answer.model,
        "responseId": answer.id,
    }


def _usage(answer: Answer, last: bool) -> Body:
    """Counts of nothing are left out, and what is written is counted at the end."""
    counts = {
        "promptTokenCount": answer.input_tokens,
        "cachedContentTokenCount": answer.cache_read_tokens,
        "thoughtsTokenCount": answer.reasoning_tokens,
        "candidatesTokenCount": answer.output_tokens - answer.reasoning_tokens if last else 0,
        "totalTokenCount": answer.input_tokens + (answer.output_tokens if last else answer.reasoning_tokens),
    }
    return {name: count for name, count in counts.items() if count}


def _error(code: int, status: str, message: str, retry_after_s: int | None = None) -> web.Response:
    error: dict[str, object] = {"code": code, "message": message, "status": status}
    if retry_after_s is not None:
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after_s}s"}
        error["details"] = [retry]
    return web.json_response({"error": error}, status=code)
