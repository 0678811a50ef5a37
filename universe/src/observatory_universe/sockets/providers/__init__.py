"""One real client library for each model provider."""

from collections.abc import Mapping
from typing import Final, Protocol

from observatory_universe.doors.model import Model, ModelError, Prompt
from observatory_universe.doors.model_call import Reply

# The far end looks only at whether there is a key.
KEY: Final = "demo-key"

_KINDS: Final[Mapping[int, str]] = {408: "timeout", 429: "rate_limited", 503: "overloaded", 529: "overloaded"}


class Provider(Protocol):
    """One provider's client."""

    async def ask(self, model: Model, prompt: Prompt, stream: bool) -> Reply:
        """Raises ModelError."""
        ...

    async def close(self) -> None: ...


def refused(status: int, retry_after_s: float | None) -> ModelError:
    """The error for an HTTP status that is none of success."""
    return ModelError(_KINDS.get(status, "server_error" if status >= 500 else "refused"), retry_after_s)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What the header of this name says, in seconds."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None
