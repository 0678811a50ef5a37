"""What Observatory says of itself: telemetry refused or lost, rounds late or failed, files of rules refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import Counter

from observatory.alerting.rulebook import Rulebook
from observatory.alerting.scene import Told
from observatory.health import words
from observatory.model import Measurement
from observatory.selfwatch import Selfwatch

WINDOW_S = 60
# Refused through no fault of the sender's, or because it is more than is taken: it is lost unless it is sent again.
_REFUSED = ("overloaded", "too_large")
_LATE_ROUNDS = 3


class OwnState:
    """Reads the product's own counters, a minute back.

    Args:
        selfwatch: the counters.
        rulebook: what was refused of the rules.
        tick_s: time between two rounds, in seconds.
        newest: when the newest round was; None before the first.
    """

    def __init__(
        self, selfwatch: Selfwatch, rulebook: Rulebook, tick_s: float, newest: Callable[[], datetime | None]
    ) -> None:
        self._selfwatch = selfwatch
        self._rulebook = rulebook
        self._tick_s = tick_s
        self._newest = newest
        self._past: deque[tuple[datetime, Mapping[tuple[str, str], float]]] = deque()

    def tell(self, at: datetime) -> Mapping[str, Sequence[Told]]:
        """By topic, what is so now."""
        grown = self._grown(at)
        late = [
            self._told(at, *key, count, "rounds' queries failed") for key, count in grown.items() if key[0] == "late"
        ]
        return {
            "observatory.refusing": [
                self._told(at, *key, count, "bodies of telemetry were refused")
                for key, count in grown.items()
                if key[0] == "refusing"
            ],
            "observatory.losing": [
                self._told(at, *key, count, "of what was sent was lost or could not be stored at once")
                for key, count in grown.items()
                if key[0] == "losing"
            ],
            "observatory.late": [*late, self._lateness(at)],
            "observatory.rules": [
                Told(each.place, True, f"{each.place}:{each.line}: {each.reason}") for each in self._rulebook.refused
            ],
        }

    def _lateness(self, at: datetime) -> Told:
        newest = self._newest()
        age_s = 0.0 if newest is None else (at - newest).total_seconds()
        limit_s = max(_LATE_ROUNDS * self._tick_s, 15.0)
        sentence = f"the newest round is {words.span(age_s)} old"
        measured = Measurement(age_s, "s", 1, WINDOW_S, at, "the server's rounds")
        return Told("round", age_s > limit_s, sentence, measured, f"above {words.span(limit_s)}")

    def _told(self, at: datetime, topic: str, member: str, count: float, what: str) -> Told:
        measured = Measurement(round(count), "1", round(count), WINDOW_S, at, "the server's own counters")
        sentence = f"{member}: {round(count):,} {what} in {words.window(WINDOW_S)}"
        return Told(member, count > 0, sentence, measured, "above 0")

    def _grown(self, at: datetime) -> Mapping[tuple[str, str], float]:
        now = self._counts()
        self._past.append((at, now))
        while len(self._past) > 2 and self._past[1][0] <= at - timedelta(seconds=WINDOW_S):
            self._past.popleft()
        before = self._past[0][1]
        return {key: count - before.get(key, 0.0) for key, count in now.items() if count > before.get(key, 0.0)}

    def _counts(self) -> Mapping[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for (signal, reason), count in _samples(self._selfwatch.refusals, "signal", "reason"):
            if reason in _REFUSED:
                found["refusing", f"{signal} {reason}"] = count
        for (signal,), count in _samples(self._selfwatch.commit_failures, "signal"):
            found["losing", f"{signal} commits"] = count
        for (signal, reason), count in _samples(self._selfwatch.rejections, "signal", "reason"):
            found["losing", f"{signal} {reason}"] = count
        for (area,), count in _samples(self._selfwatch.tick_failures, "area"):
            found["late", area] = count
        return found


def _samples(counter: Counter, *labels: str) -> Sequence[tuple[tuple[str, ...], float]]:
    return [
        (tuple(sample.labels[name] for name in labels), sample.value)
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    ]
