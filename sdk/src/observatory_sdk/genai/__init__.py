"""What a call of a model used, read from its request and its response. Nothing here does I/O or keeps a text.

Three forms are known by their paths: OpenAI's (Chat Completions, Responses, Completions, Embeddings), Anthropic's
Messages and Google's generateContent; streamed as server-sent events or as a JSON array, or in one piece.
"""

from __future__ import annotations

from observatory_sdk.genai.call import Call
from observatory_sdk.genai.reading import Reading, operation, read

__all__ = ["Call", "Reading", "operation", "read"]
