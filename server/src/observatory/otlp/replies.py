"""What a sender is answered, in the encoding of its request."""

from __future__ import annotations

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from observatory.otlp.messages import REPLIES
from observatory.otlp.signals import Signal

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_COUNTS = {
    Signal.TRACES: "rejected_spans",
    Signal.LOGS: "rejected_log_records",
    Signal.METRICS: "rejected_data_points",
}


def content_type(as_json: bool) -> str:
    """The content type of a reply."""
    return JSON if as_json else PROTOBUF


def success(signal: Signal, rejected: int, reason: str, as_json: bool) -> bytes:
    """The reply to a request that was taken, wholly or in part.

    Args:
        signal: what the request held.
        rejected: how many spans, records or points were not taken; the sender must not send them again.
        reason: why, or a warning when nothing was rejected; empty for full success.
        as_json: JSON, else protobuf.
    """
    reply = REPLIES[signal]()
    if rejected or reason:
        # OTLP: the message is unset on full success.
        partial = reply.partial_success  # type: ignore[attr-defined]
        partial.error_message = reason
        setattr(partial, _COUNTS[signal], rejected)
    return _encode(reply, as_json)


def status(code: int, message: str, as_json: bool) -> bytes:
    """A `google.rpc.Status`, the reply to a request that was not taken.

    Args:
        code: a gRPC status code, such as 3 for an invalid argument.
        message: what a developer should know.
        as_json: JSON, else protobuf.
    """
    return _encode(Status(code=code, message=message), as_json)


def _encode(reply: Message, as_json: bool) -> bytes:
    if as_json:
        return json_format.MessageToJson(reply, indent=None, ensure_ascii=False).encode("utf-8")
    return reply.SerializeToString()
