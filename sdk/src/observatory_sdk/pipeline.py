"""`configure`: from facts and spans to an OTLP endpoint, with bounded queues and short intervals."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock, Thread
from uuid import uuid4

from opentelemetry import metrics, propagate, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from observatory_sdk import arguments, budgets, clock, recorder, scope
from observatory_sdk.conventions import common
from observatory_sdk.endpoints import EXPORT_TIMEOUT_S, Exporters, delivered, headers_of, otlp, outlets
from observatory_sdk.errors import ConfigurationError, DeliveryError
from observatory_sdk.facts.readings import BOARD
from observatory_sdk.guard import LOSSES, Guard
from observatory_sdk.heartbeat import HEARTBEATS
from observatory_sdk.held import Held
from observatory_sdk.propagation import PROPAGATOR
from observatory_sdk.queues import CountedLogs, CountedSpans, once_a_minute
from observatory_sdk.sampling import ConsistentSampler, SampledSpans
from observatory_sdk.scope import Scope
from observatory_sdk.stamping import StampLogs, StampSpans
from observatory_sdk.usage import CpuSampler, observe

BATCH_DELAY_MS = 400
METRICS_EVERY_MS = 5_000
FEED_EVERY_MS = 1_000
QUEUE_LENGTH = 20_000
BATCH_LENGTH = 2_000
EXIT_TIMEOUT_S = 3.0
STOP_TIMEOUT_S = 0.5
FOREVER_S = 3_600.0

_GUARD = Guard("pipeline")
_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class Providers:
    """The host's own OpenTelemetry providers, with its own intervals. Redaction is then the host's own as well."""

    tracer: TracerProvider
    logger: LoggerProvider
    meter: MeterProvider
    feed_meter: MeterProvider | None = None


class Telemetry:
    """What `configure` gives back: the way to flush and to end. Without an endpoint it does nothing."""

    def __init__(
        self, providers: Providers | None, exporters: Exporters | None = None, held: Held | None = None
    ) -> None:
        self._providers = providers
        self._exporters = exporters
        self._held = held
        self._cpu = CpuSampler()
        self._services: list[str] = []

    @property
    def providers(self) -> Providers | None:
        """What to hand to instrumentations that do not use the global providers."""
        return self._providers

    @property
    def enabled(self) -> bool:
        """Whether anything is sent."""
        return self._providers is not None

    def _watch(self) -> None:
        with _GUARD:
            # Under a held clock they would tell of another machine at another time.
            if self._providers is not None and not clock.is_held():
                observe(self._providers.meter.get_meter(scope.NAME))
                self._cpu.start()

    def collect(self) -> None:
        """Read every metric now. Under a held clock nothing else does; otherwise they are sent at once as well.

        Raises `DeliveryError` under a held clock when something could not be sent, now or before.
        """
        if self._held is not None:
            self._held.collect()
        elif self._providers is not None:
            _within(EXPORT_TIMEOUT_S, *(found.force_flush for found in self._all() if isinstance(found, MeterProvider)))

    def sent(self) -> dict[str, int]:
        """Under a held clock, how many `spans`, `log_records` and `metric_points` have gone out; otherwise nothing."""
        return {} if self._held is None else self._held.sent()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Send all that waits. False when it did not succeed in time; it goes on in the background then.

        Under a held clock it reads no metrics first, and raises `DeliveryError` when something could not be sent.
        """
        if self._held is not None:
            return self._held.flush(timeout_s)
        return _within(timeout_s, *(provider.force_flush for provider in self._all()))

    def shutdown(self, timeout_s: float = EXIT_TIMEOUT_S) -> bool:
        """Send all that waits, for at most `timeout_s`, and stop. What was not sent is counted and lost."""
        global _live
        with _LOCK:
            if _live is not self:
                return True
            _live = None
        self._cpu.stop()
        # Under a held clock a flush waits for the server before it looks at the time.
        sent = self.flush(timeout_s) if self._held is None else _within(timeout_s, self._flushed_held)
        scope.use(None)
        HEARTBEATS.unregister(self._services)
        _tell_time_by(None)
        atexit.unregister(self.shutdown)
        if self._exporters is not None:
            _within(STOP_TIMEOUT_S, self._stop)
        return sent

    def _flushed_held(self) -> bool:
        try:
            return self.flush(FOREVER_S)
        except DeliveryError:
            return False

    def _all(self) -> Iterable[TracerProvider | LoggerProvider | MeterProvider]:
        found = self._providers
        if found is None:
            return ()
        feed = () if found.feed_meter is None else (found.feed_meter,)
        return (found.tracer, found.logger, found.meter, *feed)

    def _stop(self) -> bool:
        # The exporters first: a server that is down must not hold up the host's exit while batches are retried.
        found = self._exporters
        if found is not None:
            for exporter in (found.spans, found.logs, found.metrics, found.feed_metrics):
                with _GUARD:
                    exporter.shutdown()
        for provider in self._all():
            with _GUARD:
                provider.shutdown()
        return True


_live: Telemetry | None = None


def configure(
    *,
    service_name: str,
    endpoint: str | None = None,
    token: str | None = None,
    environment: str = "production",
    version: str | None = None,
    namespace: str = "cryptouniverse",
    instance_id: str | None = None,
    services: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    exporters: Exporters | None = None,
    providers: Providers | None = None,
    set_globals: bool = True,
    now_ns: Callable[[], int] | None = None,
    sample_ratio: float = 1.0,
) -> Telemetry:
    """Start to report. Call it once, early, in each process.

    `endpoint`: base address of an OTLP/HTTP receiver, as in `http://127.0.0.1:4318`. Without endpoint, exporters and
    providers nothing is set up, and every call of the SDK does nothing. `services`: ids to heartbeat from now on.
    `token` goes into the `Authorization` header. With `set_globals` other instrumentations use the same pipeline.

    `now_ns`: a clock to hold instead of the machine's, in nanoseconds since 1970 UTC, for telemetry of the past. Every
    span, event, log record and metric point of ours carries its time; spans of other instrumentations do not. Nothing
    is sent by itself in the background: spans and log records when enough of them wait, metrics at `collect()`. Nothing
    is dropped either: the caller waits for the server, and is told by `collect` and `flush` when it will not take more.

    `sample_ratio`: the share of spans to keep, from 0.0001 to 1. Facts, failures and the slowest calls of an operation
    are kept in any case; what is dropped is counted in `losses()`, and the server counts the kept ones for the others.

    Raises `ConfigurationError` for an argument that cannot work, and when the SDK is configured already. Without a
    held clock a server that is down raises nothing, now or later.
    """
    global _live
    names = _checked(service_name, endpoint, token, environment, headers, services, exporters, providers)
    arguments.check_clock(now_ns)
    ratio = _checked_ratio(sample_ratio, providers)
    with _LOCK:
        if _live is not None:
            raise ConfigurationError("the SDK is configured already: call shutdown() on the Telemetry first")
        resource = _resource(service_name, namespace, version, instance_id, environment)
        if providers is None and exporters is None and endpoint is not None:
            make = otlp if now_ns is None else delivered
            exporters = make(endpoint, headers_of(token, headers))
        telemetry = _built(resource, exporters, providers, now_ns, ratio)
        if telemetry.providers is not None:
            _start(telemetry.providers, set_globals, ratio if providers is None else None)
            telemetry._watch()
            atexit.register(telemetry.shutdown)
            _live = telemetry
    telemetry._services = HEARTBEATS.register(names)
    return telemetry


def _checked(
    service_name: str,
    endpoint: str | None,
    token: str | None,
    environment: str,
    headers: Mapping[str, str] | None,
    services: Iterable[str],
    exporters: Exporters | None,
    providers: Providers | None,
) -> tuple[str, ...]:
    for name, value in (("service_name", service_name), ("environment", environment)):
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{name} is {value!r}: it takes a text that is not empty")
    names = arguments.service_ids(services)
    if sum(given is not None for given in (endpoint, exporters, providers)) > 1:
        raise ConfigurationError("endpoint, exporters and providers exclude each other: give one of them")
    if not isinstance(exporters, Exporters | None) or not isinstance(providers, Providers | None):
        raise ConfigurationError("exporters takes an Exporters, providers takes a Providers")
    arguments.check_endpoint(endpoint)
    arguments.check_headers(token, headers)
    return names


def _checked_ratio(ratio: object, providers: Providers | None) -> float:
    found = arguments.check_ratio(ratio)
    if providers is not None and found != 1:
        raise ConfigurationError("sample_ratio and providers exclude each other: the host's own provider samples")
    return found


def _resource(
    service_name: str, namespace: str, version: str | None, instance_id: str | None, environment: str
) -> Resource:
    attributes = {
        common.SERVICE_NAME.name: service_name,
        common.SERVICE_NAMESPACE.name: namespace,
        common.SERVICE_INSTANCE_ID.name: instance_id or str(uuid4()),
        common.ENVIRONMENT.name: environment,
        common.REDACTED.name: common.RULES,
    }
    if version is not None:
        attributes[common.SERVICE_VERSION.name] = version
    return Resource.create(attributes)


def _built(
    resource: Resource,
    exporters: Exporters | None,
    providers: Providers | None,
    now_ns: Callable[[], int] | None,
    ratio: float,
) -> Telemetry:
    if providers is None and exporters is None:
        return Telemetry(None)
    _tell_time_by(now_ns)
    if exporters is None:
        return Telemetry(providers)
    sent = outlets(exporters)
    if now_ns is None:
        return Telemetry(_providers(resource, ratio, *_batches(sent)), sent)
    held = Held.over(sent.spans, sent.logs, sent.metrics, sent.feed_metrics)
    return Telemetry(_providers(resource, ratio, held.spans, held.logs, *held.readers), sent, held)


def _batches(sent: Exporters) -> tuple[SpanProcessor, LogRecordProcessor, MetricReader, MetricReader]:
    timeout_ms = EXPORT_TIMEOUT_S * 1_000
    return (
        CountedSpans(sent.spans, QUEUE_LENGTH, BATCH_DELAY_MS, BATCH_LENGTH, timeout_ms),
        CountedLogs(sent.logs, BATCH_DELAY_MS, BATCH_LENGTH, timeout_ms, QUEUE_LENGTH),
        PeriodicExportingMetricReader(sent.metrics, METRICS_EVERY_MS, timeout_ms),
        PeriodicExportingMetricReader(sent.feed_metrics, FEED_EVERY_MS, timeout_ms),
    )


def _providers(
    resource: Resource,
    ratio: float,
    spans: SpanProcessor,
    logs: LogRecordProcessor,
    metrics: MetricReader,
    feeds: MetricReader,
) -> Providers:
    tracer = TracerProvider(
        ConsistentSampler(ratio), resource, shutdown_on_exit=False, span_limits=budgets.span_limits()
    )
    tracer.add_span_processor(spans if ratio == 1 else SampledSpans(spans))
    logger = LoggerProvider(resource, shutdown_on_exit=False, log_record_limits=budgets.log_limits())
    logger.add_log_record_processor(StampLogs())
    logger.add_log_record_processor(logs)
    # Two providers, not two readers of one: each reader would send every metric, the feeds' each 1 s and again each 5.
    meters = [_meter_provider(resource, reader) for reader in (metrics, feeds)]
    return Providers(tracer, logger, *meters)


def _meter_provider(resource: Resource, reader: MetricReader) -> MeterProvider:
    # An exemplar carries the machine's time.
    exemplars = AlwaysOffExemplarFilter() if clock.is_held() else None
    return MeterProvider([reader], resource, exemplars, shutdown_on_exit=False)


def _tell_time_by(now_ns: Callable[[], int] | None) -> None:
    if now_ns is not None or clock.is_held():
        clock.hold(now_ns)
        HEARTBEATS.restart()
        BOARD.age()


def _start(providers: Providers, set_globals: bool, ratio: float | None) -> None:
    """`ratio`: the share of spans to keep; None for the host's own providers, whose limits we do not know."""
    providers.tracer.add_span_processor(StampSpans())
    meter = providers.meter.get_meter(scope.NAME)
    feed_meter = (providers.feed_meter or providers.meter).get_meter(scope.NAME)
    tracer = providers.tracer.get_tracer(scope.NAME)
    if ratio is not None:
        tracer = recorder.over(providers.tracer, scope.NAME, budgets.span_limits(), whole=ratio == 1)
    found = Scope(tracer, providers.logger.get_logger(scope.NAME), meter, feed_meter)
    scope.use(found)
    BOARD.attach(found)
    HEARTBEATS.forget()
    beat, lost = common.HEARTBEAT, common.SDK_LOSSES
    meter.create_observable_gauge(beat.name, [HEARTBEATS.observe], beat.unit, beat.sentence)
    meter.create_observable_counter(lost.name, [_losses], lost.unit, lost.sentence)
    once_a_minute()
    if set_globals:
        trace.set_tracer_provider(providers.tracer)
        metrics.set_meter_provider(providers.meter)
        set_logger_provider(providers.logger)
        propagate.set_global_textmap(PROPAGATOR)


def _losses(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(count, {common.SDK_REASON.name: reason}) for reason, count in LOSSES.counts().items()]


def _within(timeout_s: float, *steps: Callable[[], bool]) -> bool:
    """Whether all steps came back true in time; they run beside each other, and are left alone when late."""
    answers: list[bool] = []

    def run(step: Callable[[], bool]) -> None:
        with _GUARD:
            answers.append(step() is not False)

    threads = [Thread(target=run, args=(step,), name="observatory-flush", daemon=True) for step in steps]
    for thread in threads:
        with _GUARD:  # at the very end of a process no thread may be started any more
            thread.start()
    deadline = time.monotonic() + timeout_s
    for thread in filter(Thread.is_alive, threads):
        thread.join(max(0.0, deadline - time.monotonic()))
    return len(answers) == len(steps) and all(answers)
