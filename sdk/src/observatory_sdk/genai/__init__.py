"""What a call of a model used, read from its request and its response. Nothing here does I/O or keeps a text.

Forms are known by their paths: OpenAI's (Chat Completions, Responses, Completions, Embeddings; others answer in it),
Anthropic's Messages, Google's generateContent, Bedrock's Converse and Invoke, Cohere's and Ollama's; streamed as
server-sent events, as a JSON array or as lines of JSON, or in one piece.
"""

from __future__ import annotations

from observatory_sdk.genai.call import Call
from observatory_sdk.genai.reading import Reading, operation, read

__all__ = ["Call", "Reading", "operation", "read"]
