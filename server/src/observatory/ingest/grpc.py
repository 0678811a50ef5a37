"""OTLP/gRPC: the request's bytes are passed through undecoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from observatory.auth import INGEST, Tokens
from observatory.errors import AccessError, BodyError, Forbidden, Overloaded
from observatory.ingest.budget import Lease
from observatory.ingest.door import Door
from observatory.otlp import replies
from observatory.otlp.signals import Signal

_SERVICES = {Signal.TRACES: "trace.v1.Trace", Signal.METRICS: "metrics.v1.Metrics", Signal.LOGS: "logs.v1.Logs"}
_METHODS = {f"/opentelemetry.proto.collector.{name}Service/Export": signal for signal, name in _SERVICES.items()}
if TYPE_CHECKING:
    _Handler = grpc.GenericRpcHandler[bytes, bytes]
else:
    # The stubs are generic, the class is not.
    _Handler = grpc.GenericRpcHandler
_Export = Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]


class _Exports(_Handler):
    """Answers the three Export methods; any other is UNIMPLEMENTED."""

    def __init__(self, door: Door, tokens: Tokens) -> None:
        self._door = door
        self._tokens = tokens

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method, with bytes in and bytes out."""
        signal = _METHODS.get(handler_call_details.method)
        if signal is None:
            return None
        try:
            self._tokens.check(_bearer(handler_call_details.invocation_metadata), INGEST)
        except AccessError as error:
            self._door.refuse(signal, error)
            return _denied(error)
        return grpc.unary_unary_rpc_method_handler(self._export(signal))

    def _export(self, signal: Signal) -> _Export:
        async def export(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            lease = Lease(self._door.budget, signal)
            try:
                lease.grow(len(body))
                receipt = await self._door.offer(signal, body, lease, "grpc")
            except BodyError as error:
                self._door.refuse(signal, error)
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except Overloaded as error:
                self._door.refuse(signal, error)
                # The one status that every exporter retries without further detail.
                await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            finally:
                lease.end_of_request()
            return replies.success(signal, receipt.rejected, receipt.reason, as_json=False)

        return export


Server = grpc.aio.Server


async def serve(door: Door, tokens: Tokens, address: str, most_bytes: int) -> tuple[Server, int]:
    """Begin to listen on `address` (`host:port`; port 0 takes a free one). Returns the server and its port.

    Raises:
        RuntimeError: if the address is taken.
    """
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", most_bytes), ("grpc.so_reuseport", 0)],
        maximum_concurrent_rpcs=1_000,
    )
    server.add_generic_rpc_handlers((_Exports(door, tokens),))
    port = server.add_insecure_port(address)
    await server.start()
    return server, port


def _denied(error: AccessError) -> grpc.RpcMethodHandler[bytes, bytes]:
    code = grpc.StatusCode.PERMISSION_DENIED if isinstance(error, Forbidden) else grpc.StatusCode.UNAUTHENTICATED

    async def deny(_requests: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return await context.abort(code, str(error))

    # A handler of a stream answers before the first message is received: who may not send costs no memory.
    return grpc.stream_unary_rpc_method_handler(deny)


def _bearer(metadata: Iterable[tuple[str, str | bytes]] | None) -> str | None:
    for name, value in metadata or ():
        if name == "authorization" and isinstance(value, str) and value.lower().startswith("bearer "):
            return value[7:].strip()
    return None
