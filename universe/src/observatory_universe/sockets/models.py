"""The model providers, through their own client libraries."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

from observatory_universe.clock import Clock
from observatory_universe.doors.model import Completion, Fallback, Model, Prompt
from observatory_universe.doors.model_call import TIMEOUT_S, record
from observatory_universe.sockets.providers import Provider

# Provider to the module and class that speak to it.
_CLIENTS: Final[Mapping[str, tuple[str, str]]] = {
    "openai": ("openai", "OpenAi"),
    "anthropic": ("anthropic", "Anthropic"),
    "gcp.gemini": ("gemini", "Gemini"),
}


class LiveModels:
    """The clients of all providers that have an address.

    Importing a provider's library takes 0.4 to 1.3 s of processor time, so it is imported here, when the first client
    is made, and only for providers that are in `urls`.

    Args:
        urls: provider (`openai`, `anthropic`, `gcp.gemini`) to base URL.
        timeout_s: how long to wait for the next byte of an answer; at Gemini, for the whole answer.
    """

    def __init__(self, urls: Mapping[str, str], clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._clients = {provider: _client(provider, url, clock, timeout_s) for provider, url in urls.items()}
        self._addresses = {provider: urlsplit(url).hostname or "" for provider, url in urls.items()}

    async def close(self) -> None:
        """Closes all connections."""
        for client in self._clients.values():
            await client.close()

    async def complete(
        self,
        model: Model,
        prompt: Prompt,
        *,
        conversation_id: str | None = None,
        stream: bool = False,
        fallback: Fallback | None = None,
    ) -> Completion:
        """Asks one model; see `doors.model.Models`."""
        client = self._clients[model.provider]
        return await record(
            model,
            lambda: client.ask(model, prompt, stream),
            address=self._addresses[model.provider],
            conversation_id=conversation_id,
            stream=stream,
            fallback=fallback,
        )


def _client(provider: str, url: str, clock: Clock, timeout_s: float) -> Provider:
    module, name = _CLIENTS[provider]
    made: Provider = getattr(import_module(f"observatory_universe.sockets.providers.{module}"), name)(
        url, clock, timeout_s
    )
    return made
