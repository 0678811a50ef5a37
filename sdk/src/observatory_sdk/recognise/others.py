"""Whether someone else records a call of a model already: then it is theirs."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from opentelemetry import context, trace

_LEAVES = frozenset({"chat", "generate_content", "text_completion", "embeddings"})
_QUIET = (
    context._SUPPRESS_INSTRUMENTATION_KEY,
    "suppress_instrumentation",
    "suppress_language_model_instrumentation",
)
# These open their spans beside the context, so that nothing in it tells of them: the SDK's name in a request's
# `user-agent`, the end of the paths they record, and where they are.
_APART = (
    ("anthropic", "", "opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
    ("openai", "/responses", "opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
)


def record(path: str, agents: Iterable[str]) -> bool:
    """Whether a span of the call is open, or will be. `agents`: the request's `user-agent`s."""
    if any(context.get_value(key) for key in _QUIET):
        return True
    return _is_call(trace.get_current_span()) or any(_apart(path, agent.lower()) for agent in agents)


def _is_call(span: trace.Span) -> bool:
    if not span.is_recording():
        return False
    attributes = getattr(span, "attributes", None) or {}
    # The second is the older name of the instrumentations that came before the convention.
    return attributes.get("gen_ai.operation.name") in _LEAVES or "llm.request.type" in attributes


def _apart(path: str, agent: str) -> bool:
    return any(
        f"{sdk}/python" in agent and path.endswith(ending) and _is_on(module, name)
        for sdk, ending, module, name in _APART
    )


def _is_on(module: str, name: str) -> bool:
    instrumentor = getattr(sys.modules.get(module), name, None)
    found = getattr(instrumentor, "_instance", None)
    return bool(getattr(found, "is_instrumented_by_opentelemetry", False))
