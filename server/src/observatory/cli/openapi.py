"""`observatory openapi`: the API's description, for what is made from it."""

from __future__ import annotations

import json

import typer

from observatory import api
from observatory.api import docs


def command() -> None:
    """Print the OpenAPI document, as a server answers it at `/openapi.json`. No server has to run."""
    app = api.application()
    api.include(app)
    typer.echo(json.dumps(docs.described(app), ensure_ascii=False))
