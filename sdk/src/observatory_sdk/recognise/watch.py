"""One call of a model on its way through an HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from types import TracebackType

from opentelemetry import context, trace

from observatory_sdk import clock, frame, scope
from observatory_sdk.conventions import trading
from observatory_sdk.facts.ai import ModelCall
from observatory_sdk.facts.span_fact import of
from observatory_sdk.genai import Call, Reading
from observatory_sdk.guard import Guard
from observatory_sdk.recognise import others
from observatory_sdk.recognise.endings import ENDINGS
from observatory_sdk.recognise.hosts import Place

_GUARD = Guard("recognise")
_CANCELLED = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
Request = Mapping[str, object] | bytes | str | None


class Recognised(ModelCall):
    """The span of a call that no SDK told of."""

    http_status: int | None = of(trading.HTTP_STATUS, default=None)

    def span_name(self) -> str:
        return super().span_name() if self.request_model is not None else self.operation or "chat"

    def opened(self) -> trace.Span | None:
        """The span, begun; None where the call is recorded already."""
        span = self._start(clock.held_ns())
        return span if span.get_span_context().is_valid else None

    def inner(self, span: trace.Span) -> context.Context:
        """The context in which nothing below records the call again."""
        return self._context(span)

    def ended(self, span: trace.Span, end_unix_nano: int | None) -> None:
        """Write what is known, and end it."""
        self._finish(span, None, end_unix_nano)


class Watch:
    """Reads along while a client works for one call, and ends its span once: by `over`, or when it is dropped."""

    def __init__(self, fact: Recognised, span: trace.Span, reading: Reading) -> None:
        self._fact = fact
        self._reading = reading
        # Popped by whoever ends it first; a pop is one step, from whatever thread.
        self._open = [span]
        self._began_s = clock.steady_s()
        self._context = fact.inner(span)
        self._undo: list[Callable[[], object]] = []
        self.reads = False
        """Whether the client is in the middle of a read, and will say itself how that ends."""

    @property
    def is_open(self) -> bool:
        """Whether the span still waits for its end."""
        return bool(self._open)

    def inside(self) -> Inside:
        """The part in which the client sends and waits for the head of the response."""
        return Inside(self._context)

    def then(self, undo: Callable[[], object]) -> None:
        """To be called when it is over."""
        self._undo.append(undo)

    def answered(self, status: int, encoding: str | None = None) -> None:
        """The head of the response is here. `encoding`: where the pieces of the body come as they were sent."""
        self._fact.http_status = status
        self._reading.answered(status, encoding)

    def attend(self, listen: Callable[[], None]) -> None:
        """Begin to listen to the body; where that goes wrong, the span ends here."""
        with _GUARD:
            listen()
            return
        self.over()

    def lives_with(self, response: object) -> None:
        """End the span at the latest when this is gone."""
        self.then(ENDINGS.watch(response, self._dropped).detach)

    def fed(self, chunk: bytes) -> None:
        """A piece of the body came."""
        if not self._open:
            return
        with _GUARD:
            reading = self._reading
            reading.feed(chunk)
            if reading.begun and self._fact.time_to_first_chunk_s is None:
                self._fact.time_to_first_chunk_s = clock.steady_s() - self._began_s

    def over(self, error: BaseException | None = None) -> None:
        """The body ended, was closed, or `error` came instead."""
        self._end(error, clock.held_ns())

    def _dropped(self, moment: int) -> None:
        self._end(None, moment)

    def _end(self, error: BaseException | None, end_unix_nano: int | None) -> None:
        try:
            span = self._open.pop()
        except IndexError:
            return
        with _GUARD:
            for undo in self._undo:
                undo()
            self._undo.clear()
        with _GUARD:
            try:
                self._tell(self._reading.call())
                self._mark(span, error)
            finally:
                self._fact.ended(span, end_unix_nano)

    def _tell(self, call: Call) -> None:
        fact = self._fact
        fact.response_model = call.response_model
        fact.response_id = call.response_id
        fact.finish_reasons = call.finish_reasons or None
        fact.input_tokens = call.input_tokens
        fact.output_tokens = call.output_tokens
        fact.cache_read_tokens = call.cache_read_tokens
        fact.cache_write_tokens = call.cache_write_tokens
        fact.reasoning_tokens = call.reasoning_tokens
        fact.conversation_id = call.conversation_id
        fact.error_type = call.error_type
        fact.stream = True if call.is_stream else None
        if not call.is_stream:
            fact.time_to_first_chunk_s = None

    def _mark(self, span: trace.Span, error: BaseException | None) -> None:
        if error is None:
            return
        if isinstance(error, _CANCELLED):
            # The caller's own wish: named, and no error.
            self._fact.error_type = None
            frame.write_error(span, error)
            return
        # The exception's text may hold the URL, and that a key: its name has to do.
        status = getattr(error, "status", None)
        told = str(status) if isinstance(status, int) and status >= 400 else type(error).__qualname__
        self._fact.error_type = self._fact.error_type or told


class Inside:
    """`with` that never raises anything of its own."""

    __slots__ = ("_context", "_token")

    def __init__(self, within: context.Context) -> None:
        self._context = within
        self._token: Token[context.Context] | None = None

    def __enter__(self) -> None:
        self._token = context.attach(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if self._token is not None:
            context.detach(self._token)


def begin(place: Place, request: Request, agents: Iterable[str] = ()) -> Watch | None:
    """Open the span of a call. None where the request is none, or someone else records it."""
    if scope.silent() or others.record(place.path, agents):
        return None
    reading = Reading(place.provider, place.path, request)
    asked = reading.asked
    fact = Recognised(
        provider=place.provider,
        # Unknown, it is left out; the type says that who calls by hand is to name it.
        request_model=asked.request_model,  # type: ignore[arg-type]
        operation=asked.operation,
        server_address=place.host,
    )
    span = fact.opened()
    return None if span is None else Watch(fact, span, reading)
