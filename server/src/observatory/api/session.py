"""Logging in and out with a browser."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from observatory.api import html
from observatory.api.access import COOKIE, Cookie, tokens_of
from observatory.api.origin import expect_ours, from_another_site, local, refuse_foreign
from observatory.auth import Throttle
from observatory.errors import Unauthenticated

router = APIRouter(tags=["session"], include_in_schema=False)

_SEE_OTHER = 303


@router.get("/login")
async def show(next: str = "/") -> HTMLResponse:
    """A form for a token or a login link."""
    return html.render("login.html", {"detail": "", "next": local(next), "again": False})


async def _admit(request: Request) -> str:
    """Count the attempt against its address until it turns out to be good; returns the actor for the audit log.

    Raises:
        Throttled: too many failed attempts from this address.
    """
    _throttle(request).admit(_address(request), request.app.state.clock.monotonic())
    return f"address:{_address(request)}"


def _throttle(request: Request) -> Throttle:
    throttle: Throttle = request.app.state.throttle
    return throttle


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


Actor = Annotated[str, Depends(_admit)]


@router.get("/login/{code}")
async def open_link(request: Request, code: str, actor: Actor, cookie: Cookie) -> Response:
    """Use a login link: opens a session, sets its cookie and leads to the health page. Works once.

    Raises:
        Unauthenticated: the link is unknown, was used, or has expired.
        Throttled: too many failed attempts from this address.
    """
    opened = await tokens_of(request).sessions.open_with_link(code, actor)
    return await _opened(request, opened, cookie, "/")


@router.post("/login")
async def log_in(
    request: Request,
    actor: Actor,
    cookie: Cookie,
    credential: Annotated[str, Form(max_length=1_024)],
    next: Annotated[str, Form(max_length=2_048)] = "/",
) -> Response:
    """Open a session with a token, or with a login link pasted whole.

    Raises:
        Unauthenticated: neither a token in force nor a good link.
        Forbidden: the form is another site's.
        Throttled: too many failed attempts from this address.
    """
    refuse_foreign(request)
    tokens, text = tokens_of(request), credential.strip()
    _, is_link, code = text.rpartition("/login/")
    opened = await (tokens.sessions.open_with_link(code, actor) if is_link else tokens.log_in(text, actor))
    return await _opened(request, opened, cookie, local(next))


@router.post("/logout")
async def log_out(request: Request, cookie: Cookie) -> Response:
    """End the session of the cookie and take the cookie away.

    Raises:
        Unauthenticated: there is no cookie.
        Forbidden: the request comes from another site's page.
    """
    if not cookie:
        raise Unauthenticated("there is no session to end")
    expect_ours(request)
    await tokens_of(request).sessions.end(cookie)
    response = RedirectResponse("/login", _SEE_OTHER)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def _opened(request: Request, opened: str, previous: str | None, target: str) -> Response:
    sessions = tokens_of(request).sessions
    _throttle(request).forgive(_address(request))
    await sessions.end(previous)
    response: Response
    if from_another_site(request):
        # After a link from a mail, a redirect would still count as the other site's and go without the new cookie.
        response = html.render("enter.html", {"target": target})
    else:
        response = RedirectResponse(target, _SEE_OTHER)
    response.set_cookie(
        COOKIE,
        opened,
        max_age=sessions.session_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response
