"""How much a series adds up to until a time ahead, with bands that were tried on its own past.

The bands of single steps do not add up to the band of their sum: errors of neighbouring hours go together. So sums are
forecast and tested as sums.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from observatory.analytics.forecasters import Forecaster, Learnt, candidates
from observatory.analytics.samples import Floats, array

Places = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
LEVELS = (0.5, 0.8, 0.95)
# Fewer steps than this are not tested, and a forecast says how many are missing.
LEAST_TESTED = 48
# With fewer there is no forecast at all.
LEAST = 3
DAY, WEEK = 24, 168
# Four weeks: what is older says little about the next month, and the time that it takes stays bounded.
MOST = 4 * WEEK
_ORIGINS = 36
_SCREENED, _KEPT = 3, 3
# Models whose errors differ by less are as good.
_ALIKE = 1.25
# Bands are tried on what came after this many earlier tests.
_LEAST_TESTS = 6
# The longest sum that is tested is this part of the history: of longer ones there are too few that do not overlap.
_SUMS = 6
# How errors shrink with the length of a sum is seen from sums of this part of the tested length.
_PARTS = 4
_ROOT = 0.5


@dataclass(frozen=True, slots=True)
class Total:
    """What the steps ahead add up to.

    Attributes:
        expected: the sum, in the series' unit.
        bands: lower and upper end for each level; empty where there is too little to say.
        coverage: for each level, the share of earlier forecasts of this kind whose band held what came.
        tests: how many earlier forecasts that is; they overlap. 0: the past is too short to have tried it.
        tested_steps: over how many steps they went; fewer than were asked for where the past is too short.
    """

    expected: float
    bands: Mapping[float, tuple[float, float]]
    coverage: Mapping[float, float]
    tests: int
    tested_steps: int


@dataclass(frozen=True, slots=True)
class Course:
    """How a series goes on.

    Attributes:
        path: the expected value of each step ahead.
        method: the model with the least error over sums of this length, or the mean of those that are as good; `mean`
            untested, `none` without a forecast.
        samples: how many values it rests on.
        enough: whether model and bands were tested.
        error: mean absolute error of the tested sums, as a share of what was expected; None untested.
    """

    path: tuple[float, ...]
    method: str
    samples: int
    enough: bool
    error: float | None
    _scale: float
    _sizes: Mapping[float, float]
    _coverage: Mapping[float, float]
    _tests: int
    _tested_steps: int
    _shrinking: float
    _sums: tuple[float, ...] = ()

    def sum(self, steps: int) -> float:
        """What the first `steps` steps ahead are expected to add up to."""
        return self._sums[min(steps, len(self._sums)) - 1] if steps > 0 and self._sums else 0.0

    def total(self, steps: int) -> Total:
        """The sum of the first `steps` steps ahead (at most as many as the path has)."""
        ahead = self.sum(steps)
        # A longer sum errs relatively less: as much as the tested ones did against shorter ones. A shorter one errs
        # relatively more, by the root at worst.
        ratio = self._tested_steps / steps if steps and self._tested_steps else 1.0
        wide = ratio**_ROOT if ratio > 1 else ratio**self._shrinking
        size = max(0.5 * ahead + 0.5 * steps * self._scale, 1e-12) * wide
        bands = {level: (max(0.0, ahead - each * size), ahead + each * size) for level, each in self._sizes.items()}
        return Total(ahead, bands, self._coverage, self._tests, self._tested_steps)


# Widths by level, coverage by level, how many tests, over how many steps, and how errors shrink with the length.
_Tries = tuple[Mapping[float, float], Mapping[float, float], int, int, float]
NOTHING = Course((), "none", 0, False, None, 0.0, {}, {}, 0, 0, 0.0)


def _course(path: Floats, method: str, samples: int, error: float | None, scale: float, tried: _Tries) -> Course:
    sums = tuple(np.cumsum(path).tolist())
    return Course(tuple(path.tolist()), method, samples, error is not None, error, scale, *tried, sums)


def course(values: Sequence[float | None], horizon: int, reach: int | None = None) -> Course:
    """Go on with an hourly series that is never below 0, by the model that was best over sums of `reach` hours.

    Every model is handed only what came before each of up to 36 origins in the later part of the series. The width of a
    band is the quantile of the errors of the sums from there, each as a share of what was expected, widened as
    Student's distribution is against the normal one for how few sums do not overlap. Its coverage is counted going
    forward: at each origin with a band made of the errors that were known by then.

    Args:
        values: hours, oldest first; None where nothing is known.
        horizon: how many hours to go on.
        reach: the length of the sums it is to be good at; `horizon` without it.

    Returns:
        The course; `NOTHING` with fewer than three known hours.

    Source: R. Hyndman, G. Athanasopoulos, Forecasting: principles and practice (2021), ch. 5.8 to 5.10 and 8;
    V. Vovk, A. Gammerman, G. Shafer, Algorithmic learning in a random world (2005), for bands from past errors.
    """
    series = _filled(array(values))[-MOST:]
    if series.size < LEAST:
        return NOTHING
    if series.size < LEAST_TESTED:
        return _untested(series, horizon)
    best = _best(series, min(reach or horizon, series.size // _SUMS))
    path = best.go_on(series, horizon)
    sizes = {level: _size(best.errors, level, best.apart) for level in LEVELS}
    coverage, tests = _coverage(best)
    error, scale = float(np.abs(best.errors).mean()), float(series.mean())
    return _course(
        path, best.name, int(series.size), error, scale, (sizes, coverage, tests, best.reach, best.shrinking)
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """A model and what it learnt before the first origin. It is used as it was tested, and learns nothing after."""

    forecaster: Forecaster
    learnt: Learnt

    def go_on(self, series: Floats, steps: int) -> Floats:
        found = np.maximum(self.forecaster.go_on(series, self.learnt, steps), 0.0)
        if not np.isfinite(found).all():
            raise ValueError(f"{self.forecaster.name} gives no number")
        return found


@dataclass(frozen=True, slots=True)
class _Tested:
    """Some models, the mean of whose courses was tested, and the errors: one for each origin."""

    models: tuple[_Model, ...]
    origins: Floats
    errors: Floats
    reach: int
    shrinking: float

    @property
    def name(self) -> str:
        names = [each.forecaster.name for each in self.models]
        return names[0] if len(names) == 1 else f"mean of {', '.join(names)}"

    @property
    def apart(self) -> float:
        """How many of the sums do not overlap."""
        return float(self.origins[-1] - self.origins[0]) / self.reach + 1

    def go_on(self, series: Floats, steps: int) -> Floats:
        return np.asarray(np.mean([each.go_on(series, steps) for each in self.models], axis=0), dtype=float)


def _best(series: Floats, reach: int) -> _Tested:
    """The best model, or the mean of those that are as good: which of them is best is then mostly luck."""
    first = min(max(2 * DAY, series.size // 4), series.size - reach)
    if series.size - reach - 2 * WEEK >= 2 * reach:
        first = max(first, 2 * WEEK)  # then what repeats by the week can be tried too
    origins = np.unique(np.linspace(first, series.size - reach, _ORIGINS).round().astype(int))
    few = origins[::_SCREENED]
    screened = []
    for forecaster in _models(int(first)):
        try:
            model = _Model(forecaster, forecaster.learn(series[:first]))
            error = float(np.abs(_errors(series, few, _paths(model, series, few, reach))).mean())
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            continue  # a model that cannot take this series does not stand for choice
        screened.append((error, model))
    screened.sort(key=lambda each: each[0])
    alike = [model for error, model in screened[:_KEPT] if error <= screened[0][0] * _ALIKE]
    paths = np.mean([_paths(each, series, origins, reach) for each in alike], axis=0)
    errors, shorter = _errors(series, origins, paths), paths[:, : max(reach // _PARTS, 1)]
    shrinking = _shrinking(_errors(series, origins, shorter), errors, reach / shorter.shape[1])
    return _Tested(tuple(alike), origins.astype(float), errors, reach, shrinking)


def _paths(model: _Model, series: Floats, origins: Places, reach: int) -> Floats:
    """What the model expects of each step after each origin, handed only what came before it."""
    return np.array([model.go_on(series[:at], reach) for at in origins])


def _errors(series: Floats, origins: Places, paths: Floats) -> Floats:
    """The sum that came less the one that was expected, as a share."""
    reach = paths.shape[1]
    expected = paths.sum(axis=1)
    came = np.array([series[at : at + reach].sum() for at in origins])
    usual = np.array([series[:at].mean() for at in origins])
    return np.asarray((came - expected) / _norm(expected, reach, usual), dtype=float)


def _shrinking(shorter: Floats, longer: Floats, times: float) -> float:
    """The power of a sum's length that its relative error falls with: the root where hours err by themselves, 0 where
    they err together."""
    found = float(np.abs(shorter).mean()), float(np.abs(longer).mean())
    if times <= 1 or not all(found):
        return 0.0
    return min(max(math.log(found[0] / found[1]) / math.log(times), 0.0), _ROOT)


def _models(samples: int) -> list[Forecaster]:
    found = candidates(samples, DAY if samples >= 2 * DAY else None)
    if samples >= 2 * WEEK:
        weekly = [each for each in candidates(0, WEEK) if each.name.startswith("seasonal")]
        found += [replace(each, name=f"{each.name} of the week") for each in weekly]
    return found


def _norm(expected: Floats, steps: int, usual: Floats) -> Floats:
    """What an error is a share of: half what is expected, half what is usual: a quiet hour is no division by 0."""
    return np.maximum(0.5 * expected + 0.5 * steps * usual, 1e-12)


def _size(errors: Floats, level: float, apart: float) -> float:
    """Half the width of a band, as a share."""
    half = (1 + level) / 2
    few = float(stats.t.ppf(half, max(apart - 1, 1)) / stats.norm.ppf(half))
    # The models were chosen for these errors: the next ones are a little larger.
    raised = min(level * (1 + 1 / apart), half)
    return float(np.quantile(np.abs(errors), raised, method="higher")) * few


def _coverage(tested: _Tested) -> tuple[Mapping[float, float], int]:
    held = dict.fromkeys(LEVELS, 0)
    tests = 0
    for place, at in enumerate(tested.origins):
        known = tested.errors[tested.origins + tested.reach <= at]
        if known.size < _LEAST_TESTS:
            continue
        tests += 1
        earlier = tested.origins[: known.size]
        apart = float(earlier[-1] - earlier[0]) / tested.reach + 1
        for level in LEVELS:
            held[level] += bool(abs(tested.errors[place]) <= _size(known, level, apart))
    return ({level: count / tests for level, count in held.items()} if tests else {}), tests


def _untested(series: Floats, horizon: int) -> Course:
    """Too little to test on: the mean goes on, in a band of Student's few degrees that does not narrow with the sum."""
    mean = float(series.mean())
    spread = max(float(series.std(ddof=1)), 0.25 * mean) / mean if mean > 0 else 0.0
    sizes = {level: float(stats.t.ppf((1 + level) / 2, series.size - 1)) * spread for level in LEVELS}
    return _course(np.full(horizon, mean), "mean", int(series.size), None, mean, (sizes, {}, 0, 0, 0.0))


def _filled(found: Floats) -> Floats:
    """Gaps filled from the day before, else between neighbours; what is missing before the first value is dropped."""
    known = np.flatnonzero(np.isfinite(found))
    if known.size == 0:
        return found[:0]
    series = found[known[0] : known[-1] + 1].copy()
    for place in np.flatnonzero(~np.isfinite(series)):
        if place >= DAY and np.isfinite(series[place - DAY]):
            series[place] = series[place - DAY]
    gaps = ~np.isfinite(series)
    series[gaps] = np.interp(np.flatnonzero(gaps), np.flatnonzero(~gaps), series[~gaps])
    return series
