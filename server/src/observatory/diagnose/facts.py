"""What was found, as evidence: a sentence with its numbers, where they come from, and where more is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from observatory.diagnose import suspects
from observatory.diagnose.deviation import Deviation
from observatory.diagnose.diagnosis import Change, Contrast, Hop
from observatory.diagnose.frame import Frame
from observatory.model.evidence import Evidence

_BASE = "/api/v1/monitoring"
_PLAIN = re.compile(r"[^A-Za-z0-9_.:/-]+")


@dataclass(frozen=True, slots=True)
class Told:
    """Makes evidence of one diagnosis.

    Attributes:
        frame: what was looked at.
        environment: where.
    """

    frame: Frame
    environment: str

    @property
    def since(self) -> datetime:
        """Start of the window."""
        return _time(self.frame.window[0])

    @property
    def until(self) -> datetime:
        """Its end."""
        return _time(self.frame.window[1])

    def deviation(self, found: Deviation) -> Evidence:
        """A measure that left what was usual."""
        series = found.series
        way = "rose" if found.up else "fell"
        plain = " ".join(part for part in series.member.split("|") if part)
        name = "its" if series.kind == "subject" else f"{series.kind.replace('_', ' ')} {plain}:"
        usual, level = (number(each, series.measure.unit) for each in (found.usual, found.level))
        return Evidence(
            slug("series", series.source, series.kind, series.member, series.measure.name),
            f"{name} {series.measure.name} {way} from {usual} to {level}",
            found.level,
            found.usual,
            series.measure.unit,
            found.samples,
            self.frame.at(found.place),
            self.until,
            series.source,
            self.services(series.services[:1]),
        )

    def ranked(self, found: suspects.Suspect) -> list[Evidence]:
        """What the ranking over the service graph says of a service."""
        return [
            Evidence(
                slug(each.id),
                each.sentence,
                each.value,
                each.usual,
                _unit(each.id),
                each.samples,
                each.since,
                each.until,
                "rollup_calls",
                self.services((found.service,)),
            )
            for each in found.evidence
        ]

    def hop(self, hop: Hop, traces: tuple[int, int]) -> Evidence:
        """A place on the critical path."""
        slower = (hop.added_ratio or 0.0) >= (hop.failed_ratio or 0.0)
        share = (
            f"{hop.added_ratio or 0.0:.0%} of the added time" if slower else f"{hop.failed_ratio:.0%} of the failures"
        )
        numbers = (hop.now_ms, hop.usual_ms, "ms") if slower else (hop.now_failed, hop.usual_failed, "ratio")
        return Evidence(
            slug("path", hop.service, hop.operation),
            f"{hop.service} {hop.operation} has {share} over {sum(traces)} traces:"
            f" {numbers[1]:.4g} {numbers[2]} before, {numbers[0]:.4g} now",
            *numbers,
            hop.traces,
            self.since,
            self.until,
            "otel_traces",
            self.traces(service=hop.service, operation=hop.operation),
        )

    def contrast(self, found: Contrast) -> Evidence:
        """A value of an attribute that stands out."""
        unit = "ms" if found.measure == "duration_ms" else "ratio"
        told = {
            "slow_or_failed": f"{found.now:.0%} of traces with it are slow or failed, {found.usual:.0%} of others",
            "share": f"{found.now:.0%} of the traces have it, {found.usual:.0%} did before",
            "duration_ms": f"its spans took {found.now:.4g} ms, {found.usual:.4g} ms before",
        }[found.measure]
        link = self.traces(service=found.services[0]) if found.services else ""
        sentence = f"{found.attribute.replace('_', ' ')} {found.value}: {told}"
        where = slug("contrast", found.attribute, found.value, found.measure)
        return Evidence(
            where, sentence, found.now, found.usual, unit, found.samples, self.since, self.until, "otel_traces", link
        )

    def change(self, found: Change) -> Evidence:
        """Something that was changed."""
        source = {"strategy": "fact_strategy_events", "model": "fact_ai_calls"}.get(found.kind, "fact_safety")
        when = f"{_length(abs(found.before_onset_s))} {'before' if found.before_onset_s > 0 else 'after'} the onset"
        # The onset is known to a step.
        near = -self.frame.step_s <= found.before_onset_s <= 0
        sentence = f"{found.sentence}, {'within the step of the onset' if near else when}"
        at = found.at
        link = self.services((found.service,)) if found.service else ""
        return Evidence(
            slug("change", found.kind, found.subject, at.strftime("%Y%m%dT%H%M%S")),
            *(sentence, None, None, "", found.times, at, at, source, link),
        )

    def services(self, names: Sequence[str]) -> str:
        """Where a service is told of."""
        return next(
            (
                f"{_BASE}/services/{quote(name, safe='')}?environment={quote(self.environment)}"
                for name in names
                if name
            ),
            "",
        )

    def traces(self, **wanted: str) -> str:
        """Where traces are searched."""
        times = {"from": _text(self.since), "to": _text(self.until), "environment": self.environment}
        return f"{_BASE}/traces?{urlencode({**wanted, **times})}"


def number(value: float, unit: str) -> str:
    """A number with its unit, as people read it."""
    if unit == "ratio":
        return f"{value:.1%}"
    return f"{value:.4g}" if unit == "1" else f"{value:.4g} {unit}"


def slug(*parts: str) -> str:
    """An id of plain characters."""
    return ":".join(_PLAIN.sub("_", part)[:96] for part in parts)


def _unit(name: str) -> str:
    return "ms" if name.endswith("_ms") else "ratio" if name.endswith("_ratio") else "1"


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
