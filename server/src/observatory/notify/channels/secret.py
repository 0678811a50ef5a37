"""Secrets are named, never written down: by the variable or the file that holds them."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

_MOST_BYTES = 16_384
# What is shorter stands in many a word that is no secret.
LEAST_SCRUBBED = 4


class Secret(BaseModel):
    """Where a secret is: `{env: NAME}` or `{file: path}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = Field(None, min_length=1, max_length=256)
    file: Path | None = None

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is either {env: NAME} or {file: path}")
        return self

    def read(self) -> str:
        """The secret.

        Raises:
            ValueError: it is not there, is empty, or holds what no secret holds.
        """
        name = f"the variable {self.env}" if self.env is not None else f"the file {self.file}"
        try:
            text = os.environ.get(self.env, "") if self.env is not None else self._text()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{name} cannot be read") from None
        text = text.strip()
        if not text:
            raise ValueError(f"{name} is empty or not there")
        if any(not each.isprintable() for each in text):
            raise ValueError(f"{name} holds line breaks or other signs that no secret has")
        return text

    def _text(self) -> str:
        assert self.file is not None
        with self.file.open("rb") as file:
            return file.read(_MOST_BYTES).decode()
