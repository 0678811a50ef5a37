"""The model providers."""

from dataclasses import dataclass
from typing import Literal, Protocol

from observatory_universe.errors import Trouble


@dataclass(frozen=True, slots=True)
class Model:
    """One model of one provider, by the name that requests carry."""

    name: str
    provider: Literal["openai", "anthropic", "gcp.gemini"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked: a system text, and the turns so far as (role, text), the last of them the user's."""

    system: str
    turns: tuple[tuple[Literal["user", "assistant"], str], ...]
    max_tokens: int = 400


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered."""

    text: str
    response_id: str
    served_model: str
    output_tokens: int | None


class ModelError(Trouble):
    """A model did not answer. `kind` is a fixed word: rate_limited, overloaded, server_error, timeout, refused."""

    def __init__(self, kind: str, retry_after_s: float | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Fallback:
    """Why a model is asked in place of another: the name of that one, and a fixed word."""

    from_model: str
    reason: str


class Models(Protocol):
    """The providers' interfaces. Every call is one fact `model_call` of the service that calls."""

    async def complete(
        self,
        model: Model,
        prompt: Prompt,
        *,
        conversation_id: str | None = None,
        stream: bool = False,
        fallback: Fallback | None = None,
    ) -> Completion:
        """Asks one model.

        Raises:
            ModelError: no answer came; the fact then says so.
        """
        ...
