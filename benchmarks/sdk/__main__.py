"""SDK: microseconds of the caller's CPU time that a call costs, above nothing and above bare OpenTelemetry.

Bars: a recorded call at most 10 us above bare OpenTelemetry, one that is not recorded at most 2 us above nothing; last
of all, a recorded call at most 13 us above nothing.

Bare OpenTelemetry records the same spans with the same attributes, through the same kind of batch processor and
exporter, into the same receiver, which drops them. In each run all ways take their turn, so that what is subtracted
was measured next to it. What waits is sent between the turns and not counted: another thread does it, in batches.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from sdk import forms, receiver

import observatory_sdk as obs
from observatory_sdk.attach.attachment import Attachment
from observatory_sdk.attach.bindings import load
from observatory_sdk.pipeline import BATCH_DELAY_MS, BATCH_LENGTH, QUEUE_LENGTH

_SYMBOL = "BTC/USDT"


@dataclass(frozen=True, slots=True)
class Case:
    """One form, sync or async; each list has the µs per call of each run."""

    name: str
    spans: forms.Spans
    ways: tuple[forms.Function, forms.Function, forms.Function]
    later: bool
    nothing: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def run(self, calls: int, between: Callable[[], object]) -> None:
        """One turn of each way."""
        measure = _async_us if self.later else _sync_us
        turns = list(zip(self.ways, (self.nothing, self.bare, self.ours), strict=True))
        random.shuffle(turns)
        for function, spent in turns:
            spent.append(measure(function, calls))
            between()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--calls", type=int, default=2_000, help="calls in a row, of each way in each run")
    options = parser.parse_args()
    with receiver.running() as endpoint:
        Attachment(load(str(Path(__file__).with_name("bindings.yaml")))).start()
        spans = _spans_of_a_call(endpoint)
        idle, _ = _measured(_cases(spans, trace.get_tracer("bare")), options, lambda: None)
        bare, telemetry = _bare(endpoint), obs.configure(service_name="bench", endpoint=endpoint, set_globals=False)
        cases = _cases(spans, bare.get_tracer("bare"))
        busy, controls_ms = _measured(cases, options, lambda: (telemetry.flush(), bare.force_flush()))
        lost = obs.losses()
        telemetry.shutdown()
        bare.shutdown()
    _print(idle, busy, options)
    print(f"control, 20 MiB hashed: {_told(controls_ms)} ms; lost inside the SDK: {lost or 'nothing'}")


def _spans_of_a_call(endpoint: str) -> dict[str, forms.Spans]:
    """The spans that a call of each form makes, outermost first."""
    kept = InMemorySpanExporter()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    metrics, feeds = (OTLPMetricExporter(f"{endpoint}/v1/metrics") for _ in range(2))
    exporters = obs.Exporters(kept, logs, metrics, feeds)
    telemetry = obs.configure(service_name="bench", exporters=exporters, set_globals=False)
    found: dict[str, forms.Spans] = {}
    for form in forms.forms():
        form.sync(_SYMBOL)
        telemetry.flush()
        spans = sorted(kept.get_finished_spans(), key=lambda span: span.start_time or 0)
        found[form.name] = [(span.name, dict(span.attributes or {})) for span in spans]
        kept.clear()
    telemetry.shutdown()
    return found


def _bare(endpoint: str) -> TracerProvider:
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", compression=Compression.Gzip)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, QUEUE_LENGTH, BATCH_DELAY_MS, BATCH_LENGTH))
    return provider


def _cases(spans: dict[str, forms.Spans], tracer: trace.Tracer) -> list[Case]:
    made = []
    for form in forms.forms():
        nothing, bare = forms.NOTHING, forms.bare(tracer, spans[form.name])
        for later, ours in enumerate((form.sync, form.later)):
            made.append(Case(form.name, spans[form.name], (nothing[later], bare[later], ours), bool(later)))
    return made


def _measured(
    cases: list[Case], options: argparse.Namespace, between: Callable[[], object]
) -> tuple[list[Case], list[float]]:
    controls_ms = []
    for case in cases:  # the first calls fill caches
        case.run(options.calls // 10, between)
        for spent in (case.nothing, case.bare, case.ours):
            spent.clear()
    for _ in range(options.runs):
        for case in random.sample(cases, len(cases)):
            case.run(options.calls, between)
        controls_ms.append(_control_ms())
    return cases, controls_ms


def _sync_us(function: forms.Function, calls: int) -> float:
    began_ns = time.thread_time_ns()
    for _ in range(calls):
        function(_SYMBOL)
    return (time.thread_time_ns() - began_ns) / calls / 1_000


def _async_us(function: forms.Function, calls: int) -> float:
    async def run() -> float:
        began_ns = time.thread_time_ns()
        for _ in range(calls):
            await function(_SYMBOL)
        return (time.thread_time_ns() - began_ns) / calls / 1_000

    return asyncio.run(run())


def _control_ms() -> float:
    """A fixed piece of work: CPU milliseconds that this core takes for it right now."""
    began_ns = time.thread_time_ns()
    for _ in range(20):
        hashlib.sha256(bytes(1 << 20)).digest()
    return (time.thread_time_ns() - began_ns) / 1e6


def _print(idle: list[Case], busy: list[Case], options: argparse.Namespace) -> None:
    how = f"µs of CPU per call, median (least to most) of {options.runs} runs of {options.calls:,} calls"
    recorded = Table(title=f"recorded: {how}")
    for heading in ("call", "", "spans, attributes", "bare OTel", "ours", "above nothing", "above bare OTel"):
        recorded.add_column(heading)
    for case in busy:
        size = f"{len(case.spans)}, {sum(len(attributes) for _, attributes in case.spans)}"
        above = (_above(case.ours, case.nothing), _above(case.ours, case.bare))
        recorded.add_row(case.name, _place(case), size, _told(case.bare), _told(case.ours), *above)
    silent = Table(title=f"not recorded, nothing configured: {how}")
    for heading in ("call", "", "nothing", "bare OTel above nothing", "ours above nothing"):
        silent.add_column(heading)
    for case in idle:
        above = (_above(case.bare, case.nothing), _above(case.ours, case.nothing))
        silent.add_row(case.name, _place(case), _told(case.nothing), *above)
    console = Console(width=150)
    console.print(recorded)
    console.print(silent)


def _place(case: Case) -> str:
    return "async" if case.later else "sync"


def _above(one: Sequence[float], other: Sequence[float]) -> str:
    return _told([mine - its for mine, its in zip(one, other, strict=True)])


def _told(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
