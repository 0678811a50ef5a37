"""Diagnoses: reads the parts together, each within its time, and puts what they say into one answer.

found = await Doctor(reader).diagnose(subject.service("trade_execution_service"), Asked("production", None, now))

Deterministic: which traces are read is told by their ids, and nothing depends on the time of the question once `end`
is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from observatory.diagnose import calls, changes, judging, measures, onset, sampled, subject
from observatory.diagnose.deviation import judge
from observatory.diagnose.diagnosis import Diagnosis
from observatory.diagnose.frame import Frame, fitting
from observatory.diagnose.judging import Parts, Read
from observatory.diagnose.measures import Series
from observatory.diagnose.reading import Timed, together
from observatory.diagnose.subject import Asked, Subject
from observatory.store import Reader

__all__ = ["Asked", "Doctor"]

LOOKED_AT = timedelta(hours=1)
_LEAST_BACK, _MOST_BACK = timedelta(minutes=30), timedelta(hours=6)
# An alert is seen some time after what it tells began.
_BEFORE_ALERT = timedelta(minutes=3)
_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
# The whole has five seconds: what the store has not told by then is missing.
_SUBJECT_S, _PARTS_S, _QUERY_S = 1.5, 2.7, 2.5


class Doctor:
    """Diagnoses from what is stored.

    Args:
        reader: of the telemetry store.
        patience: how many times as long as usual it may take.
    """

    def __init__(self, reader: Reader, patience: float = 1.0) -> None:
        self._reader = Timed(reader, _QUERY_S * patience)
        self._patience = patience

    async def diagnose(self, about: Subject, asked: Asked) -> Diagnosis:
        """Why it is as it is. What cannot be read is named in the answer, and raises nothing."""
        frame = _frame(about, asked)
        frame, own, every, missing = await self._subject(about, asked, frame)
        rows = judging.counted(own)
        split = onset.of_subject(own, frame)
        if split is not None:
            frame = onset.at(frame, split)
        last = onset.ended(own, frame)
        given, more = await together(
            self._parts(about, asked.environment, frame, last, rows, every), _PARTS_S * self._patience
        )
        found = _read(given, frame)
        read = Read(about, asked, frame, own, split is not None, last, every, [*missing, *more])
        return await asyncio.to_thread(judging.answer, read, found)

    async def _subject(
        self, about: Subject, asked: Asked, frame: Frame
    ) -> tuple[Frame, Sequence[Series], int, list[str]]:
        """The subject's own series, on a frame of which the season was taken out."""
        # A day and a week before: what comes again each day is no trouble.
        parts: dict[str, Awaitable[Any]] = {"calls": subject.series(self._reader, about, asked.environment, frame)}
        if asked.baseline is None:
            for name, back_s in (("yesterday", _DAY_S), ("last week", _WEEK_S)):
                parts[name] = subject.series(self._reader, about, asked.environment, _shifted(frame, back_s))
        given, missing = await together(parts, _SUBJECT_S * self._patience)
        missing = [each for each in missing if each.startswith("calls")]
        own, every = given.get("calls", ([], 1))
        for name, back_s in (("yesterday", _DAY_S), ("last week", _WEEK_S)):
            past, _ = given.get(name, ([], 1))
            if past and _seasonal(own, past, frame):
                window = frame.window
                start = onset.of_subject(own, frame)
                begun = frame.times[start] if start is not None else window[0]
                pad = max(0, 12 * frame.step_s - (window[1] - begun))
                before = _whole(begun - back_s - pad, frame), _whole(window[1] - back_s + pad, frame)
                frame = Frame(frame.step_s, before, (begun, window[1]))
                again, more = await together(
                    {"calls": subject.series(self._reader, about, asked.environment, frame)},
                    _SUBJECT_S * self._patience,
                )
                own, every = again.get("calls", ([], 1))
                return frame, own, every, [*missing, *more]
        return frame, own, every, missing

    def _parts(
        self, about: Subject, environment: str, frame: Frame, last: int, rows: tuple[float, float], every: int
    ) -> dict[str, Awaitable[Any]]:
        usual, now = sampled.stretches(frame, last)
        reader = self._reader
        parts: dict[str, Awaitable[Any]] = {"service graph": calls.read(reader, environment, frame)}
        if about.kind not in ("alert", "incident") or about.services:
            parts["usual traces"] = sampled.read(reader, about, environment, usual, rows[0] * every)
            parts["traces"] = sampled.read(reader, about, environment, now, rows[1] * every)
        parts["changes"] = changes.read(reader, environment, frame)
        for nth, table in enumerate(measures.tables()):
            name = f"{table.source} by {table.kind}"
            parts[name if name not in parts else f"{name} ({nth})"] = measures.read(reader, table, environment, frame)
        return parts


def _read(given: dict[str, Any], frame: Frame) -> Parts:
    fixed = {"service graph", "usual traces", "traces", "changes"}
    series = [each for name in sorted(given.keys() - fixed) for each in given[name]]
    web = given.get("service graph", calls.Web({}, {}))
    series = [*web.series(frame.step_s), *series]
    series = measures.seen_from(series, measures.first(series))
    none = sampled.Sample((), False)
    return Parts(
        web,
        given.get("usual traces", none),
        given.get("traces", none),
        given.get("changes", ()),
        series,
    )


def _frame(about: Subject, asked: Asked) -> Frame:
    end, start = asked.end, asked.start
    if start is None and about.began is not None:
        start = about.began - _BEFORE_ALERT
        end = min(end, max(about.ended or end, about.began + timedelta(minutes=2)), about.began + LOOKED_AT)
    start = start or end - LOOKED_AT
    back = max(_LEAST_BACK, min(_MOST_BACK, 2 * (end - start)))
    baseline = asked.baseline or (start - back, start)
    return fitting(baseline, (start, end))


def _shifted(frame: Frame, seconds: int) -> Frame:
    (first, second), (third, fourth) = frame.baseline, frame.window
    return replace(frame, baseline=(first - seconds, second - seconds), window=(third - seconds, fourth - seconds))


def _seasonal(own: Sequence[Series], past: Sequence[Series], frame: Frame) -> bool:
    """Whether the subject went the same way, about as far, in the same hours before."""
    place = onset.of_subject(own, frame)
    if place is None:
        return False
    placed = onset.at(frame, place)
    now = {each.measure.name: judge(each, placed) for each in own}
    then = {each.measure.name: judge(each, placed) for each in past}
    moved = [each for each in now.values() if each is not None]
    alike = [
        before is not None and before.up is each.up and 0.6 <= each.change / max(before.change, 1e-9) <= 1.6
        for each in moved
        for before in [then.get(each.series.measure.name)]
    ]
    return bool(alike) and all(alike)


def _whole(seconds: int, frame: Frame) -> int:
    return seconds // frame.step_s * frame.step_s
