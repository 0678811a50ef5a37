"""The command line: one file per noun, put together here."""

from __future__ import annotations

import sys

import typer

from observatory.cli import collectors, demo, erase, login, replay, serve, vault
from observatory.errors import ObservatoryError

app = typer.Typer(
    name="observatory",
    help="Monitoring and debugging for CryptoUniverse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.command)
app.command("demo")(demo.command)
app.command("login")(login.link)
app.command("token")(login.token)
app.command("backup")(vault.backup)
app.command("restore")(vault.restore)
app.command("erase-user")(erase.user)
app.command("replay")(replay.command)
app.command("collectors")(collectors.command)


def main() -> None:
    """Entry point. An error of ours ends with its sentence and status 1, without a traceback."""
    try:
        app()
    except ObservatoryError as error:
        typer.echo(f"observatory: {error}", err=True)
        sys.exit(1)
