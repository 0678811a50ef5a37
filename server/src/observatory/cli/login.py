"""`observatory login` and `observatory token`: ask the running server for a link or a token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from observatory import settings as knobs
from observatory.errors import ObservatoryError

# A backup may take minutes; whether anybody listens is known at once.
_PATIENCE = httpx.Timeout(600, connect=5)


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
    url, admin = running(folder)
    try:
        answer = httpx.post(
            f"{url}/api/v1/monitoring/{path}",
            json=wanted,
            headers={"Authorization": f"Bearer {admin}"},
            timeout=_PATIENCE,
        )
        body: dict[str, Any] = answer.json()
    except httpx.HTTPError as error:
        raise ObservatoryError(f"no server runs on {folder}: {url} does not answer ({error})") from None
    except ValueError:
        raise ObservatoryError(f"{url} is not an Observatory: it answered {answer.status_code} without JSON") from None
    if not answer.is_success:
        raise ObservatoryError(f"{url} refused: {body.get('detail', body)}")
    return body


def running(folder: Path) -> tuple[str, str]:
    """Where the server on the data folder listens, and its first administrator's token."""
    try:
        url = json.loads((folder / "serve.json").read_text(encoding="utf-8"))["url"]
        return url, (folder / "admin.token").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise ObservatoryError(
            f"no server runs on {folder}: there is no {name} (OBSERVATORY_DATA_DIR says which folder)"
        ) from None
    except OSError as error:
        raise ObservatoryError(f"{error.filename}: {error.strerror}") from None
