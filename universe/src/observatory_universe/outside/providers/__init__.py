"""The providers' HTTP interfaces, in their own formats, on loopback ports."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from observatory_universe.outside.language import Language
from observatory_universe.outside.providers import anthropic, gemini, openai
from observatory_universe.outside.providers.serving import Address, serve

_ROUTES: Final[Mapping[str, Callable[[Language], list[web.RouteDef]]]] = {
    "openai": openai.routes,
    "anthropic": anthropic.routes,
    "gcp.gemini": gemini.routes,
}


@asynccontextmanager
async def provider_server(language: Language, provider: str) -> AsyncIterator[Address]:
    """Serves one provider (`openai`, `anthropic`, `gcp.gemini`) for as long as the block lasts.

    The address's `url` is what the provider's own client takes as its base URL.
    """
    async with serve(_ROUTES[provider](language)) as address:
        # OpenAI's clients count the version to the base URL, the others' add it.
        yield Address(address.host, address.port, "/v1" if provider == "openai" else "")
