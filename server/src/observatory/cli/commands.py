"""Every command, put together."""

from __future__ import annotations

import typer

from observatory.cli import analyse, ask, collectors, demo, detect, erase, login, openapi, replay, serve, vault

app = typer.Typer(
    name="observatory",
    help="Monitoring and debugging for CryptoUniverse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.command)
app.command("demo")(demo.command)
app.command("ask")(ask.command)
app.command("login")(login.link)
app.command("token")(login.token)
app.command("backup")(vault.backup)
app.command("restore")(vault.restore)
app.command("erase-user")(erase.user)
app.command("replay")(replay.command)
app.command("collectors")(collectors.command)
app.command("detect")(detect.command)
app.command("openapi")(openapi.command)
app.command("rank")(analyse.rank)
app.add_typer(analyse.app, name="analyse")
