"""Folds what is odd into cases: one for each cause, not one for each series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from observatory.analytics import change
from observatory.costs.decomposition import Part
from observatory.costs.watch import Odd, Watch

# So long the beginning is looked for again, as more of the new level is seen.
_SETTLING_MIN = 15
_LOOK_BACK_MIN = 90
_LEAD_MIN = 15
# More calls than usual have to be made in so many of the newest minutes.
_STEADY, _STEADY_OF = 3, 5
# A minute with this share of the usual excess is one that it began or ended in.
_CUT = 0.1
_WHOLE = 0.4
VOLUMES = frozenset({Part.VOLUME, Part.CHARGE_VOLUME})


@dataclass(slots=True)
class Case:
    """Something that costs more than usual, for one cause. Times are minutes since 1970.

    Attributes:
        number: of this case among those of its watch.
        since: its first minute.
        opened: when it was found.
        last: when something odd was seen last.
        odd: what was odd, and in which groups.
        until: the minute after its last; None while it is open.
    """

    number: int
    since: int
    opened: int
    last: int
    odd: dict[Part, set[str]] = field(default_factory=dict)
    until: int | None = None

    @property
    def groups(self) -> frozenset[str]:
        """All groups that are odd in some part."""
        return frozenset().union(*self.odd.values())

    def add(self, odd: Odd, minute: int) -> None:
        """Take in what has the same cause."""
        self.odd.setdefault(odd.part, set()).update(odd.groups)
        self.last = minute


class Cases:
    """The open cases of one watch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._terms = watch.terms
        self._made = 0
        self.open: list[Case] = []
        # What ended lately is still in wide windows.
        self._ended: list[tuple[frozenset[str], int]] = []

    def step(self, minute: int) -> list[Case]:
        """Look at the minute that was learnt last. Returns the cases that ended."""
        known = frozenset[str]().union(*(case.groups for case in self.open))
        for odd in sorted(self._watch.odd(minute, known), key=lambda each: -each.usd):
            if not any(minute - odd.window_min < until and odd.groups & groups for groups, until in self._ended):
                self._fold(odd, minute)
        for case in self.open:
            if minute - case.opened <= _SETTLING_MIN:
                case.since = self._since(case, minute)
            self._watch.exclude(case.groups, case.since, minute)
        ended = [case for case in self.open if self._is_over(case, minute)]
        for case in ended:
            case.until = self._until(case, minute)
            self._ended.append((case.groups, minute))
        self._ended = [each for each in self._ended if each[1] > minute - max(self._terms.windows_min)]
        self.open = [case for case in self.open if case.until is None]
        return ended

    def _fold(self, odd: Odd, minute: int) -> None:
        case = next((case for case in self.open if self._is_one(case, odd, minute)), None)
        if case is None:
            if self._is_burst(odd, minute) or len(self.open) >= self._terms.most_open:
                return
            self._made += 1
            case = Case(self._made, minute, minute, minute)
            self.open.append(case)
        case.add(odd, minute)

    def _is_burst(self, odd: Odd, minute: int) -> bool:
        """Work that comes in heaps: much in one minute and nothing in those around it is no anomaly."""
        if odd.part not in VOLUMES:
            return False
        values = self._watch.series(minute, odd.groups, [odd.part], _STEADY_OF)
        return sum(value > max(values) / 4 for value in values) < _STEADY

    def _is_one(self, case: Case, odd: Odd, minute: int) -> bool:
        # What begins together has one cause; so has what strikes the same factor or the same work soon after.
        soon = minute - case.opened <= self._terms.same_cause_min
        return soon or not odd.groups.isdisjoint(case.groups) or self._began_with(case, odd, minute)

    def _began_with(self, case: Case, odd: Odd, minute: int) -> bool:
        """Whether the same factor moved at the same time, in a place where it took longer to be noticed."""
        length = minute - case.since + _LEAD_MIN
        if odd.part not in case.odd or length > self._terms.reference_min // 2:
            return False
        values = self._watch.series(minute, odd.groups, [odd.part], length)
        place = change.onset(values, len(values) - 1)
        first = _walked(values) if place is None else place
        return first <= _LEAD_MIN + 2 * self._terms.same_cause_min

    def _series(self, case: Case, minute: int, length: int) -> list[float]:
        return self._watch.series(minute, case.groups, case.odd, length)

    def _since(self, case: Case, minute: int) -> int:
        length = min(_LOOK_BACK_MIN, minute - case.opened + max(self._terms.windows_min) * 2)
        values = self._series(case, minute, length)
        first = minute - length + 1
        place = change.onset(values, len(values) - 1)
        place = min(case.opened - first, _walked(values) if place is None else place)
        return first + _cut(values, place)

    def _is_over(self, case: Case, minute: int) -> bool:
        if minute - case.opened >= self._terms.most_min:
            return True
        calm = self._terms.over_min
        if minute - case.opened < calm:
            return False
        # Wide windows hold on to what is over: single minutes tell.
        values = self._series(case, minute, min(minute - case.since + 1, self._terms.reference_min // 2))
        before = values[:-calm]
        return sum(values[-calm:]) / calm <= _CUT * sum(before) / max(1, len(before))

    def _until(self, case: Case, minute: int) -> int:
        length = min(minute - case.since + 1, self._terms.reference_min // 2)
        values = self._series(case, minute, length)
        first = minute - length + 1
        level = sum(values) / max(1, case.last - case.since + 1)
        above = [place for place, value in enumerate(values) if value > level * _CUT]
        return min(case.last, first + above[-1]) + 1 if above else case.last + 1


def _cut(values: Sequence[float], place: int) -> int:
    """It began within a minute: the one before counts too when a piece of it is in it, and so do whole ones."""
    level = sum(values[place:]) / max(1, len(values) - place)
    while place > 0 and values[place - 1] > level * _WHOLE:
        place -= 1
    return place - 1 if place > 0 and values[place - 1] > level * _CUT else place


def _walked(values: Sequence[float]) -> int:
    """Where the newest stretch that is clearly above nothing began; one minute below may be in it."""
    least = max(values[-3:], default=0.0) / 4
    place = len(values)
    while place > 0 and max(values[max(0, place - 2) : place]) > least:
        place -= 1
    while place < len(values) - 1 and values[place] <= least:
        place += 1
    return min(place, len(values) - 1)
