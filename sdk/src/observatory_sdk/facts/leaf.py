"""Calls of the outside world: recorded once, by the highest instrumentation that sees them."""

from __future__ import annotations

from typing import ClassVar

from opentelemetry import context, trace

from observatory_sdk.facts.span_fact import SpanFact

# OpenTelemetry's own instrumentations ask for these two before they record.
_SUPPRESS = context._SUPPRESS_INSTRUMENTATION_KEY
_SUPPRESS_HTTP = context._SUPPRESS_HTTP_INSTRUMENTATION_KEY
_RECORDED = {leaf: context.create_key(f"observatory-recorded-{leaf}") for leaf in ("model", "exchange")}


class LeafFact(SpanFact):
    """A span below which nothing records the same call again: neither instrumentations nor this kind of fact."""

    leaf: ClassVar[str]

    def _start(self, start_unix_nano: int | None) -> trace.Span:
        if context.get_value(_RECORDED[self.leaf]):
            return trace.INVALID_SPAN
        return super()._start(start_unix_nano)

    def _context(self, span: trace.Span) -> context.Context:
        inner = context.set_value(_RECORDED[self.leaf], True, super()._context(span))
        return context.set_value(_SUPPRESS, True, context.set_value(_SUPPRESS_HTTP, True, inner))
