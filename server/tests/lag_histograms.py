"""Points of `market_data.lag`, as an exporter sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from observatory.areas import select

Point = tuple[Mapping[str, str], float, Sequence[int]]


def histograms(
    sender: Any, bounds: Sequence[float], points: Sequence[Point], started: float, sums: Sequence[float] = ()
) -> bytes:
    """A request. Each point: attributes, seconds before the time to look, counts since `started` seconds ago."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    named = {"service.instance.id": "one", "deployment.environment.name": sender.environment}
    group.resource.attributes.extend(_attributes(named))
    metric = group.scope_metrics.add().metrics.add(name="market_data.lag", unit="s")
    metric.histogram.aggregation_temporality = 2
    for place, (values, ago, counts) in enumerate(points):
        point = metric.histogram.data_points.add(count=sum(counts), sum=sums[place] if sums else 0.0)
        point.time_unix_nano = select.nanoseconds(sender.at - timedelta(seconds=ago))
        point.start_time_unix_nano = select.nanoseconds(sender.at - timedelta(seconds=started))
        point.attributes.extend(_attributes(values))
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
    return request.SerializeToString()


def _attributes(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]
