"""What is known of one call of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from observatory_sdk.conventions import Attribute, ai, common

Value = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call. None where neither the request nor the response told; never 0 for that.

    `input_tokens` include those read from and written to the provider's cache, `output_tokens` include reasoning,
    whatever the provider's own way of counting. `finish_reasons`, one for each choice, are OpenTelemetry's words
    (`stop`, `length`, `tool_calls`, `content_filter`, `error`); the provider's own, in lower case, where it has none.
    `error_type` is the provider's word for what went wrong, or the HTTP status as text.
    """

    provider: str
    operation: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    error_type: str | None = None
    is_stream: bool | None = None
    conversation_id: str | None = None

    @property
    def model(self) -> str | None:
        """The model that answered; the one that was asked where the answer does not say."""
        return self.response_model or self.request_model

    @property
    def usage(self) -> dict[str, int]:
        """The counts that are known, by kind: `input_tokens`, `output_tokens`, `cache_read_tokens`, ..."""
        kinds = (
            *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
            *("reasoning_tokens", "total_tokens"),
        )
        return {kind: found for kind in kinds if (found := getattr(self, kind)) is not None}

    def attributes(self) -> dict[str, Value]:
        """What is known, under OpenTelemetry's names. The total has no such name: it is the sum of in and out."""
        values: Mapping[Attribute, Value | None] = {
            ai.PROVIDER: self.provider,
            ai.OPERATION: self.operation,
            ai.REQUEST_MODEL: self.request_model,
            ai.RESPONSE_MODEL: self.response_model,
            ai.RESPONSE_ID: self.response_id,
            ai.FINISH_REASONS: self.finish_reasons or None,
            ai.INPUT_TOKENS: self.input_tokens,
            ai.OUTPUT_TOKENS: self.output_tokens,
            ai.CACHE_READ_TOKENS: self.cache_read_tokens,
            ai.CACHE_WRITE_TOKENS: self.cache_write_tokens,
            ai.REASONING_TOKENS: self.reasoning_tokens,
            # The convention has it on streams only.
            ai.REQUEST_STREAM: True if self.is_stream else None,
            ai.CONVERSATION_ID: self.conversation_id,
            common.ERROR_TYPE: self.error_type,
        }
        return {attribute.name: value for attribute, value in values.items() if value is not None}
