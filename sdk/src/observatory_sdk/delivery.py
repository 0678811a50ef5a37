"""OTLP over HTTP for a held clock: nothing is dropped to keep up. It waits, tries again, and in the end says why.

A thread posts what it is handed and does nothing by itself, so that the next body is made while the server stores the
last one. Servers that answer on commit would otherwise be waited for half of the time.
"""

from __future__ import annotations

import gzip
import http.client
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from observatory_sdk import wire
from observatory_sdk.errors import DeliveryError

PATIENCE_S = 120.0
ANSWER_S = 30.0
BODIES_AHEAD = 2
_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 10.0
# Most of what gzip can save comes at the lowest level, at a fifth of the time.
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str | None

    def __str__(self) -> str:
        again = "" if self.retry_after is None else f"(Retry-After: {self.retry_after})"
        said = (http.client.responses.get(self.status, ""), again, self.body[:200].decode("utf-8", "replace").strip())
        return " ".join((str(self.status), *filter(None, said)))


class Delivery:
    """Posts the bodies of one signal, in order.

    Args:
        url: full address, as in `http://127.0.0.1:4318/v1/traces`. No proxy is used.
        patience_s: how long one body is tried while the server is away or asks to come again, in seconds.
    """

    def __init__(self, url: str, headers: Mapping[str, str], patience_s: float = PATIENCE_S) -> None:
        self._url = url
        self._headers = {**headers, "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        self._patience_s = patience_s
        self._path = urlsplit(url).path
        self._connection = _connection(url)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="observatory-delivery")
        self._under_way: deque[Future[None]] = deque()
        self._abandoned = Event()

    def hand_over(self, body: bytes) -> None:
        """Send a body. Waits while `BODIES_AHEAD` are under way.

        Raises:
            DeliveryError: this body or one before it could not be sent.
        """
        while len(self._under_way) >= BODIES_AHEAD:
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(self._post, body))

    def settle(self, timeout_s: float) -> bool:
        """Wait until everything is sent. False when it takes longer than `timeout_s`.

        Raises:
            DeliveryError: something could not be sent.
        """
        until = time.monotonic() + timeout_s
        while self._under_way:
            try:
                self._under_way[0].result(max(0.0, until - time.monotonic()))
            except TimeoutError:
                return False
            except DeliveryError:
                self._under_way.popleft()
                raise
            self._under_way.popleft()
        return True

    def close(self) -> None:
        """Give up what is still under way."""
        self._abandoned.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        # One that waits for an answer is woken.
        if self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _post(self, body: bytes) -> None:
        packed = gzip.compress(body, _LEVEL)
        until = time.monotonic() + self._patience_s
        # A connection that the server closed while it was idle is no trouble: the first time it is tried again at once.
        wait_s = 0.0
        while True:
            said: object
            try:
                said = answer = self._ask(packed)
                if answer.status == 200:
                    self._accepted(answer)
                    return
                if answer.status not in _AGAIN:
                    raise DeliveryError(f"{self._url} refuses the telemetry: {answer}")
                pause_s = _asked_s(answer.retry_after, max(wait_s, _FIRST_WAIT_S))
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                said, pause_s = repr(error), wait_s
            if time.monotonic() + pause_s > until or self._abandoned.wait(pause_s):
                raise DeliveryError(f"{self._url} took nothing for {self._patience_s:g} s: {said}")
            wait_s = min(max(2 * wait_s, _FIRST_WAIT_S), _LONGEST_WAIT_S)

    def _ask(self, body: bytes) -> _Answer:
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        return _Answer(response.status, response.read(), response.getheader("Retry-After"))

    def _accepted(self, answer: _Answer) -> None:
        try:
            # The answers of all three signals have the same shape on the wire.
            said = ExportTraceServiceResponse.FromString(answer.body).partial_success
        except DecodeError:
            raise DeliveryError(f"{self._url} does not talk OTLP: {answer}") from None
        if said.rejected_spans:
            raise DeliveryError(f"{self._url} kept less than it was sent: {said.error_message or said.rejected_spans}")


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=ANSWER_S)


def _asked_s(retry_after: str | None, otherwise_s: float) -> float:
    """The wait that `Retry-After` asks for, in seconds: it holds them, or a date."""
    if retry_after is None:
        return otherwise_s
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return otherwise_s
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time())


class DeliveredSpans(SpanExporter):
    """Spans over a `Delivery`."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._delivery.hand_over(wire.spans_request(spans))
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._delivery.settle(timeout_millis / 1_000)

    def shutdown(self) -> None:
        self._delivery.close()


class DeliveredLogs(LogRecordExporter):
    """Log records over a `Delivery`."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self._delivery.hand_over(wire.logs_request(batch))
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._delivery.settle(timeout_millis / 1_000)

    def shutdown(self) -> None:
        self._delivery.close()


class DeliveredMetrics(MetricExporter):
    """Metrics over a `Delivery`."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__()
        self._delivery = delivery

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        self._delivery.hand_over(encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._delivery.settle(timeout_millis / 1_000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._delivery.close()
