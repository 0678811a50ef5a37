"""The platform as several processes: which groups of services live where, and calls from one process to another.

A call goes over HTTP with the W3C headers of the caller's trace. Arguments and results travel as JSON by the
annotations of the called method, so what services hand each other must be plain values.
"""

import inspect
import logging
import secrets
import types
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar, cast

import aiohttp
from aiohttp import web
from pydantic import TypeAdapter

import observatory_sdk as obs
from observatory_universe.errors import CallError, Trouble
from observatory_universe.service import Service

# Group to its share of the work, measured by spans of a calm minute; only the order of size matters.
GROUPS: Final[Mapping[str, float]] = {
    "trading": 4.0,
    "ai": 3.0,
    "market_data": 3.0,
    "signals": 2.5,
    "infrastructure": 2.0,
    "credits": 1.5,
    "health": 1.5,
    "risk": 1.5,
    "discovery": 1.0,
    "costs": 0.5,
}
_KNOWN_BY: Final = "X-Universe-Secret"
_CALL_S: Final = 60.0
_MOST_BODY_BYTES: Final = 4 * 1024 * 1024
_LOG = logging.getLogger(__name__)

S = TypeVar("S", bound=Service)


def spread(processes: int) -> list[frozenset[str]]:
    """The groups of each process: the next largest goes to the one with the least so far.

    Raises:
        ValueError: fewer than one process, or more than there are groups.
    """
    if not 1 <= processes <= len(GROUPS):
        raise ValueError(f"the platform runs in 1 to {len(GROUPS)} processes, not {processes}")
    shares: list[tuple[float, set[str]]] = [(0.0, set()) for _ in range(processes)]
    for group, weight in sorted(GROUPS.items(), key=lambda item: -item[1]):
        least = min(range(processes), key=lambda number: shares[number][0])
        shares[least] = (shares[least][0] + weight, shares[least][1] | {group})
    return [frozenset(groups) for _, groups in shares]


def group_of(service: Service) -> str:
    """The group, which is the folder, of a service."""
    return type(service).__module__.split(".")[1]


class Method:
    """How one method's arguments and result travel."""

    def __init__(self, function: Any) -> None:
        # Resolved with the undecorated function's own module: that is where its annotations are written.
        self._signature = inspect.signature(inspect.unwrap(function), eval_str=True)
        parameters = list(self._signature.parameters.values())[1:]
        self._names = [parameter.name for parameter in parameters]
        # `tuple[int, str]` written out: the kinds are only known here.
        kinds = types.GenericAlias(tuple, tuple(parameter.annotation for parameter in parameters))
        self._arguments: TypeAdapter[Any] = TypeAdapter(cast(Any, kinds))
        self._result: TypeAdapter[Any] = TypeAdapter(self._signature.return_annotation)

    def pack(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """The arguments as JSON, with the defaults of those that were left out."""
        bound = self._signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        return self._arguments.dump_json(tuple(bound.arguments[name] for name in self._names))

    def unpack(self, body: bytes) -> tuple[Any, ...]:
        return cast(tuple[Any, ...], self._arguments.validate_json(body))

    def pack_result(self, result: Any) -> bytes:
        return self._result.dump_json(result)

    def unpack_result(self, body: bytes) -> Any:
        return self._result.validate_json(body)


def methods(kind: type[Service]) -> dict[str, Method]:
    """What other services may call of a service: its public asynchronous methods that `@obs.service` marks."""
    found = inspect.getmembers(kind, lambda member: inspect.iscoroutinefunction(member))
    return {
        name: Method(function)
        for name, function in found
        if not name.startswith("_") and hasattr(function, "__wrapped__")
    }


class Link:
    """The way to the other processes: base addresses by group, told once all of them listen."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._peers: Mapping[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    def connect(self, peers: Mapping[str, str]) -> None:
        """From now on calls can be made. `peers`: group to base address."""
        self._peers = peers
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CALL_S))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, group: str, service: str, name: str, body: bytes) -> bytes:
        """The result's JSON.

        Raises:
            CallError: the other process does not answer, or the service there failed.
        """
        if self._session is None or group not in self._peers:
            raise CallError(f"no process has the group {group}")
        headers: dict[str, str] = {"Content-Type": "application/json", _KNOWN_BY: self._secret}
        obs.inject(headers)
        try:
            async with self._session.post(
                f"{self._peers[group]}/call/{service}/{name}", data=body, headers=headers
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CallError(f"{service}.{name}: {type(error).__name__}") from error
        if answer.status != web.HTTPOk.status_code:
            raise CallError(f"{service}.{name}: {content.decode(errors='replace')}")
        return content


class Remote:
    """Stands for a service that lives in another process."""

    def __init__(self, service: Service, link: Link) -> None:
        self.id = service.id
        self._group = group_of(service)
        self._link = link
        self._methods = methods(type(service))

    def __getattr__(self, name: str) -> Any:
        method = self._methods.get(name)
        if method is None:
            raise AttributeError(f"{self.id}.{name} cannot be called from another process")

        async def call(*args: Any, **kwargs: Any) -> Any:
            body = await self._link.call(self._group, self.id, name, method.pack(args, kwargs))
            return method.unpack_result(body)

        return call


class Hosts:
    """Which groups live in this process. Without a link all of them do."""

    def __init__(self, local: frozenset[str] = frozenset(GROUPS), link: Link | None = None) -> None:
        self.local = local
        self._link = link

    def put(self, service: S) -> S:
        """The service itself, or what stands for it when it lives elsewhere."""
        if group_of(service) in self.local or self._link is None:
            return service
        return cast(S, Remote(service, self._link))


@asynccontextmanager
async def call_server(services: Sequence[Service], secret: str) -> AsyncIterator[str]:
    """Lets other processes call these services. Yields the base address.

    Args:
        secret: what a caller must know: any program of this machine, and any page in a browser on it, reaches the port.
    """
    table = {(service.id, name): (service, method) for service in services for name, method in _offered(service)}

    async def answer(request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.headers.get(_KNOWN_BY, ""), secret):
            return web.Response(status=403, text="not for you")
        found = table.get((request.match_info["service"], request.match_info["name"]))
        if found is None:
            return web.Response(status=404, text="there is no such service here")
        service, method = found
        body = await request.read()
        try:
            arguments = method.unpack(body)
        except ValueError as error:
            return web.Response(status=400, text=f"these are not its arguments: {type(error).__name__}")
        try:
            with obs.extract(request.headers):
                result = await getattr(service, request.match_info["name"])(*arguments)
        except Trouble as trouble:
            return web.Response(status=500, text=f"{type(trouble).__name__}: {trouble}")
        except Exception as error:
            _LOG.exception("%s failed", request.path)
            return web.Response(status=500, text=type(error).__name__)
        return web.Response(body=method.pack_result(result), content_type="application/json")

    app = web.Application(client_max_size=_MOST_BODY_BYTES)
    app.router.add_post("/call/{service}/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _offered(service: Service) -> list[tuple[str, Method]]:
    return list(methods(type(service)).items())
