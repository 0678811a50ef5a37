"""The two forms in which OpenAI answers."""

from typing import Any

from observatory_universe.outside.language import Answer
from observatory_universe.outside.providers.serving import Body, event


class Completion:
    """Writes an answer as a chat completion."""

    def __init__(self, body: Body, answer: Answer, created_s: int) -> None:
        self._answer = answer
        self._created_s = created_s
        options = body.get("stream_options")
        self._with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self._begun = False

    def whole(self) -> Body:
        message: Body = {"role": "assistant", "content": self._answer.text, "refusal": None, "annotations": []}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._answer.finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage()}

    def frame(self, piece: str | None) -> bytes:
        if piece is not None:
            first = b"" if self._begun else self._chunk({"role": "assistant", "content": "", "refusal": None})
            self._begun = True
            return first + self._chunk({"content": piece})
        last = self._chunk({}, self._answer.finish)
        if self._with_usage:
            last += event({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()})
        return last + b"data: [DONE]\n\n"

    def _chunk(self, delta: Body, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._with_usage else {}
        return event({**self._head("chat.completion.chunk"), "choices": [choice], **usage})

    def _head(self, kind: str) -> dict[str, Any]:
        answer = self._answer
        return {
            "id": answer.id,
            "object": kind,
            "created": self._created_s,
            "model": answer.model,
            "service_tier": "default",
            "system_fingerprint": "fp_universe",
        }

    def _usage(self) -> Body:
        answer = self._answer
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": answer.cache_read_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": answer.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


class Response:
    """Writes an answer as a response."""

    def __init__(self, body: Body, answer: Answer, created_s: int) -> None:
        self._body = body
        self._answer = answer
        self._created_s = created_s
        # A model that reasoned tells so by an item of its own before the message.
        self._place = 1 if answer.reasoning_tokens else 0
        self._message_id = answer.id.replace("resp_", "msg_")
        self._number = 0

    def whole(self) -> Body:
        done = self._answer.finish == "stop"
        return {
            **self._head("completed" if done else "incomplete"),
            "incomplete_details": None if done else {"reason": "max_output_tokens"},
            "output": [*self._thoughts(), self._message("completed" if done else "incomplete", [self._part(True)])],
            "usage": self._usage(),
        }

    def frame(self, piece: str | None) -> bytes:
        if piece is None:
            return self._end()
        begin = b"" if self._number else self._begin()
        return begin + self._event("output_text.delta", delta=piece, logprobs=[], **self._where())

    def _begin(self) -> bytes:
        begun = {**self._head("in_progress"), "output": [], "usage": None}
        events = [self._event("created", response=begun), self._event("in_progress", response=begun)]
        for thoughts in self._thoughts():
            events.append(self._event("output_item.added", output_index=0, item=thoughts))
            events.append(self._event("output_item.done", output_index=0, item=thoughts))
        message = self._message("in_progress", [])
        events.append(self._event("output_item.added", output_index=self._place, item=message))
        events.append(self._event("content_part.added", part=self._part(False), **self._where()))
        return b"".join(events)

    def _end(self) -> bytes:
        whole = self.whole()
        name = "completed" if self._answer.finish == "stop" else "incomplete"
        return b"".join(
            (
                self._event("output_text.done", text=self._answer.text, logprobs=[], **self._where()),
                self._event("content_part.done", part=self._part(True), **self._where()),
                self._event("output_item.done", output_index=self._place, item=whole["output"][-1]),
                self._event(name, response=whole),
            )
        )

    def _event(self, name: str, **fields: object) -> bytes:
        kind = f"response.{name}"
        self._number += 1
        return event({"type": kind, "sequence_number": self._number - 1, **fields}, kind)

    def _where(self) -> dict[str, Any]:
        return {"item_id": self._message_id, "output_index": self._place, "content_index": 0}

    def _part(self, written: bool) -> Body:
        return {"type": "output_text", "text": self._answer.text if written else "", "annotations": [], "logprobs": []}

    def _message(self, status: str, content: list[Body]) -> Body:
        return {
            "id": self._message_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _thoughts(self) -> list[Body]:
        if not self._place:
            return []
        return [{"id": self._answer.id.replace("resp_", "rs_"), "type": "reasoning", "summary": []}]

    def _head(self, status: str) -> dict[str, Any]:
        return {
            "id": self._answer.id,
            "object": "response",
            "created_at": self._created_s,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": self._body.get("instructions"),
            "max_output_tokens": self._body.get("max_output_tokens"),
            "model": self._answer.model,
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": self._body.get("reasoning") or {"effort": None, "summary": None},
            "service_tier": "default",
            "store": False,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "metadata": {},
        }

    def _usage(self) -> Body:
        answer = self._answer
        return {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": answer.cache_read_tokens, "cache_write_tokens": 0},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        }
