"""Looks at spending minute by minute and says which part of it is out of the usual, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from observatory.costs.book import KINDS
from observatory.costs.decomposition import Part
from observatory.costs.flows import AI, Cell, Flow

Floats = npt.NDArray[np.float64]
MINUTE_S = 60
PARTS = tuple(Part)
_PLACE = {part: place for place, part in enumerate(PARTS)}
_KINDS = len(KINDS)
# Columns of a minute: calls (of charges their quantity), tokens of each kind, dollars, and the number of charges.
_CALLS, _USD, _NUMBER, _COLUMNS = 0, _KINDS + 1, _KINDS + 2, _KINDS + 3
_IN, _OUT, _CACHED = (5, 7), (4, 6, 8), (2, 3)
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Terms:
    """When something is out of the usual: see `anomalies.yaml`."""

    windows_min: tuple[int, ...]
    reference_min: int
    recent_min: int
    least_reference_min: int
    settle_min: int
    past: int
    least_past: int
    deviations: float
    above_most: float
    least_ratio: float
    least_total_ratio: float
    least_usd_per_hour: float
    least_calls: int
    steps_needed: int
    same_cause_min: int
    over_min: int
    most_min: int
    most_cells: int
    most_open: int


@cache
def terms() -> Terms:
    """The terms as shipped."""
    text = resources.files("observatory.costs").joinpath("anomalies.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return Terms(**found | {"windows_min": tuple(found["windows_min"])})


@dataclass(frozen=True, slots=True)
class Odd:
    """A part of what a scope costs that is out of the usual now.

    Attributes:
        groups: the groups of cells that it is seen in.
        part: which part.
        window_min: in the window of so many minutes.
        usd: above the expected within the window.
        deviation_usd: how much the part usually varies in such windows.
    """

    groups: frozenset[str]
    part: Part
    window_min: int
    usd: float
    deviation_usd: float


@dataclass(frozen=True, slots=True)
class Reference:
    """What is usual for one cell.

    Attributes:
        calls, counts: sums over the minutes behind it; of charges the quantity, and none.
        usd: what they cost.
        number: of charges how many.
        group_per_min: calls of the whole group in a minute, or quantity.
        group_calls: sum of `calls` over the group.
        units: the newest prices known.
    """

    calls: float
    counts: tuple[float, ...]
    usd: float
    number: float
    group_per_min: float
    group_calls: float
    units: tuple[float, ...]


class Watch:
    """One environment's spending."""

    def __init__(self, given: Terms | None = None) -> None:
        self.terms = given or terms()
        self._cells: dict[Cell, int] = {}
        self._groups: dict[str, int] = {}
        self._group_of = np.zeros(self.terms.most_cells, dtype=np.int64)
        size = (self.terms.reference_min, self.terms.most_cells)
        self._ring = np.zeros((*size, _COLUMNS))
        self._minutes = np.full(self.terms.reference_min, -1, dtype=np.int64)
        # False: the cell was out of the usual in that minute, which teaches nothing.
        self._clean = np.ones(size, dtype=np.bool_)
        self._units = np.zeros((self.terms.most_cells, _KINDS + 1))
        self._past: dict[int, list[Floats]] = {window: [] for window in self.terms.windows_min}
        self._scopes: list[tuple[str, frozenset[str]]] = []
        self._seen: dict[tuple[str, Part], list[int]] = {}
        self._usual: tuple[int, tuple[Floats, Floats] | None] | None = None

    @property
    def cells(self) -> Mapping[Cell, int]:
        """All cells that were seen."""
        return self._cells

    def learn(self, minute: int, flows: Iterable[Flow]) -> None:
        """Take one minute in; `minute` is minutes since 1970, later than those before."""
        place = minute % self.terms.reference_min
        self._usual = None
        self._ring[place] = 0
        self._clean[place] = True
        self._minutes[place] = minute
        for flow in flows:
            if flow.usd is None:
                continue
            cell = self._cell(flow.cell)
            row = self._ring[place, cell]
            row[_USD] += float(flow.usd)
            row[_NUMBER] += flow.calls
            if flow.units is None:
                row[_CALLS] += flow.calls if flow.quantity is None else float(flow.quantity)
            else:
                row[_CALLS] += flow.calls
                row[1 : _KINDS + 1] += flow.counts
                self._units[cell] = [float(each) for each in flow.units]

    def _cell(self, cell: Cell) -> int:
        if cell not in self._cells and len(self._cells) >= self.terms.most_cells - len(self._others()) - 8:
            # The rest of each category is one cell: its parts say little, its money is not lost.
            cell = Cell(cell.category, _OTHER, _OTHER, 0, _OTHER, _OTHER)
            if cell not in self._cells and len(self._cells) >= self.terms.most_cells:
                return next(reversed(self._cells.values()))
        if cell not in self._cells:
            place = self._cells[cell] = len(self._cells)
            self._group_of[place] = self._groups.setdefault(cell.group, len(self._groups))
            self._scopes = _scopes(self._cells)
        return self._cells[cell]

    def _others(self) -> list[Cell]:
        return [cell for cell in self._cells if cell.provider == _OTHER and cell.service == _OTHER]

    def exclude(self, groups: Iterable[str], since: int, until: int) -> None:
        """The minutes from `since` to `until` were out of the usual for these groups: they teach nothing."""
        odd = set(groups)
        places = np.array([place for cell, place in self._cells.items() if cell.group in odd], dtype=np.int64)
        minutes = np.flatnonzero((self._minutes >= since) & (self._minutes <= until))
        self._clean[np.ix_(minutes, places)] = False
        self._usual = None

    def odd(self, minute: int, open_groups: frozenset[str] = frozenset()) -> list[Odd]:
        """What is out of the usual in the windows that end with `minute`.

        Args:
            open_groups: groups that are known to be out of the usual: their windows do not say what is usual.
        """
        found: dict[tuple[str, Part], Odd] = {}
        for window in self.terms.windows_min:
            for name, odd in self._in_window(minute, window, open_groups):
                if (name, odd.part) not in found:
                    found[name, odd.part] = odd
        return self._persistent(minute, found)

    def series(self, minute: int, groups: Iterable[str], parts: Iterable[Part], length: int) -> list[float]:
        """What the groups cost above the expected of some parts, in USD, in each of the last `length` minutes."""
        known = self._known(minute)
        if known is None:
            return []
        count, columns = len(self._cells), [_PLACE[part] for part in parts]
        rows = [self._groups[group] for group in groups if group in self._groups]
        given = (known[0][:count], known[1], self._group_of[:count], self._units[:count])
        places = (each % self.terms.reference_min for each in range(minute - length + 1, minute + 1))
        return [float(_split(self._ring[place][:count], *given)[0][np.ix_(rows, columns)].sum()) for place in places]

    def deviation_usd(self, group: str, part: Part, window: int) -> float:
        """How much a part of a group's cost usually varies between windows of so many minutes."""
        names = [name for name, _ in self._scopes]
        return self._noise(names.index(f"group={group}"), _PLACE[part], self._past[window])[1]

    def reference(self, minute: int, groups: frozenset[str]) -> dict[Cell, Reference]:
        """What is usual for the cells of some groups."""
        known = self._known(minute)
        if known is None:
            return {}
        usual, per_min = known
        many = len(self._groups)
        calls = np.bincount(self._group_of[: len(self._cells)], usual[: len(self._cells), _CALLS], many)
        return {
            cell: Reference(
                float(usual[place, _CALLS]),
                tuple(map(float, usual[place, 1 : _KINDS + 1])) if cell.category == AI else (),
                float(usual[place, _USD]),
                float(usual[place, _NUMBER]),
                float(per_min[self._group_of[place]]),
                float(calls[self._group_of[place]]),
                tuple(map(float, self._units[place])),
            )
            for cell, place in self._cells.items()
            if cell.group in groups
        }

    def _known(self, minute: int) -> tuple[Floats, Floats] | None:
        """Sums of all settled minutes by cell, and calls of each group in a minute of late."""
        if self._usual is None or self._usual[0] != minute:
            self._usual = minute, self._summed(minute)
        return self._usual[1]

    def _summed(self, minute: int) -> tuple[Floats, Floats] | None:
        last = minute - self.terms.settle_min
        old = (self._minutes >= 0) & (self._minutes <= last) & (self._minutes > minute - self.terms.reference_min)
        if np.count_nonzero(old) < self.terms.least_reference_min:
            return None
        clean = self._clean & old[:, None]
        usual: Floats = np.einsum("mck,mc->ck", self._ring, clean)
        recent = clean & (self._minutes > minute - self.terms.recent_min)[:, None]
        per_cell = np.einsum("mc,mc->c", self._ring[:, :, _CALLS], recent) / np.maximum(1, recent.sum(axis=0))
        stale = recent.sum(axis=0) == 0
        lasting = usual[:, _CALLS] / np.maximum(1, clean.sum(axis=0))
        per_cell = np.where(stale, lasting, per_cell)
        count = len(self._cells)
        per_group: Floats = np.bincount(self._group_of[:count], per_cell[:count], len(self._groups)).astype(np.float64)
        return usual, per_group

    def _look(self, minute: int, window: int) -> tuple[Floats, Floats, Floats] | None:
        """By group: the parts, what is expected to be spent, and calls beyond the expected."""
        known = self._known(minute)
        if known is None:
            return None
        inside = (self._minutes > minute - window) & (self._minutes <= minute)
        now = self._ring[inside].sum(axis=0)
        count = len(self._cells)
        return _split(now[:count], known[0][:count], known[1] * window, self._group_of[:count], self._units[:count])

    def _in_window(self, minute: int, window: int, known: frozenset[str]) -> list[tuple[str, Odd]]:
        looked = self._look(minute, window)
        if looked is None:
            return []
        parts, expected, _ = looked
        total = float(expected.sum())
        scopes = self._scopes
        sums, usual, calls = (
            np.stack([each[self._places(groups)].sum(axis=0) for _, groups in scopes]) for each in looked
        )
        past = self._past[window]
        found = [
            (scopes[scope][0], self._as_odd(scope, part, window, sums, parts, past))
            for scope, part in zip(*np.nonzero(sums > 0), strict=True)
            if self._is_material(PARTS[part], sums[scope, part], usual[scope], total, calls[scope], window)
            and self._is_rare(scope, part, sums[scope, part], past)
        ]
        flagged = known.union(*(odd.groups for _, odd in found)) if found else known
        quiet = np.array([flagged.isdisjoint(groups) for _, groups in scopes])
        past.append(np.where(quiet[:, None], sums, np.nan))
        del past[: -self.terms.past]
        return found

    def _places(self, groups: frozenset[str]) -> list[int]:
        return [self._groups[group] for group in groups]

    def _as_odd(self, scope: int, part: int, window: int, sums: Floats, parts: Floats, past: Sequence[Floats]) -> Odd:
        groups = self._scopes[scope][1]
        # Of a wide scope only the groups that have it count: the fewest that explain four fifths.
        most = sorted(groups, key=lambda group: -parts[self._groups[group], part])
        named: list[str] = []
        usd = 0.0
        for group in most:
            if usd >= 0.8 * sums[scope, part]:
                break
            named.append(group)
            usd += parts[self._groups[group], part]
        return Odd(frozenset(named), PARTS[part], window, float(sums[scope, part]), self._noise(scope, part, past)[1])

    def _is_material(self, part: Part, usd: float, usual: float, total: float, calls: Floats, window: int) -> bool:
        given = self.terms
        least = max(given.least_ratio * usual, given.least_total_ratio * total, given.least_usd_per_hour * window / 60)
        more, number = calls
        enough = more if part is Part.VOLUME else number
        return usd >= least and (enough >= given.least_calls)

    def _noise(self, scope: int, part: int, past: Sequence[Floats]) -> tuple[float, float, float, int]:
        """Middle, deviation and largest of the earlier windows, and how many there were."""
        # The newest may be the beginning of what is looked for.
        values = np.array([each[scope, part] for each in past[: -self.terms.settle_min] if scope < len(each)])
        values = values[np.isfinite(values)]
        if not values.size:
            return 0.0, 0.0, 0.0, 0
        middle = float(np.median(values))
        upper = (float(np.quantile(values, 0.95)) - middle) / 1.645
        return middle, max(upper, 1.4826 * float(np.median(np.abs(values - middle)))), float(values.max()), values.size

    def _is_rare(self, scope: int, part: int, usd: float, past: Sequence[Floats]) -> bool:
        middle, deviation, most, count = self._noise(scope, part, past)
        given = self.terms
        if len(past) < given.least_past + given.settle_min:
            return False
        if not count:
            return True
        return bool(usd > middle + given.deviations * deviation and usd > given.above_most * most)

    def _persistent(self, minute: int, found: Mapping[tuple[str, Part], Odd]) -> list[Odd]:
        for key in found:
            self._seen.setdefault(key, []).append(minute)
        for key in list(self._seen):
            self._seen[key] = [each for each in self._seen[key] if each > minute - 3]
            if not self._seen[key]:
                del self._seen[key]
        lasting = [odd for key, odd in found.items() if len(self._seen[key]) >= self.terms.steps_needed]
        # The most specific scope tells the cause: a wider one of the same part adds nothing.
        return [
            odd for odd in lasting if not any(other.part is odd.part and other.groups < odd.groups for other in lasting)
        ]


def _scopes(cells: Iterable[Cell]) -> list[tuple[str, frozenset[str]]]:
    """Each group, and what belongs together: a provider, a feature, a category, everything. New ones come last."""
    members: dict[str, set[str]] = {}
    for cell in cells:
        kind = "ai" if cell.category == AI else "charges"
        wide = (f"provider={cell.provider}", f"feature={cell.feature}", f"category={cell.category}", "all")
        for name in (f"group={cell.group}", *(f"{kind}:{each}" for each in wide)):
            members.setdefault(name, set()).add(cell.group)
    return [(name, frozenset(groups)) for name, groups in members.items()]


def _split(
    now: Floats, usual: Floats, expected: Floats, group_of: npt.NDArray[np.int64], units: Floats
) -> tuple[Floats, Floats, Floats]:
    """The parts of the difference by group, volume first and everything else at the calls that were made."""
    many = len(expected)

    def by_group(values: Floats) -> Floats:
        return np.bincount(group_of, values, many).astype(np.float64)

    charges = ~units.any(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        size, usual_size = by_group(now[:, _CALLS]), by_group(usual[:, _CALLS])
        usual_share = usual[:, _CALLS] / usual_size[group_of]
        share = now[:, _CALLS] / size[group_of]
        cost = now[:, _USD] / now[:, _CALLS]
        usual_cost = np.where(usual[:, _CALLS] > 0, usual[:, _USD] / usual[:, _CALLS], cost)
    share, usual_share, usual_cost = (np.nan_to_num(each, posinf=0.0) for each in (share, usual_share, usual_cost))
    is_new = usual_size[group_of] == 0
    usual_share = np.where(is_new, share, usual_share)
    group_cost = by_group(usual_share * usual_cost)
    volume = (size - expected) * group_cost
    mix = by_group(size[group_of] * (share - usual_share) * usual_cost)
    parts = np.zeros((many, len(PARTS)))
    ai = by_group((~charges).astype(float)) > 0
    parts[:, _PLACE[Part.VOLUME]] = np.where(ai, volume, 0)
    parts[:, _PLACE[Part.CHARGE_VOLUME]] = np.where(ai, 0, volume)
    parts[:, _PLACE[Part.MIX]] = np.where(ai, mix, 0)
    rest = now[:, _USD] - now[:, _CALLS] * usual_cost
    parts[:, _PLACE[Part.CHARGE_PRICE]] = by_group(np.where(charges, rest, 0))
    known = ~charges & (usual[:, _CALLS] > 0) & (now[:, _CALLS] > 0)
    for part, values in _of_calls(now, usual, units, rest).items():
        parts[:, _PLACE[part]] = by_group(np.where(known, values, 0))
    numbers = np.stack([size - expected, by_group(now[:, _NUMBER])], axis=1)
    return parts, expected * group_cost, numbers


def _of_calls(now: Floats, usual: Floats, units: Floats, rest: Floats) -> dict[Part, Floats]:
    """What calls cost more than usual, one factor after the other, at the prices of now."""
    calls = np.maximum(1e-9, now[:, _CALLS])
    usual_calls = np.maximum(1e-9, usual[:, _CALLS])
    tokens, before = now[:, 1 : _KINDS + 1], usual[:, 1 : _KINDS + 1]
    per, per_before = tokens / calls[:, None], before / usual_calls[:, None]
    cached = before[:, _CACHED] / np.maximum(1e-9, before[:, :1])
    inside = units[:, 0] + (cached * units[:, _CACHED]).sum(axis=1)
    given = calls * ((per[:, 0] - per_before[:, 0]) * inside + _rest(per, per_before, units, _IN))
    answered = calls * ((per[:, 1] - per_before[:, 1]) * units[:, 1] + _rest(per, per_before, units, _OUT))
    kept = (tokens[:, _CACHED] - tokens[:, :1] * cached) * units[:, _CACHED]
    cache = kept.sum(axis=1)
    return {Part.INPUT: given, Part.OUTPUT: answered, Part.CACHE: cache, Part.PRICE: rest - given - answered - cache}


def _rest(per: Floats, before: Floats, units: Floats, places: Sequence[int]) -> Floats:
    found: Floats = ((per - before)[:, places] * units[:, places]).sum(axis=1)
    return found
