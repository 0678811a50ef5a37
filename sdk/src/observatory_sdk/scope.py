"""Where the SDK's own telemetry goes: to the providers of `configure`, else to OpenTelemetry's global ones.

Without either, OpenTelemetry's proxies answer, and nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, get_logger

NAME = "observatory_sdk"


@dataclass(frozen=True, slots=True)
class Scope:
    """The tracer, logger and meters that facts use. `feed_meter` is exported each second."""

    tracer: trace.Tracer
    logger: Logger
    meter: metrics.Meter
    feed_meter: metrics.Meter


def _ambient() -> Scope:
    meter = metrics.get_meter(NAME)
    return Scope(trace.get_tracer(NAME), get_logger(NAME), meter, meter)


_AMBIENT = _ambient()
_current = _AMBIENT


def current() -> Scope:
    """The scope in use."""
    return _current


def deaf() -> bool:
    """Whether there is no provider of logs, neither ours nor the host's."""
    return _current is _AMBIENT and not _AMBIENT.logger.enabled()


def silent() -> bool:
    """Whether there is no provider of traces, neither ours nor the host's: then a call costs next to nothing."""
    return _current is _AMBIENT and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def use(scope: Scope | None) -> None:
    """Use this scope from now on; None goes back to the global providers."""
    global _current
    _current = _AMBIENT if scope is None else scope
