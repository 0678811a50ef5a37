"""Calls of the outside world: recorded once, by the highest instrumentation that sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from opentelemetry import context, trace
from opentelemetry.context import Context

from observatory_sdk.facts.span_fact import SpanFact

# OpenTelemetry's own instrumentations ask for these two before they record.
_SUPPRESS = context._SUPPRESS_INSTRUMENTATION_KEY
_SUPPRESS_HTTP = context._SUPPRESS_HTTP_INSTRUMENTATION_KEY
_RECORDED = {leaf: context.create_key(f"observatory-recorded-{leaf}") for leaf in ("model", "exchange", "database")}
_BELOW_FACT: Mapping[str, Mapping[str, object]] = {
    leaf: {key: True, _SUPPRESS: True, _SUPPRESS_HTTP: True} for leaf, key in _RECORDED.items()
}
_BELOW_SDK: Mapping[str, object] = {_RECORDED["model"]: True, _SUPPRESS_HTTP: True}
_BELOW_DATABASE: Mapping[str, object] = {_RECORDED["database"]: True, _SUPPRESS: True}


class LeafFact(SpanFact):
    """A span below which nothing records the same call again: neither instrumentations nor this kind of fact."""

    leaf: ClassVar[str]

    def _start(self, start_unix_nano: int | None) -> trace.Span:
        if context.get_value(_RECORDED[self.leaf]):
            return trace.INVALID_SPAN
        return super()._start(start_unix_nano)

    def _context(self, span: trace.Span) -> Context:
        # One copy of the context, where `set_value` would make one for each key.
        return Context({**super()._context(span), **_BELOW_FACT[self.leaf]})


def is_recorded(leaf: str, within: Context | None = None) -> bool:
    """Whether a `model`, `exchange` or `database` call is being recorded by something above."""
    return bool(context.get_value(_RECORDED[leaf], within))


def is_ours_to_hide() -> bool:
    """Whether instrumentations are silent here although nothing above records a call, as where telemetry is sent."""
    now = context.get_current()
    return bool(now.get(_SUPPRESS)) and not any(now.get(key) for key in _RECORDED.values())


def below_sdk() -> Context:
    """The context in which a provider's SDK works whose call an instrumentation records: the SDK's requests are quiet.

    Not everything is: what records the call looks for that itself, and a model's tools are the host's own calls.
    """
    return Context({**context.get_current(), **_BELOW_SDK})


def below_database() -> Context:
    """The context in which a database's driver works whose statement is recorded above it."""
    return Context({**context.get_current(), **_BELOW_DATABASE})
