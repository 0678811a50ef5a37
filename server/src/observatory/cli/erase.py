"""`observatory erase-user`: take a user out of everything that the running server keeps, and prove it."""

from __future__ import annotations

from typing import Annotated

import typer

from observatory.cli.login import ask


def user(
    user_id: Annotated[str, typer.Argument(help="The id, as it is sent as user.id, or an e-mail address.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    delete_backups: Annotated[bool, typer.Option(help="Delete all backups: each may hold the user.")] = False,
) -> None:
    """Replace a user by a pseudonym in every table; what still arrives of the user is not stored.

    Prints each table with its rows before and after. Ends with 1 when a row is left, with 2 when only backups are.
    """
    wanted = {"user_id": user_id, "reason": reason, "delete_backups": delete_backups}
    done = ask("erasures", wanted)
    width = max(len(each["table"]) for each in done["tables"])
    for each in done["tables"]:
        typer.echo(f"{each['table']:<{width}}  {each['before']:>10,} -> {each['after']:,}")
    for name in done["files"]:
        typer.echo(f"deleted: {name}")
    typer.echo(f"{done['left']:,} rows name the user; in his place stands {done['pseudonym']}")
    if done["backups"]:
        typer.echo(f"still in backups: {', '.join(done['backups'])} (--delete-backups deletes them)")
    if done["left"] or done["backups"]:
        raise typer.Exit(1 if done["left"] else 2)
