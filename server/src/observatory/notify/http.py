"""One POST to an address that an operator has set: bounded, no redirects, not into a private network unless allowed.

The name is resolved once and the connection is made to the very address that was checked, so that a name cannot point
elsewhere between the check and the connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from observatory.errors import ObservatoryError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST_BYTES = 65_536
_SHOWN = 200


class AddressRefused(ObservatoryError):
    """An address to which nothing is sent: private, or none at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said.

    Attributes:
        status: HTTP status.
        text: beginning of its body.
        retry_after_s: seconds that it asked to wait; None when it did not.
    """

    status: int
    text: str
    retry_after_s: float | None


def networks(text: str) -> tuple[Network, ...]:
    """Networks divided by commas: `10.0.0.0/8, 127.0.0.1`.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())


def allowed(address: Address, also: Iterable[Network]) -> bool:
    """Whether something may be sent to an address: one of the public internet, or of a network named."""
    plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else address
    if any(plain.version == each.version and plain in each for each in also):
        return True
    return plain.is_global and not plain.is_multicast


async def addresses(host: str, port: int, also: Sequence[Network]) -> list[str]:
    """The addresses of a host to which something may be sent.

    Raises:
        AddressRefused: it has none, or only such to which nothing may be sent.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise AddressRefused(f"{host} cannot be resolved: {error.strerror or error}") from None
    plain = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    fit = [each for each in plain if allowed(ipaddress.ip_address(each), also)]
    if not fit:
        raise AddressRefused(f"{host} is not in the public network, nor in OBSERVATORY_CHANNEL_NETWORKS")
    return fit


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked only."""

    def __init__(self, also: Sequence[Network]) -> None:
        self._also = also
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        last: Exception = AddressRefused(f"{host} has no address")
        for address in await addresses(host, port, self._also):
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("nothing is sent to a socket file")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


class Poster:
    """Posts to set addresses. Close it with `aclose`.

    Args:
        also: networks that may be reached beside the public one.
        timeout_s: longest time of one request.
    """

    def __init__(self, also: Sequence[Network], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=20,
            max_keepalive_connections=10,
            keepalive_expiry=30.0,
            network_backend=_Checked(also),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Answer:
        """Post a body; a redirect is an answer, and is not followed.

        Raises:
            AddressRefused: the address is none to which anything is sent.
            TimeoutError: the other side did not answer in time.
            OSError: it could not be reached, or broke off.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AddressRefused("an address begins with http:// or https://")
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        each = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._pool.stream(
                    method, url, headers=pairs, content=body, extensions={"timeout": each}
                ) as answer:
                    return Answer(answer.status, await _beginning(answer), _retry_after(answer.headers))
        except httpcore.TimeoutException:
            raise TimeoutError from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise OSError(_words(error)) from None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


async def _beginning(answer: httpcore.Response) -> str:
    held = b""
    async for part in answer.aiter_stream():
        held += part
        if len(held) > _MOST_BYTES:
            break
    return held[:_SHOWN].decode("utf-8", "replace")


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    text = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1").strip()
    # A date would need the other side's clock: only seconds are read.
    return float(text) if text.isdecimal() and len(text) < 8 else None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
