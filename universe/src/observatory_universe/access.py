"""The token for the OTLP receiver: from a file, or from a variable of the environment, never from the command line."""

import os
from pathlib import Path

import typer


def token(variable: str, file: Path | None) -> str | None:
    """The token; None when the name of the variable is empty and no file is given.

    Raises:
        typer.BadParameter: the file cannot be read, or what should hold the token is empty.
    """
    if file is not None:
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"cannot read the token: {error}", param_hint="--token-file") from error
        if not found:
            raise typer.BadParameter(f"{file} is empty", param_hint="--token-file")
        return found
    if not variable:
        return None
    if not os.environ.get(variable, "").strip():
        raise typer.BadParameter(
            f"the variable {variable} is not set; set it to a token of scope ingest, or give --token-file",
            param_hint="--token-env",
        )
    return os.environ[variable].strip()
