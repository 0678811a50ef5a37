"""The pages' shell: one document for every address of theirs, and the files that it loads."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from observatory.api.access import reader_or_user
from observatory.auth import READ, Principal
from observatory.errors import NotFound

router = APIRouter(include_in_schema=False)

# Every address of a page, as `web/src/pages/index.ts` lists them; a test compares the two.
PATHS = (
    "/",
    "/incidents",
    "/incidents/{incident_id}",
    "/alerts",
    "/alerts/{part}",
    "/emergency",
    "/emergency/{runbook_id}",
    "/ai",
    "/trading",
    "/signals",
    "/costs",
    "/risk",
    "/credits",
    "/strategies",
    "/resources",
    "/services",
    "/services/{service_id}",
    "/user",
    "/user/{user_id}",
    "/diagnose",
    "/traces",
    "/traces/{trace_id}",
    "/logs",
    "/panels",
    "/panels/{view_id}",
    "/selfwatch",
    "/settings",
    "/settings/{part}",
)
WEB = Path(__file__).parent / "web"

_NONCE = "__NONCE__"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SEE_OTHER = 303
_FOR_EVER = "public, max-age=31536000, immutable"
_CODINGS = (("br", ".br"), ("gzip", ".gz"))


async def show(request: Request, principal: Annotated[Principal, Depends(reader_or_user)]) -> Response:
    """The pages. Whoever may see one user only is led to that user's page; without built pages it is `/plain`."""
    own = f"/user/{quote(principal.user or '', safe='')}"
    reads = principal.allows(READ)
    if not reads and request.path_params.get("user_id") != principal.user:
        return RedirectResponse(own, _SEE_OTHER)
    shell = request.app.state.shell.read()
    if shell is None:
        if reads:
            return RedirectResponse("/plain", _SEE_OTHER)
        raise NotFound("the pages were not built: `make web` builds them")
    nonce = secrets.token_urlsafe(18)
    return HTMLResponse(shell.replace(_NONCE, nonce), headers={"Content-Security-Policy": _POLICY.format(nonce=nonce)})


for _path in PATHS:
    router.add_api_route(_path, show, methods=["GET"])


def include(app: FastAPI, folder: Path = WEB) -> None:
    """Serve the built shell, and the files that it loads. Without a build there is neither."""
    app.state.shell = Shell(folder / "index.html")
    app.state.swagger = (folder / "assets" / "swagger").is_dir()
    if (folder / "assets").is_dir():
        app.mount("/assets", Assets(directory=folder / "assets"), name="assets")


class Shell:
    """The document of the pages, read again when it was built anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._built_ns = 0
        self._text: str | None = None

    def read(self) -> str | None:
        """Its text; None: the pages were not built."""
        try:
            built_ns = self._path.stat().st_mtime_ns
            if built_ns != self._built_ns:
                self._text, self._built_ns = self._path.read_text(encoding="utf-8"), built_ns
        except FileNotFoundError:
            self._text, self._built_ns = None, 0
        return self._text


class Assets(StaticFiles):
    """Files whose names change with what they hold, so that they are asked for once. They were compressed when built.

    Those of Swagger UI keep their names: they are asked for again, and answered with 304.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, in the best form that the client takes."""
        accepted = {
            part.partition(";")[0].strip() for part in Headers(scope=scope).get("accept-encoding", "").split(",")
        }
        response = await self._best(path, scope, accepted)
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = "no-cache" if path.startswith("swagger") else _FOR_EVER
        return response

    async def _best(self, path: str, scope: Scope, accepted: set[str]) -> Response:
        for coding, suffix in _CODINGS:
            if coding not in accepted:
                continue
            whole, found = self.lookup_path(path + suffix)
            if found is not None:
                response = self.file_response(whole, found, scope)
                response.headers["Content-Encoding"] = coding
                return response
        return await super().get_response(path, scope)
