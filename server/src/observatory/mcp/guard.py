"""Who may talk to `/mcp`: a token in force that may read something, not a page of another site, not too often."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from observatory.auth import READ, Principal, Throttle, Tokens
from observatory.clock import Clock
from observatory.errors import Forbidden

REQUESTS = 240
PER_S = 60.0


class Guard:
    """Lets a request in, or says why not.

    A cookie opens nothing here: what no page can send, no page of another site can misuse.

    Args:
        tokens: tokens in force.
        clock: for the bound on requests.
        host: the address the server listens on.
        public_url: its address as people reach it; may be empty.
        requests: how many requests one token may send within `PER_S` seconds.
    """

    def __init__(
        self, tokens: Tokens, clock: Clock, host: str = "127.0.0.1", public_url: str = "", requests: int = REQUESTS
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._named = {name for name in (host.strip("[]").lower(), _name(_netloc(public_url))) if name}
        self._public = _netloc(public_url)
        self._closed = _is_loopback(host)
        self._throttle = Throttle(requests, PER_S, what="requests of this token")

    def admit(self, headers: Headers) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: no token, or none in force.
            Forbidden: a token that may read nothing; a page of another site.
            Throttled: more requests than a token may send.
            HTTPException: 421, a name that is not this server's.
        """
        self._expect_name(headers)
        kind, _, text = headers.get("authorization", "").partition(" ")
        principal = self._tokens.identify(text.strip() if kind.lower() == "bearer" else None)
        if not principal.allows(READ) and not any(each.startswith("user:") for each in principal.scopes):
            raise Forbidden(f"this needs the scope {READ}, or user:<id> for answers about one user")
        self._throttle.admit(principal.actor, self._clock.monotonic())
        return principal

    def _expect_name(self, headers: Headers) -> None:
        """A page whose name was turned to our address sends that name as host and as origin."""
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if self._closed and not self._is_ours(_name(host)):
            raise HTTPException(421, "this server is not called that; OBSERVATORY_PUBLIC_URL names it")
        if origin is None:
            return
        said = _netloc(origin)
        if not said or said not in (host, self._public) or not self._is_ours(_name(said)):
            raise Forbidden("this is not accepted from pages of other sites")

    def _is_ours(self, name: str) -> bool:
        # An address in digits was not looked up, so nobody can have turned it.
        return name in self._named or name == "localhost" or _is_address(name)


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:  # such as half an IPv6 address
        return ""


def _name(netloc: str) -> str:
    try:
        return (urlsplit(f"//{netloc}").hostname or "") if netloc else ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    bare = host.strip("[]")
    return bare == "localhost" or (_is_address(bare) and ipaddress.ip_address(bare).is_loopback)
