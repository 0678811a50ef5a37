"""Secrets are named, never written down: by the variable or the file that holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from observatory.collect.outcome import Reason, Unread

_MOST_BYTES = 64 << 10
# What is shorter stands in many a word that is no secret.
_LEAST_SCRUBBED = 4


class Secret(BaseModel):
    """Where a secret is: `{env: NAME}` or `{file: path}`. Read at each use, so that a changed one is in force."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    env: str | None = Field(None, min_length=1, description="The environment variable.")
    file: Path | None = Field(None, description="The file; white space at its end is no part of the secret.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("either env or file must be named")
        return self

    def read(self) -> str:
        """The secret.

        Raises:
            Unread: naming the variable or the file, never what is in it.
        """
        if self.env is not None:
            text = os.environ.get(self.env, "")
            if not text:
                raise Unread(Reason.SECRET, f"the environment variable {self.env} is not set")
            return text
        assert self.file is not None
        try:
            with self.file.open(encoding="utf-8") as file:
                text = file.read(_MOST_BYTES).rstrip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unread(Reason.SECRET, f"the file {self.file} cannot be read: {type(error).__name__}") from None
        if not text:
            raise Unread(Reason.SECRET, f"the file {self.file} is empty")
        return text

    def scrubbed(self, text: str) -> str:
        """`text` without the secret, for what others say in their errors."""
        try:
            secret = self.read()
        except Unread:
            return text
        return text.replace(secret, "***") if len(secret) >= _LEAST_SCRUBBED else text
