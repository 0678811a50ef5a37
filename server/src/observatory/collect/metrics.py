"""What one attempt saw, as one request of OTLP metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

Attributes = Mapping[str, str | int]
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_INT64 = 1 << 63
_NONE: Attributes = {}


class Metrics:
    """Points by metric, all of one time.

    Args:
        at_ns: when the attempt began.
    """

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.points = 0
        self._metrics: dict[tuple[str, str], Metric] = {}

    def gauge(self, name: str, value: float, unit: str = "1", attributes: Attributes = _NONE) -> None:
        """A value of now."""
        self._number(self._metric(name, unit, "gauge").gauge, value, attributes, 0)

    def counter(self, name: str, value: float, unit: str, started_ns: int, attributes: Attributes = _NONE) -> None:
        """A sum that only grows since `started_ns`; 0 when nobody knows since when."""
        metric = self._metric(name, unit, "sum")
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, _CUMULATIVE
        self._number(metric.sum, value, attributes, started_ns)

    def level(self, name: str, value: float, unit: str, attributes: Attributes = _NONE) -> None:
        """A sum that grows and falls, such as connections that are open."""
        metric = self._metric(name, unit, "level")
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = False, _CUMULATIVE
        self._number(metric.sum, value, attributes, 0)

    def histogram(
        self,
        name: str,
        buckets: Sequence[tuple[float, int]],
        total: float | None,
        unit: str,
        started_ns: int,
        attributes: Attributes,
    ) -> None:
        """A distribution.

        Args:
            buckets: upper bound and count of each bucket, by bound; the last bound is infinite.
            total: sum of the values, where it is told.
        """
        metric = self._metric(name, unit, "histogram")
        metric.histogram.aggregation_temporality = _CUMULATIVE
        point = metric.histogram.data_points.add(time_unix_nano=self.at_ns, start_time_unix_nano=started_ns)
        point.explicit_bounds.extend(bound for bound, _ in buckets[:-1])
        point.bucket_counts.extend(count for _, count in buckets)
        point.count = sum(count for _, count in buckets)
        if total is not None:
            point.sum = total
        self._attribute(point, attributes)

    def summary(
        self,
        name: str,
        quantiles: Sequence[tuple[float, float]],
        count: int,
        total: float,
        unit: str,
        started_ns: int,
        attributes: Attributes,
    ) -> None:
        """Quantiles that somebody else worked out."""
        metric = self._metric(name, unit, "summary")
        point = metric.summary.data_points.add(time_unix_nano=self.at_ns, start_time_unix_nano=started_ns)
        point.count, point.sum = count, total
        for quantile, value in quantiles:
            point.quantile_values.add(quantile=quantile, value=value)
        self._attribute(point, attributes)

    def absorb(self, other: Metrics) -> None:
        """Take over the metrics of `other`, which has none of ours."""
        self._metrics |= other._metrics
        self.points += other.points

    def request(self, resource: Attributes) -> bytes:
        """All of it as one request."""
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.extend(_key_values(resource))
        group.scope_metrics.add().metrics.extend(self._metrics.values())
        return request.SerializeToString()

    def _metric(self, name: str, unit: str, shape: str) -> Metric:
        if (name, shape) not in self._metrics:
            self._metrics[name, shape] = Metric(name=name, unit=unit)
        return self._metrics[name, shape]

    def _number(self, holder: Any, value: float, attributes: Attributes, started_ns: int) -> None:
        point = holder.data_points.add(time_unix_nano=self.at_ns, start_time_unix_nano=started_ns)
        if isinstance(value, int) and -_INT64 <= value < _INT64:
            point.as_int = value
        else:
            point.as_double = value
        self._attribute(point, attributes)

    def _attribute(self, point: Any, attributes: Attributes) -> None:
        point.attributes.extend(_key_values(attributes))
        self.points += 1


def _key_values(values: Attributes) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]
