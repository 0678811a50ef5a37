"""Who is at work: the logical service, its caller, the feature and the user, carried by OpenTelemetry's context.

The context is a context variable, so a coroutine and a task see the frame of the code that made them; a thread
starts with an empty one, unless its work is run through `contextvars.copy_context().run` (`asyncio.to_thread` does so).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass, field, replace
from types import TracebackType

from opentelemetry import baggage, context, trace
from opentelemetry.context import Context

from observatory_sdk import clock, people
from observatory_sdk.conventions import common
from observatory_sdk.guard import Guard

KEY = context.create_key("observatory-frame")
BAGGAGE_CALLER = common.CALLER.name
# What `set_span_in_context` calls the span; there is no public name for it.
SPAN_KEY = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))
_SERVICE = common.SERVICE.name
_CARRIED = (
    common.FEATURE.name,
    common.USER_ID.name,
    common.USER_COHORT.name,
    common.USER_PLAN.name,
    common.DECISION_ID.name,
)
MAX_CARRIED = 200
_GUARD = Guard("context")


@dataclass(slots=True)
class Frame:
    """`carried` travels with the request; `service` runs here; `caller` called from another process.

    Never changed once made; not frozen, because each call of a service makes one and that costs a microsecond.
    """

    service: str | None = None
    caller: str | None = None
    carried: Mapping[str, str] = field(default_factory=dict)
    entry: trace.Span | None = None

    @property
    def stamp(self) -> Mapping[str, str]:
        """What spans and log records made here are told."""
        return self.carried if self.service is None else {_SERVICE: self.service, **self.carried}

    def with_service(self, service: str, entry: trace.Span | None) -> Frame:
        """The frame inside a call of `service`, whose span is `entry`."""
        return Frame(service, None, self.carried, entry)

    def with_carried(self, carried: Mapping[str, str]) -> Frame:
        """The same frame with more to carry."""
        return replace(self, carried={**self.carried, **carried})


EMPTY = Frame()


def current(within: Context | None = None) -> Frame:
    """The frame at work; read from baggage where another SDK or propagator brought it here."""
    found = context.get_value(KEY, within)
    return found if isinstance(found, Frame) else from_baggage(baggage.get_all(within))


def from_baggage(entries: Mapping[str, object]) -> Frame:
    """What the sender of a request says about itself."""
    if not entries:
        return EMPTY
    # Headers come from anywhere: what they say is cut to a length that no id of ours reaches.
    carried = {name: str(entries[name])[:MAX_CARRIED] for name in _CARRIED if entries.get(name)}
    caller = str(entries.get(BAGGAGE_CALLER) or "")[:MAX_CARRIED]
    return Frame(caller=caller or None).with_carried(carried)


def received(entries: Mapping[str, object], within: Context) -> Context:
    """`within` with the frame that a request's baggage describes; the sender's name goes no further than here."""
    within = context.set_value(KEY, from_baggage(entries), within)
    return baggage.remove_baggage(BAGGAGE_CALLER, within)


def to_context(frame: Frame, within: Context | None = None) -> Context:
    """`within` with this frame at work, as our own value and as baggage for other propagators."""
    for name, value in frame.carried.items():
        within = baggage.set_baggage(name, value, within)
    return context.set_value(KEY, frame, within)


def opened(frame: Frame, span: trace.Span) -> Context:
    """The context at work with this frame and this span: one copy, where two `set_value` make four."""
    return Context({**context.get_current(), KEY: frame, SPAN_KEY: span})


class Within:
    """Works inside a context: `with` and `async with`. Not a decorator, which would end before a coroutine begins."""

    def __init__(self, make: Callable[[], Context]) -> None:
        self._make = make
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        with _GUARD:
            self._token = context.attach(self._make())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            context.detach(token)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace_back)


def feature(
    name: str,
    *,
    user_id: str | None = None,
    user_cohort: str | None = None,
    user_plan: str | None = None,
    decision_id: str | None = None,
) -> Within:
    """All that happens inside serves this business feature, this user and this decision, in other processes too.

    `name`: as in `chat`, `signals`, `autotrade`. `decision_id` joins a decision with all that comes of it. The ids
    travel in the `baggage` header of outgoing requests, so give opaque ids, never names. An e-mail address is replaced
    by its pseudonym, see `observatory_sdk.people`.
    """
    opaque = None if user_id is None else people.opaque(str(user_id)) or None
    return _carrying((name, opaque, user_cohort, user_plan, decision_id))


def decision(decision_id: str) -> Within:
    """All that happens inside comes of this decision, in other processes too; feature and user stay as they are."""
    return _carrying((None, None, None, None, decision_id))


def _carrying(values: tuple[str | None, ...]) -> Within:
    def make() -> Context:
        given = zip(_CARRIED, values, strict=True)
        return to_context(current().with_carried({key: str(value) for key, value in given if value is not None}))

    return Within(make)


def outcome(value: str, *, reason: str | None = None) -> None:
    """How the innermost running call of a service ended in business terms.

    `value`: `success`, `failure`, `partial` or `simulated`. `failure` marks the span as failed, without an exception.
    Outside of any call of a service nothing happens.
    """
    with _GUARD:
        entry = current().entry
        if entry is not None:
            mark(entry, value, reason)


def write_error(span: trace.Span, error: BaseException | None) -> None:
    """Write the exception that ended a span. A cancelled task is named, but is no error by itself."""
    if error is None or isinstance(error, GeneratorExit):
        return
    span.set_attribute(common.ERROR_TYPE.name, type(error).__qualname__)
    if isinstance(error, Exception):
        span.record_exception(error, timestamp=clock.held_ns())
        span.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))


def mark(span: trace.Span, value: str, reason: str | None) -> None:
    """Write an outcome on a span."""
    if value not in common.OUTCOME.values:
        raise ValueError(f"{common.OUTCOME}: {value!r} is not one of {', '.join(common.OUTCOME.values)}")
    span.set_attribute(common.OUTCOME.name, value)
    if reason is not None:
        span.set_attribute(common.OUTCOME_REASON.name, reason)
    if value == "failure":
        span.set_status(trace.Status(trace.StatusCode.ERROR, reason))
