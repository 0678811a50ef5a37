"""Who may call a route: `Depends(require("read"))`."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from observatory.api.origin import expect_ours
from observatory.auth import READ, Principal, Tokens, user_scope
from observatory.errors import Forbidden, Unauthenticated

COOKIE = "observatory_session"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token: `Authorization: Bearer obs_…`.")
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="session", description="The session of a browser that has logged in."
)

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
Cookie = Annotated[str | None, Depends(_cookie)]


def tokens_of(request: Request) -> Tokens:
    """The application's tokens."""
    tokens: Tokens = request.app.state.tokens
    return tokens


def require(scope: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency that gives the principal when it may do `scope`.

    Raises (the dependency):
        Unauthenticated: neither a token nor a session in force.
        Forbidden: without the scope, or a change asked for with a cookie from another site's page.
    """

    async def dependency(request: Request, bearer: Bearer, cookie: Cookie) -> Principal:
        return _check(request, bearer, cookie, scope)

    return dependency


def require_any(*scopes: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency that gives the principal when it may do one of the scopes. It raises as that of `require` does."""

    async def dependency(request: Request, bearer: Bearer, cookie: Cookie) -> Principal:
        for scope in scopes[:-1]:
            with contextlib.suppress(Forbidden):
                return _check(request, bearer, cookie, scope)
        return _check(request, bearer, cookie, scopes[-1])

    return dependency


async def require_user(request: Request, user_id: str, bearer: Bearer, cookie: Cookie) -> Principal:
    """A dependency for routes below `/user/{user_id}`: whoever may read all users, or this one.

    Raises:
        Unauthenticated: neither a token nor a session in force.
        Forbidden: for another user only.
    """
    return _check(request, bearer, cookie, user_scope(user_id))


User = Annotated[
    str,
    Query(
        max_length=128,
        description="Only what is this user's. A token with the scope `user:<id>` must say it, and sees nothing else.",
        examples=["u-4711"],
    ),
]


async def require_asked(request: Request, bearer: Bearer, cookie: Cookie, user: User = "") -> Principal:
    """A dependency for routes with a query parameter `user`: whoever may read all users, or the one that is asked for.

    Raises:
        Unauthenticated: neither a token nor a session in force.
        Forbidden: for another user only, or for one while none is asked for.
    """
    return _check(request, bearer, cookie, user_scope(user) if user else READ)


async def whoever(request: Request, bearer: Bearer, cookie: Cookie) -> Principal:
    """A dependency that gives the principal, whatever it may do.

    Raises:
        Unauthenticated: neither a token nor a session in force.
        Forbidden: a change asked for with a cookie from another site's page.
    """
    return _identify(request, bearer, cookie)


async def reader_or_user(request: Request, bearer: Bearer, cookie: Cookie) -> Principal:
    """A dependency for the pages: whoever may read, or see a user.

    Raises:
        Unauthenticated: neither a token nor a session in force.
        Forbidden: neither of both scopes.
    """
    principal = _identify(request, bearer, cookie)
    return principal if principal.user is not None else principal.require(READ)


def _check(request: Request, bearer: HTTPAuthorizationCredentials | None, cookie: str | None, scope: str) -> Principal:
    return _identify(request, bearer, cookie).require(scope)


def _identify(request: Request, bearer: HTTPAuthorizationCredentials | None, cookie: str | None) -> Principal:
    # A header that is there decides alone: a bad token must not be saved by a cookie that happens to be sent.
    if bearer is not None or "authorization" in request.headers:
        return tokens_of(request).identify(bearer.credentials if bearer else None)
    if cookie is None:
        raise Unauthenticated("a token or a session is needed")
    principal = tokens_of(request).sessions.identify(cookie)
    if request.method not in _SAFE:
        expect_ours(request)
    return principal
