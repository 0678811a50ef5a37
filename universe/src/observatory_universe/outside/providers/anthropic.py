"""Anthropic's interface: Messages, streamed and not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from observatory_universe.outside.language import Answer, Language, Query, Quota, Refusal, Refused
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

_STOPS: Final = {"stop": "end_turn", "length": "max_tokens"}
# Kind to (status, type, message).
_ERRORS: Final[Mapping[Refused, tuple[int, str, str]]] = {
    "rate_limited": (429, "rate_limit_error", "This organisation has sent too many requests in this minute."),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "server_error": (500, "api_error", "The server failed while it worked on the request."),
    "unknown_model": (404, "not_found_error", "There is no such model."),
}


def routes(language: Language) -> list[web.RouteDef]:
    """The interface's paths."""
    return [web.post("/v1/messages", _Messages(language).create)]


class _Messages:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._clock = language.clock

    async def create(self, request: web.Request) -> web.StreamResponse:
        # Clients before version 2 send the first of the two.
        if not (request.headers.get("x-api-key") or request.headers.get("Authorization")):
            return _error(401, "authentication_error", "The request carries no API key.")
        if not request.headers.get("anthropic-version"):
            return _error(400, "invalid_request_error", "anthropic-version header is required")
        try:
            body = await read(request)
            query = _query(body)
        except Malformed as error:
            return _error(400, "invalid_request_error", f"The request is malformed: {error}.")
        answer = self._language.answer(query)
        if isinstance(answer, Refusal):
            await self._clock.sleep(answer.after_s)
            return _error(*_ERRORS[answer.kind], headers=self._refused(answer))
        headers = {**self._limits(answer.quota), "request-id": answer.id.replace("msg_", "req_")}
        if body.get("stream"):
            return await stream(request, answer, self._clock, headers, _Stream(answer).frame)
        await self._clock.sleep(answer.duration_s)
        return web.json_response(_message(answer), headers=headers)

    def _limits(self, quota: Quota) -> dict[str, str]:
        reset = datetime.fromtimestamp(self._clock.now_ns() // 1_000_000_000, UTC) + timedelta(seconds=quota.reset_s)
        return {
            "anthropic-ratelimit-requests-limit": str(quota.limit),
            "anthropic-ratelimit-requests-remaining": str(max(0, quota.remaining)),
            "anthropic-ratelimit-requests-reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _refused(self, refusal: Refusal) -> dict[str, str]:
        retry = {} if refusal.retry_after_s is None else {"retry-after": str(refusal.retry_after_s)}
        return self._limits(refusal.quota) | retry


def _query(body: Body) -> Query:
    system = body.get("system") or ""
    return Query(
        provider="anthropic",
        model=str(body.get("model")),
        api="messages",
        system=text_of(system),
        turns=tuple(
            (str(message.get("role")), text_of(message.get("content"))) for message in objects(body, "messages")
        ),
        max_tokens=whole(body.get("max_tokens"), "max_tokens"),
        marked_chars=_marked_chars(system),
        reasoning=section(body, "thinking").get("type") in ("enabled", "adaptive"),
    )


def _marked_chars(system: object) -> int:
    """How long the system text is up to its last mark. Marks in messages are not looked at."""
    chars = marked = 0
    for block in system if isinstance(system, list) else ():
        chars += len(str(block.get("text", "")))
        marked = chars if block.get("cache_control") else marked
    return marked


def _message(answer: Answer) -> Body:
    return {
        **_head(answer),
        "content": [*_thoughts(answer), {"type": "text", "text": answer.text}],
        "stop_reason": _STOPS[answer.finish],
        "usage": _usage(answer, answer.output_tokens),
    }


def _head(answer: Answer) -> Body:
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _thoughts(answer: Answer) -> list[Body]:
    """The block that stands for what the model thought, which it does not show."""
    return [{"type": "thinking", "thinking": "", "signature": "demo"}] if answer.reasoning_tokens else []


def _usage(answer: Answer, output_tokens: int) -> Body:
    usage: dict[str, object] = {
        # Here tokens of the cache are counted beside the others.
        "input_tokens": answer.input_tokens - answer.cache_read_tokens - answer.cache_write_tokens,
        "cache_creation_input_tokens": answer.cache_write_tokens,
        "cache_read_input_tokens": answer.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": answer.cache_write_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }
    if answer.reasoning_tokens and output_tokens == answer.output_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": answer.reasoning_tokens}
    return usage


class _Stream:
    """Writes an answer as a stream of events."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._place = len(_thoughts(answer))
        self._begun = False

    def frame(self, piece: str | None) -> bytes:
        if piece is None:
            return self._end()
        begin = b"" if self._begun else self._begin()
        self._begun = True
        return begin + self._event("content_block_delta", delta={"type": "text_delta", "text": piece})

    def _begin(self) -> bytes:
        answer = self._answer
        events = [
            event({"type": "message_start", "message": {**_head(answer), "usage": _usage(answer, 1)}}, "message_start")
        ]
        for index, block in enumerate(_thoughts(answer)):
            empty = {**block, "signature": ""}
            signature = {"type": "signature_delta", "signature": block["signature"]}
            events.append(self._event("content_block_start", index, content_block=empty))
            events.append(self._event("content_block_delta", index, delta=signature))
            events.append(self._event("content_block_stop", index))
        events.append(self._event("content_block_start", content_block={"type": "text", "text": ""}))
        events.append(event({"type": "ping"}, "ping"))
        return b"".join(events)

    def _end(self) -> bytes:
        answer = self._answer
        delta = {"stop_reason": _STOPS[answer.finish], "stop_sequence": None}
        usage = _usage(answer, answer.output_tokens)
        return b"".join(
            (
                self._event("content_block_stop"),
                event({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta"),
                event({"type": "message_stop"}, "message_stop"),
            )
        )

    def _event(self, name: str, index: int | None = None, **fields: object) -> bytes:
        return event({"type": name, "index": self._place if index is None else index, **fields}, name)


def _error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}
    return web.json_response(body, status=status, headers=headers)
