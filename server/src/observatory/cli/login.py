"""`observatory login` and `observatory token`: ask the running server for a link or a token."""

from __future__ import annotations

import json
from typing import Annotated, Any

import httpx
import typer

from observatory import settings as knobs
from observatory.errors import ObservatoryError


def link(scope: Annotated[str, typer.Option(help="What the session may do: read, operate or admin.")] = "read") -> None:
    """Print a link that logs a browser in, once, within 10 minutes."""
    typer.echo(ask("login-links", {"scopes": [scope], "ttl_s": 600})["url"])


def token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    scope: Annotated[list[str], typer.Option(help="ingest, read, operate, admin or user:<id>; may be given twice.")],
) -> None:
    """Print a new token. It is shown this once."""
    typer.echo(ask("tokens", {"name": name, "scopes": scope})["token"])


def ask(path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """POST to the server that serves this machine's data folder, as its first administrator.

    Raises:
        ObservatoryError: if no server runs there, or it refuses.
    """
    folder = knobs.load().data_dir
    try:
        url = json.loads((folder / "serve.json").read_text(encoding="utf-8"))["url"]
        admin = (folder / "admin.token").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ObservatoryError(f"no server runs on {folder}: {error.filename} is missing") from None
    try:
        answer = httpx.post(
            f"{url}/api/v1/monitoring/{path}", json=wanted, headers={"Authorization": f"Bearer {admin}"}, timeout=600
        )
    except httpx.HTTPError as error:
        raise ObservatoryError(f"{url} does not answer: {error}") from None
    body: dict[str, Any] = answer.json()
    if not answer.is_success:
        raise ObservatoryError(str(body.get("detail", body)))
    return body
