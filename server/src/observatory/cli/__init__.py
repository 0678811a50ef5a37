"""The command line: one file per noun."""

from __future__ import annotations

import sys

import typer

from observatory.errors import ObservatoryError


def main() -> None:
    """Entry point. An error of ours ends with its sentence and status 1, without a traceback."""
    try:
        _app(sys.argv[1:])()
    except ObservatoryError as error:
        typer.echo(f"observatory: {error}", err=True)
        sys.exit(1)


def _app(words: list[str]) -> typer.Typer:
    # A question needs none of the server's rooms, which take seconds to load.
    if words[:1] == ["ask"]:
        from observatory.cli.ask import app
    elif words[:1] in (["analyse"], ["rank"]):
        from observatory.cli.analyse import standalone as app
    else:
        from observatory.cli.commands import app
    return app
