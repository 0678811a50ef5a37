"""The frame across processes: W3C `traceparent` and `baggage` headers, with the calling service among the baggage."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from observatory_sdk import frame
from observatory_sdk.guard import LOSSES, Guard

_GUARD = Guard("propagation")
_OURS = ("observatory.", "user.")


class FramePropagator(TextMapPropagator):
    """W3C baggage that also tells who is calling."""

    def __init__(self) -> None:
        self._baggage = W3CBaggagePropagator()

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        with _GUARD:
            context = _bounded(context)
            caller = frame.current(context).service
            if caller is not None:
                context = baggage.set_baggage(frame.BAGGAGE_CALLER, caller, context)
        self._baggage.inject(carrier, context, setter)

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        extracted = self._baggage.extract(carrier, context, getter)
        with _GUARD:
            # Only what the headers say is the sender's; what the context had before is our own.
            entries = baggage.get_all(self._baggage.extract(carrier, Context(), getter))
            return frame.received(entries, extracted) if entries else extracted
        return extracted

    @property
    def fields(self) -> set[str]:
        return self._baggage.fields


def _bounded(context: Context | None) -> Context | None:
    # As long as a receiver of ours reads it, and no longer: headers are sent with every request.
    for name, value in baggage.get_all(context).items():
        if len(text := str(value)) > frame.MAX_CARRIED and name.startswith(_OURS):
            LOSSES.tally("baggage cut")
            context = baggage.set_baggage(name, text[: frame.MAX_CARRIED], context)
    return context


PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), FramePropagator()])


def inject(headers: MutableMapping[str, str]) -> None:
    """Write trace, calling service, feature and user into the headers of an outgoing request or message."""
    with _GUARD:
        PROPAGATOR.inject(headers)


def extract(headers: Mapping[str, str]) -> frame.Within:
    """`with extract(headers): ...` works on behalf of their sender. Names of headers may be in any case.

    Trace, service, feature and user that were at work before are set aside inside, also when the headers name none.
    Headers from outside of the platform can claim any feature and user: take `baggage` off at the public edge.
    """

    def make() -> Context:
        return PROPAGATOR.extract({str(name).lower(): value for name, value in headers.items()})

    return frame.Within(make)
