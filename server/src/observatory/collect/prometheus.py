"""Any exporter of Prometheus: its text, or OpenMetrics, as OTLP."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Final, Literal

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample
from pydantic import Field

from observatory.clock import NS_PER_S
from observatory.collect import web
from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason, Unread
from observatory.collect.secret import Secret
from observatory.collect.target import Target, Text, Tls, Tools

_ACCEPT: Final = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
_MOST_LINE: Final = 16 << 10
_UNITS: Final = {"seconds": "s", "bytes": "By", "ratio": "1", "celsius": "Cel", "volts": "V", "meters": "m"}
_SUFFIXES: Final = ("_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info")


class PrometheusTarget(web.Address, Target):
    """One exporter, scraped."""

    KIND: ClassVar[str] = "prometheus"
    SENTENCE: ClassVar[str] = "An exporter of Prometheus text or OpenMetrics."

    kind: Literal["prometheus"]
    bearer_token: Secret | None = Field(None, description="Sent as `Authorization: Bearer`.")
    username: Text | None = Field(None, description="For basic authentication.")
    password: Secret | None = Field(None, description="For basic authentication.")
    tls: Tls | None = Field(None, description="Whom to trust, when it is not the system's certificates.")
    body_bytes: int = Field(8 << 20, ge=1_024, le=64 << 20, description="Largest answer.")
    series: int = Field(5_000, ge=1, le=50_000, description="Most samples in an answer; more is an error, not a cut.")

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Scrape once. An answer that is malformed anywhere is not taken at all.

        Raises:
            Unread: if it cannot be reached, refuses, answers too much, too late, or something else.
        """
        answer = await web.fetch(self.url, self._headers(), self.tls, self.body_bytes, self._basic())
        if answer.status in (401, 403):
            raise Unread(Reason.DENIED, f"answered {answer.status}")
        if answer.status != 200:
            raise Unread(Reason.MALFORMED, f"answered {answer.status} instead of 200")
        # A thread cannot be ended from outside, so it looks at the clock itself.
        into.absorb(await tools.aside(convert, answer, self.series, into.at_ns, tools, self._is_late(tools)))
        tools.starts.forget_before(into.at_ns)

    def _is_late(self, tools: Tools) -> Callable[[], bool]:
        until_s = tools.clock.monotonic() + self.patience_s
        return lambda: tools.clock.monotonic() > until_s

    def _headers(self) -> dict[str, str]:
        headers = {"accept": _ACCEPT, "x-prometheus-scrape-timeout-seconds": f"{self.patience_s:g}"}
        if self.bearer_token:
            headers["authorization"] = f"Bearer {self.bearer_token.read()}"
        return headers

    def _basic(self) -> tuple[str, str] | None:
        if self.username is None:
            return None
        return self.username, self.password.read() if self.password else ""


def convert(answer: web.Answer, most: int, at_ns: int, tools: Tools, late: Callable[[], bool]) -> Metrics:
    """The points of a text, all of them or none.

    Raises:
        Unread: if it is malformed, or has too many samples or too long a line, or `late` says so.
    """
    made = Metrics(at_ns)
    try:
        for family in _families(answer.media_type, _text(answer.body, most)):
            if late():
                raise Unread(Reason.TIMEOUT, "reading the answer took too long")
            _Family(family, made, tools).write()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        # Whatever its parser trips over is not Prometheus's text.
        raise Unread(Reason.MALFORMED, f"malformed: {str(error)[:120]}") from None
    return made


def _text(body: bytes, most: int) -> str:
    text = body.decode()
    lines = text.split("\n")
    if sum(1 for line in lines if line and line[0] != "#") > most:
        raise Unread(Reason.TOO_MUCH, f"the answer has more than {most} samples")
    if max(map(len, lines)) > _MOST_LINE:
        raise Unread(Reason.TOO_MUCH, f"a line is longer than {_MOST_LINE} characters")
    return text


def _families(media_type: str, text: str) -> Iterator[Metric]:
    if media_type == "application/openmetrics-text":
        # The package has no types for this parser.
        yield from parse_openmetrics(text)  # type: ignore[no-untyped-call]
    else:
        yield from parse_text(text)


class _Family:
    """One family on its way into OTLP."""

    def __init__(self, family: Metric, into: Metrics, tools: Tools) -> None:
        self._family = family
        self._into = into
        self._starts = tools.starts
        self._unit = _unit(family)

    def write(self) -> None:
        """All its samples as points."""
        match self._family.type:
            case "counter":
                self._counters()
            case "histogram":
                self._histograms()
            case "summary":
                self._summaries()
            case _:
                self._gauges()

    def _gauges(self) -> None:
        for sample in self._family.samples:
            if math.isfinite(sample.value):
                self._into.gauge(sample.name, sample.value, self._unit, sample.labels)

    def _counters(self) -> None:
        created = {_key(each): each.value for each in self._family.samples if each.name.endswith("_created")}
        for sample in self._family.samples:
            if not sample.name.endswith("_created") and math.isfinite(sample.value):
                started_ns = self._started_ns(sample.name, _key(sample), sample.value, created)
                self._into.counter(sample.name, sample.value, self._unit, started_ns, sample.labels)

    def _histograms(self) -> None:
        for key, parts in self._grouped("le"):
            bounds = sorted((float(sample.labels["le"]), sample.value) for sample in parts.get("_bucket", ()))
            if not bounds or not math.isinf(bounds[-1][0]):
                raise Unread(Reason.MALFORMED, f"{self._family.name} has no bucket +Inf")
            cumulative = [0.0, *(value for _, value in bounds)]
            counts = [int(high - low) for low, high in itertools.pairwise(cumulative)]
            if min(counts) < 0:
                raise Unread(Reason.MALFORMED, f"the buckets of {self._family.name} fall")
            buckets = [(bound, count) for (bound, _), count in zip(bounds, counts, strict=True)]
            started_ns = self._started_ns(self._family.name, key, bounds[-1][1], _one(parts, key))
            total = _value(parts, "_sum")
            self._into.histogram(self._family.name, buckets, total, self._unit, started_ns, dict(key))

    def _summaries(self) -> None:
        for key, parts in self._grouped("quantile"):
            count, total = _value(parts, "_count"), _value(parts, "_sum")
            if count is None or total is None:
                continue
            quantiles = [
                (float(sample.labels["quantile"]), sample.value)
                for sample in parts.get("", ())
                if "quantile" in sample.labels and math.isfinite(sample.value)
            ]
            started_ns = self._started_ns(self._family.name, key, count, _one(parts, key))
            self._into.summary(self._family.name, quantiles, int(count), total, self._unit, started_ns, dict(key))

    def _grouped(self, apart: str) -> Iterable[tuple[tuple[tuple[str, str], ...], dict[str, list[Sample]]]]:
        """Samples by their labels without `apart`, then by what follows the family's name."""
        groups: dict[tuple[tuple[str, str], ...], dict[str, list[Sample]]] = {}
        for sample in self._family.samples:
            suffix = sample.name.removeprefix(self._family.name)
            groups.setdefault(_key(sample, apart), {}).setdefault(suffix, []).append(sample)
        return groups.items()

    def _started_ns(self, name: str, key: object, value: float, created: dict[Any, float]) -> int:
        fallen_ns = self._starts.fallen((name, key), value, self._into.at_ns)
        told_s = created.get(key)
        return int(told_s * NS_PER_S) if told_s is not None and 0 < told_s < 1e10 else fallen_ns


def _key(sample: Sample, apart: str = "") -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in sample.labels.items() if name != apart))


def _value(parts: dict[str, list[Sample]], suffix: str) -> float | None:
    found = parts.get(suffix)
    return found[0].value if found and math.isfinite(found[0].value) else None


def _one(parts: dict[str, list[Sample]], key: object) -> dict[Any, float]:
    created = _value(parts, "_created")
    return {} if created is None else {key: created}


def _unit(family: Metric) -> str:
    told = family.unit
    if not told:
        stem = family.name
        for suffix in _SUFFIXES:
            stem = stem.removesuffix(suffix)
        told = stem.rpartition("_")[2]
        return _UNITS.get(told, "1")
    return _UNITS.get(told, told)
