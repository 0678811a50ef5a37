"""Which hosts are those of model providers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from observatory_sdk.guard import LOSSES

VARIABLE = "OBSERVATORY_GENAI_HOSTS"
"""More hosts, as in `127.0.0.1:8080=openai, models.internal=anthropic`; a port is optional."""
_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
_ENDINGS = (
    (".api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
)
_SHORT = {"gemini": "gcp.gemini", "vertex": "gcp.vertex_ai", "azure": "azure.ai.openai"}
# Other names are taken as they are, for providers that answer in OpenAI's form.


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes. `provider`: OpenTelemetry's name of it. `path`: with the query, which may hold a key."""

    provider: str
    host: str
    path: str


def more(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Hosts, with ports where given, and their providers, as the environment says. What is no such pair is counted."""
    found: dict[str, str] = {}
    for entry in environment.get(VARIABLE, "").split(","):
        host, _, provider = (part.strip().lower() for part in entry.partition("="))
        if host and provider:
            found[host] = _SHORT.get(provider, provider)
        elif entry.strip():
            LOSSES.count("setting not understood", VARIABLE)
    return found


def find(url: str, extra: Mapping[str, str]) -> Place | None:
    """The provider that a URL leads to; None for every other host."""
    try:
        scheme, netloc, path = _split(url)
    except ValueError:
        return None
    if not scheme.startswith("http") or not netloc:
        return None
    host = netloc.rpartition(":")[0] if netloc.rpartition(":")[2].isdigit() else netloc
    provider = extra.get(netloc) or extra.get(host) or _HOSTS.get(host) or _by_ending(host)
    return None if provider is None else Place(provider, host, path)


@lru_cache(maxsize=256)
def _split(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower(), parts.path


def _by_ending(host: str) -> str | None:
    return next((provider for ending, provider in _ENDINGS if host.endswith(ending)), None)
