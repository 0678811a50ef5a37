"""Asks a model, and others in its place when it does not answer."""

from collections.abc import Sequence
from typing import Final

from observatory_universe.doors.model import Completion, Fallback, Model, ModelError, Models, Prompt
from observatory_universe.models import PANEL, SMALL

_LINES: Final[tuple[Sequence[Model], ...]] = (PANEL, SMALL)


def stand_ins(model: Model) -> list[Model]:
    """The models of other providers that may answer for this one, of its own size."""
    line = next((line for line in _LINES if model in line), SMALL)
    return [other for other in line if other.provider != model.provider]


async def ask(
    models: Models, model: Model, prompt: Prompt, *, conversation_id: str | None = None, stream: bool = False
) -> Completion:
    """The answer of the model or, when it fails, of the first of its stand-ins that answers.

    Raises:
        ModelError: none answered; the last one's error.
    """
    fallback: Fallback | None = None
    failed: ModelError | None = None
    for candidate in (model, *stand_ins(model)):
        try:
            return await models.complete(
                candidate, prompt, conversation_id=conversation_id, stream=stream, fallback=fallback
            )
        except ModelError as error:
            failed, fallback = error, Fallback(candidate.name, error.kind)
    assert failed is not None
    raise failed
