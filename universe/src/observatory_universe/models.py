"""The models that the platform asks. How fast each of them is, and what it costs, is its provider's business."""

from collections.abc import Mapping
from typing import Final

from observatory_universe.doors.model import Model

# Requests name a pinned version, so that what is asked for is what answers.
GPT: Final = Model("gpt-4o-2024-08-06", "openai")
GPT_MINI: Final = Model("gpt-4o-mini-2024-07-18", "openai")
GPT_TURBO: Final = Model("gpt-4-turbo-2024-04-09", "openai")
GPT_REASONING: Final = Model("o4-mini-2025-04-16", "openai")
CLAUDE: Final = Model("claude-3-5-sonnet-20241022", "anthropic")
CLAUDE_SMALL: Final = Model("claude-3-5-haiku-20241022", "anthropic")
CLAUDE_OPUS: Final = Model("claude-opus-4-1-20250805", "anthropic")
CLAUDE_REASONING: Final = Model("claude-haiku-4-5-20251001", "anthropic")
GEMINI: Final = Model("gemini-2.5-flash", "gcp.gemini")
GEMINI_SMALL: Final = Model("gemini-2.0-flash", "gcp.gemini")
GEMINI_PRO: Final = Model("gemini-2.5-pro", "gcp.gemini")

PANEL: Final = (GPT, CLAUDE, GEMINI)
SMALL: Final = (GPT_MINI, CLAUDE_SMALL, GEMINI_SMALL)
# These think before they answer, and bill the thoughts.
REASONING: Final = (GPT_REASONING, CLAUDE_REASONING, GEMINI_PRO)
# Provider to a model that costs several times what the provider's others cost.
DEARER: Final[Mapping[str, Model]] = {"openai": GPT_TURBO, "anthropic": CLAUDE_OPUS, "gcp.gemini": GEMINI_PRO}
# OpenAI has two interfaces: these are asked by the Responses one, the others by Chat Completions.
BY_RESPONSES: Final = frozenset({GPT.name, GPT_REASONING.name})
