"""HTTP as collectors speak it: bounded, unpacked, led to no other host, with nothing taken from the environment."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, Field

from observatory.collect.outcome import Reason, Unread
from observatory.collect.target import Entry, Tls
from observatory.collect.trust import context

_MOST_HOPS = 3
_PORTS = {"http": 80, "https": 443}


def _address(text: str) -> str:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.fragment:
        raise ValueError("must be http://host… or https://host…, without a fragment")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no account: secrets have fields of their own")
    return text


class Address(Entry):
    """What is reached by a URL."""

    url: Annotated[str, Field(min_length=8, max_length=2_048), AfterValidator(_address)] = Field(
        description="Its address, without an account."
    )

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    body: bytes


@asynccontextmanager
async def asked(
    method: str, url: str, headers: Mapping[str, str], tls: Tls | None, basic: tuple[str, str] | None = None
) -> AsyncIterator[httpx.Response]:
    """The answer to one request, its body not read yet. Redirects are not followed.

    Raises:
        Unread: if there is none.
    """
    # Without `identity` a small answer may unpack to any size.
    sent = {"accept-encoding": "identity", "user-agent": "observatory"} | dict(headers)
    try:
        async with (
            httpx.AsyncClient(verify=_trust(url, tls), trust_env=False, timeout=None) as client,  # noqa: S113  # ours is around it
            client.stream(method, url, headers=sent, auth=basic) as response,
        ):
            yield response
    except httpx.TransportError as error:
        raise Unread(Reason.UNREACHABLE, f"{type(error).__name__}: {error}") from None
    except httpx.InvalidURL as error:
        raise Unread(Reason.MALFORMED, f"{error}") from None


async def fetch(
    url: str, headers: Mapping[str, str], tls: Tls | None, most_bytes: int, basic: tuple[str, str] | None = None
) -> Answer:
    """The whole answer to a GET. A redirect is followed to the same host, port and scheme only.

    Raises:
        Unread: if there is none, or it is too large or leads elsewhere.
    """
    for _ in range(_MOST_HOPS):
        async with asked("GET", url, headers, tls, basic) as response:
            if response.is_redirect:
                url = _onward(url, response)
                continue
            return Answer(response.status_code, _media_type(response), await _body(response, most_bytes))
    raise Unread(Reason.MALFORMED, f"more than {_MOST_HOPS} redirects")


def _onward(url: str, response: httpx.Response) -> str:
    try:
        new = httpx.URL(url).join(response.headers["location"])
    except httpx.InvalidURL:
        raise Unread(Reason.MALFORMED, "redirects to what is no address") from None
    # Whoever answers there would be sent our credentials, and would be believed.
    if _origin(f"{new}") != _origin(url):
        raise Unread(Reason.MALFORMED, f"redirects to another host, {new.host}: not followed")
    return f"{new}"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unread(Reason.MALFORMED, "the answer is packed, and was asked for unpacked")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > most_bytes:
            raise Unread(Reason.TOO_MUCH, f"the answer is larger than {most_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


def _media_type(response: httpx.Response) -> str:
    text: str = response.headers.get("content-type", "")
    return text.partition(";")[0].strip().lower()


def _trust(url: str, tls: Tls | None) -> ssl.SSLContext | bool:
    if not url.startswith("https:"):
        # A context would read the system's certificates for nothing.
        return False
    return context(tls.ca_file if tls else None)
