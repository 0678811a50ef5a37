"""Which site a request comes from, as the browser tells it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from observatory.errors import Forbidden


def expect_ours(connection: HTTPConnection) -> None:
    """Accept a request that changes something only from one of our own pages.

    The cookie's SameSite=Strict is not enough: another program's page on the same host is the same site.

    Raises:
        Forbidden: the request comes from elsewhere, or does not tell.
    """
    origin = connection.headers.get("origin")
    if origin is None and connection.headers.get("sec-fetch-site") == "same-origin":
        return
    if origin is None or not _is_ours(origin, connection):
        raise Forbidden("with a cookie, this is accepted from Observatory's own pages only")


def refuse_foreign(connection: HTTPConnection) -> None:
    """Refuse a login form sent by another site's page; programs that send no `Origin` may log in.

    Raises:
        Forbidden: the request comes from elsewhere.
    """
    origin = connection.headers.get("origin")
    if origin is not None and not _is_ours(origin, connection):
        raise Forbidden("logging in is accepted from Observatory's own pages only")


def from_another_site(connection: HTTPConnection) -> bool:
    """True when a browser says that a page of another site led here."""
    return connection.headers.get("sec-fetch-site") in {"cross-site", "same-site"}


def local(target: str) -> str:
    """`target` when it is a path of this server, otherwise `/`.

    "//host" and "/\\host" begin with a slash and still lead a browser to another host.
    """
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"


def _is_ours(origin: str, connection: HTTPConnection) -> bool:
    # Scheme left out: behind a proxy that ends TLS we see http where the browser sees https.
    return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower() != ""
