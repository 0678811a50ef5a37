"""Faults tried on a living universe: begun, seen in the store, ended, and seen no more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from evidence import Evidence
from marks import MARKS

from observatory_universe.faults.registry import settle

from .living import Living
from .reading import Told

SHOWS_S = 15.0
# Beyond the window that has to be clean.
RECOVERS_S = 30.0
# What cannot show in 15 s: seconds, and why.
SLOWER = {
    "ai_cache_ratio_drop": (30.0, "few calls have prompts that are long enough and were kept"),
    "ai_memory_loss": (30.0, "only users who ask on show it, and now and then none does for a while"),
    "ai_miscalibrated": (60.0, "the models are asked for a decision about each 20 s"),
    "ai_token_loop": (30.0, "a user has to ask, and each of the calls lasts a second"),
    "risk_stress_slow": (45.0, "stress tests run each 12 s, and one lasts some seconds then"),
    "signal_quality_decay": (90.0, "a signal is judged after 8 s, and several have to be"),
    "strategy_test_stall": (30.0, "strategies are submitted each 9 s, and the first one has to wait"),
    "traffic_growth": (45.0, "what users do is counted over 10 s at least, and rounds under way end first"),
}
# How many times the bound is waited for: a machine at its limit is no fault of the platform.
_PATIENCE = 4
_LOOK_EVERY_S = 0.4
# What was under way when the fault began.
_REST_S = 1.0
# How long what went before may still show.
_SETTLES_S = 30.0
_FRESH_S = 6.0
# A little more than the SDK's interval.
_POINT_EVERY_S = 6
_S = 10**9


@dataclass
class Trial:
    """One fault. Seconds count from the request that began it, or that ended it, to what the store then showed.

    Attributes:
        is_false: the mark was there without the fault: in the calm, or all the time before it began.
        shows_s: None: it did not show.
        recovers_s: None: it did not go away.
    """

    kind: str
    id: str
    target: str | None
    calm: Evidence = field(repr=False)
    is_false: bool
    begun_ns: int
    shows_s: float | None = None
    ended_ns: int | None = None
    recovers_s: float | None = None
    _window_s: float = field(default=_FRESH_S)

    @property
    def bound_s(self) -> float:
        """Within how many seconds it has to show."""
        return bound_s(self.kind)

    @property
    def well_within_s(self) -> float:
        """Within how many seconds from its end it has to be seen no more."""
        return self._window_s + RECOVERS_S

    @property
    def since_ns(self) -> int:
        """From when on it looks."""
        return self.begun_ns if self.ended_ns is None else self.ended_ns

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be seen."""
        if self.ended_ns is None:
            return False
        return (
            self.shows_s is None
            or self.recovers_s is not None
            or _since_s(self.ended_ns) > _PATIENCE * self.well_within_s
        )

    def look(self, seen: Evidence, at_ns: int) -> bool:
        """Takes in what is stored at a moment. True when the fault is to be ended."""
        if self.ended_ns is not None:
            self._look_whether_well(seen, at_ns)
            return False
        starts_ns = (self.begun_ns, self.begun_ns + int(_REST_S * _S))
        if any(self._shows(seen, start_ns, at_ns) for start_ns in starts_ns):
            self.shows_s = _since_s(self.begun_ns)
            self._window_s = max(_FRESH_S, self.shows_s)
            return True
        return _since_s(self.begun_ns) > _PATIENCE * self.bound_s

    def _look_whether_well(self, seen: Evidence, at_ns: int) -> None:
        # As long as it took to show: were it still wrong, it would show again.
        start_ns = at_ns - int(self._window_s * _S)
        if self.recovers_s is None and start_ns >= self.since_ns and not self._shows(seen, start_ns, at_ns):
            self.recovers_s = _since_s(self.since_ns)

    def _shows(self, seen: Evidence, from_ns: int, to_ns: int) -> bool:
        return _shows(self.kind, self.target, _window(seen, from_ns, to_ns), self.calm)


def _shows(kind: str, target: str | None, window: Evidence, calm: Evidence) -> bool:
    return bool(window.spans) and MARKS[kind](window, calm, target)


def _window(seen: Evidence, from_ns: int, to_ns: int) -> Evidence:
    """What was told between two moments, and what each series of points stood at when it began."""
    window = seen.within(from_ns, to_ns)
    earlier = sorted((point for point in seen.points if point.time_ns < from_ns), key=lambda point: point.time_ns)
    stood = {(point.metric, frozenset(point.attributes.items())): point for point in earlier}
    return Evidence(window.spans, window.events, [*stood.values(), *window.points])


def bound_s(kind: str) -> float:
    """Within how many seconds the kind has to show."""
    return SLOWER[kind][0] if kind in SLOWER else SHOWS_S


def tried(universe: Living, told: Told, calm: Evidence, kinds: Sequence[str]) -> list[Trial]:
    """Lets all of these go wrong at once, each until it shows, and waits until all is well again.

    They begin when what went before them leaves none of their marks any more.
    """
    showing = _showing(told, calm, kinds)
    deadline = time.monotonic() + _SETTLES_S
    while showing and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
        showing = _showing(told, calm, kinds)
    with ExitStack() as stack:
        trials = [stack.enter_context(_begun(universe, calm, kind, kind in showing)) for kind in kinds]
        while waiting := [trial for trial in trials if not trial.is_over]:
            time.sleep(_LOOK_EVERY_S)
            assert universe.is_running, universe.said
            at_ns = time.time_ns()
            seen = told.evidence(min(trial.since_ns for trial in waiting) - _POINT_EVERY_S * _S, at_ns)
            for trial in waiting:
                if trial.look(seen, at_ns):
                    _end(universe, trial)
    return trials


def _showing(told: Told, calm: Evidence, kinds: Sequence[str]) -> set[str]:
    """Those of the kinds whose mark is there now, without any of them."""
    at_ns = time.time_ns()
    start_ns = at_ns - int(_FRESH_S * _S)
    window = _window(told.evidence(start_ns - _POINT_EVERY_S * _S, at_ns), start_ns, at_ns)
    return {kind for kind in kinds if _shows(kind, settle(kind, None, None, None)[0], window, calm)}


@contextmanager
def _begun(universe: Living, calm: Evidence, kind: str, shows_already: bool) -> Iterator[Trial]:
    begun_ns = time.time_ns()
    id_, target = universe.begin(kind)
    is_false = shows_already or MARKS[kind](calm, calm, target)
    trial = Trial(kind, id_, target, calm, is_false, begun_ns)
    try:
        yield trial
    finally:
        if trial.ended_ns is None:
            _end(universe, trial)


def _end(universe: Living, trial: Trial) -> None:
    universe.end(trial.id)
    trial.ended_ns = time.time_ns()


def _since_s(ns: int) -> float:
    return (time.time_ns() - ns) / _S
