"""The page behind the link of a message. To look at it changes nothing: mail scanners follow every link they see."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse

from observatory import oncall
from observatory.api import html
from observatory.api.alerts import control_of
from observatory.api.origin import refuse_foreign
from observatory.errors import InvalidRequest, NotFound
from observatory.oncall import Link, LinkExpired, LinkRefused, Signer, Standing
from observatory.state import Rows

router = APIRouter(tags=["on call"], include_in_schema=False)

# Nobody should find the page again but by its link.
_HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}
_GONE, _TAKEN, _NOT_FOUND = 410, 409, 404
Token = Annotated[str, Path(max_length=1_024)]


@router.get("/acknowledge/{token}")
async def show(request: Request, token: Token) -> HTMLResponse:
    """Says what will be taken, with a button that does it. Needs no login: the link is the right to do this."""
    try:
        link = _signer(request).read(token)
    except LinkRefused as refused:
        return _refused(refused)
    async with control_of(request).reading() as rows:
        used = await rows.oncall.link_used(link.nonce)
        try:
            standing = await oncall.look(rows, link.subject)
        except NotFound as missing:
            return _page("There is nothing to take", str(missing), status=_NOT_FOUND)
    if used is not None and standing.acknowledged_at is None:
        return _used(used[1], used[0].strftime("%Y-%m-%d %H:%M"))
    if standing.over:
        return _page("It has ended", "There is nothing left to take.", standing)
    if standing.acknowledged_at is not None:
        return _page("Somebody has it", _who(standing), standing)
    return _page("Take it?", "", standing, link=link)


@router.post("/acknowledge/{token}")
async def take(
    request: Request,
    token: Token,
    confirm: Annotated[Literal["yes"], Form()],
    reason: Annotated[str, Form(max_length=512)] = "",
) -> HTMLResponse:
    """Take it. The link is used up by that.

    Raises:
        Forbidden: the form is another site's.
    """
    refuse_foreign(request)
    try:
        link = _signer(request).read(token)
    except LinkRefused as refused:
        return _refused(refused)
    async with control_of(request).writing() as rows:
        return await _take(request, rows, link, reason)


async def _take(request: Request, rows: Rows, link: Link, reason: str) -> HTMLResponse:
    now = request.app.state.clock.now()
    used = await rows.oncall.link_used(link.nonce)
    if used is not None:
        return _used(used[1], used[0].strftime("%Y-%m-%d %H:%M"))
    actor = f"link:{link.person or 'somebody'}"
    try:
        standing, new = await oncall.acknowledge(rows, link.subject, actor, reason, now)
    except InvalidRequest:
        return _page("It has ended", "There is nothing left to take.", status=_GONE)
    except NotFound as missing:
        return _page("There is nothing to take", str(missing), status=_NOT_FOUND)
    if not new:
        return _page("Somebody has it", _who(standing), standing, status=_TAKEN)
    await rows.oncall.use_link(link.nonce, actor, now)
    return _page("You have it", "Until it ends, nobody else is told.", standing)


def _signer(request: Request) -> Signer:
    found: Signer = request.app.state.signer
    return found


def _who(standing: Standing) -> str:
    at = "" if standing.acknowledged_at is None else f" since {standing.acknowledged_at:%Y-%m-%d %H:%M} UTC"
    return f"{standing.by} has it{at}{f': {standing.reason}' if standing.reason else ''}."


def _used(by: str, at: str) -> HTMLResponse:
    return _page("The link was used", f"It works once, and was used at {at} UTC by {by}.", status=_GONE)


def _refused(refused: LinkRefused) -> HTMLResponse:
    expired = isinstance(refused, LinkExpired)
    title = "The link is too old" if expired else "The link is not good"
    return _page(title, f"{str(refused)[0].upper()}{str(refused)[1:]}.", status=_GONE if expired else _NOT_FOUND)


def _page(
    title: str, detail: str, standing: Standing | None = None, link: Link | None = None, status: int = 200
) -> HTMLResponse:
    values = {"title": title, "detail": detail, "standing": standing, "link": link}
    return html.render("acknowledge.html", values, status, _HEADERS)
