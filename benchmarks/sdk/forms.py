"""The ways to record a call: by ours, and by bare OpenTelemetry with the same spans and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from sdk import toy

import observatory_sdk as obs

Function = Callable[[str], Any]
Spans = Sequence[tuple[str, Mapping[str, Any]]]
_DESK = toy.Desk()
NOTHING: tuple[Function, Function] = (_DESK.bare, _DESK.bare_later)


@dataclass(frozen=True, slots=True)
class Form:
    """A call recorded by the SDK, sync and async, both of which do what `NOTHING` does."""

    name: str
    sync: Function
    later: Function


def forms() -> list[Form]:
    """All of ours; ask once the bindings are attached."""
    return [
        Form("`service(...)`, decorator", _decorated, _decorated_later),
        Form("`service(...)`, `with`", _block, _block_later),
        Form("attached method", _DESK.act, _DESK.act_later),
        Form("attached method, its user read from an argument", _for_user, _for_user_later),
        Form("attached method with an `order` fact", _DESK.trade, _DESK.trade_later),
        Form("model call", _model, _model_later),
    ]


def bare(tracer: trace.Tracer, spans: Spans) -> tuple[Function, Function]:
    """The same spans, one inside the other, whose attributes are all known when they begin."""
    if len(spans) == 1:
        return _bare_one(tracer, *spans[0])
    (outer, given), (inner, more) = spans

    def sync(symbol: str) -> Any:
        with (
            tracer.start_as_current_span(outer, attributes=given),
            tracer.start_as_current_span(inner, attributes=more),
        ):
            return _DESK.bare(symbol)

    async def later(symbol: str) -> Any:
        with (
            tracer.start_as_current_span(outer, attributes=given),
            tracer.start_as_current_span(inner, attributes=more),
        ):
            return await _DESK.bare_later(symbol)

    return sync, later


def _bare_one(tracer: trace.Tracer, name: str, attributes: Mapping[str, Any]) -> tuple[Function, Function]:
    def sync(symbol: str) -> Any:
        with tracer.start_as_current_span(name, attributes=attributes):
            return _DESK.bare(symbol)

    async def later(symbol: str) -> Any:
        with tracer.start_as_current_span(name, attributes=attributes):
            return await _DESK.bare_later(symbol)

    return sync, later


@obs.service("desk", "act")
def _decorated(symbol: str) -> Any:
    return _DESK.bare(symbol)


@obs.service("desk", "act")
async def _decorated_later(symbol: str) -> Any:
    return await _DESK.bare_later(symbol)


def _block(symbol: str) -> Any:
    with obs.service("desk", "act"):
        return _DESK.bare(symbol)


async def _block_later(symbol: str) -> Any:
    async with obs.service("desk", "act"):
        return await _DESK.bare_later(symbol)


def _for_user(symbol: str) -> Any:
    return _DESK.act(symbol, user_id="u-17")


async def _for_user_later(symbol: str) -> Any:
    return await _DESK.act_later(symbol, user_id="u-17")


def _model(symbol: str) -> Any:
    with obs.facts.model_call(provider="openai", request_model="gpt-4o") as call:
        answer = _DESK.bare(symbol)
        call.input_tokens, call.output_tokens = 1_200, 80
        call.finish_reasons = ["stop"]
    return answer


async def _model_later(symbol: str) -> Any:
    async with obs.facts.model_call(provider="openai", request_model="gpt-4o") as call:
        answer = await _DESK.bare_later(symbol)
        call.input_tokens, call.output_tokens = 1_200, 80
        call.finish_reasons = ["stop"]
    return answer
