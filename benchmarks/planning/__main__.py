"""Planning: what an insert of one span, one record or one point costs, with every view on.

Nothing of it is the rows: it is the fixed price of a commit, and the reason why bodies are grouped, why metrics wait
longer for company, and why each signal has a connection of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

from observatory import areas
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import Batch, FactView, Limits, Plan, Store, open_store, parse
from observatory.store.views import pipeline


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inserts", type=int, default=40, help="inserts of each signal")
    inserts = parser.parse_args().inserts
    parsed = [parse(area.facts, area.id) for area in areas.load()]
    facts = [view for _, views in parsed for view in views]
    with tempfile.TemporaryDirectory(prefix="observatory-planning-") as name:
        folder = Path(name)
        tables = [table for tables, _ in parsed for table in tables]
        store = open_store(Plan(f"chdb://{folder / 'store'}", folder, tables=tables, views=facts), Selfwatch())
        table = Table(title=f"an insert of one item, {inserts} of each signal")
        for heading in ("signal", "views", "p50 ms", "p90 ms"):
            table.add_column(heading)
        for signal in Signal:
            for _ in range(3):
                _insert(store, signal, folder)  # the first ones compile and fill caches
            spent_ms = sorted(_insert(store, signal, folder) for _ in range(inserts))
            views = len(_views(f"in_{signal}", facts))
            p90 = spent_ms[int(0.9 * len(spent_ms))]
            table.add_row(signal.value, str(views), f"{statistics.median(spent_ms):.0f}", f"{p90:.0f}")
        table.add_row("control: 1 MiB hashed 40 times", "", f"{_control():.0f}", "")
        store.close()
    Console(width=100).print(table)


def _control() -> float:
    """A fixed piece of work: milliseconds that this core takes for it right now."""
    began = time.perf_counter()
    for _ in range(40):
        hashlib.sha256(bytes(1 << 20)).digest()
    return (time.perf_counter() - began) * 1_000


def _insert(store: Store, signal: Signal, folder: Path) -> float:
    path = folder / f"{uuid.uuid4().hex}.pb"
    path.write_bytes(_body(signal))
    began = time.perf_counter()
    store.writers[signal].insert(Batch(signal, uuid.uuid4().hex, time.time_ns(), path))
    return (time.perf_counter() - began) * 1_000


def _body(signal: Signal) -> bytes:
    now_ns = time.time_ns()
    if signal is Signal.TRACES:
        traces = ExportTraceServiceRequest()
        traces.resource_spans.add().scope_spans.add().spans.add(
            name="one", kind=2, start_time_unix_nano=now_ns - 1_000_000, end_time_unix_nano=now_ns
        )
        return traces.SerializeToString()
    if signal is Signal.LOGS:
        logs = ExportLogsServiceRequest()
        logs.resource_logs.add().scope_logs.add().log_records.add(event_name="one", time_unix_nano=now_ns)
        return logs.SerializeToString()
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="one")
    metric.gauge.data_points.add(time_unix_nano=now_ns, as_double=1.0)
    return metrics.SerializeToString()


def _views(source: str, facts: list[FactView]) -> set[str]:
    _, views = pipeline(Limits(), facts)
    found: set[str] = set()
    for view in views:
        if view.source == source:
            found |= {view.name} | _views(view.target, facts)
    return found


if __name__ == "__main__":
    main()
