"""Forecasts with bands whose width comes from how wrong the same model was before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from observatory.analytics.forecasters import Forecaster, candidates
from observatory.analytics.samples import Floats, array

LEVELS = (0.8, 0.95)
# Fewer samples than this are not back-tested.
LEAST_SAMPLES = 8
# The series is cut to its newest part: bounds the time, and what is older says little about the next.
MOST_SAMPLES = 1_500
_ORIGINS = 8
_LEAST_ORIGINS = 4


@dataclass(frozen=True, slots=True)
class Band:
    """Lower and upper end for each step."""

    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected course with a band for each level.

    `error` is the back-tested mean absolute error, `samples` how many values it rests on. While not `enough` the past
    is too short to have tested model and bands; then they are only wide, and without two values there is none.
    """

    mean: tuple[float, ...]
    bands: Mapping[float, Band]
    method: str
    samples: int
    enough: bool
    error: float | None


@dataclass(frozen=True, slots=True)
class _Tested:
    """A model's residuals: a row for each origin, a column for each step."""

    model: Forecaster
    residuals: Floats

    @property
    def error(self) -> float:
        return float(np.abs(self.residuals).mean())


def forecast(
    values: Sequence[float | None],
    season: int | None = None,
    horizon: int = 24,
    levels: Sequence[float] = LEVELS,
) -> Forecast:
    """Go on with a series: the model with the least error in a rolling-origin back-test, bands from its residuals.

    Up to eight origins in the later half are forecast from what came before each; the bands are conformal: quantiles of
    the absolute residuals, scaled with the step ahead, at a level raised for how few independent residuals there are.
    Steps farther than could be tested widen with the root of the distance. Of values never below 0 the bands do not go
    there.

    Args:
        values: evenly spaced, oldest first, in any unit; None and not finite ones are filled in from the season before,
            or between their neighbours.
        season: values after which the series repeats (24 for hours of the day); None, or less than 2, for none.
        horizon: how many steps to go on.
        levels: what share of the future each band is to hold, above 0 and below 1.

    Returns:
        The course and its bands. The same values give the same answer.

    Raises:
        ValueError: a level or the horizon out of its range, or a value that is no number.

    Source: R. Hyndman, G. Athanasopoulos, Forecasting: principles and practice (2021), ch. 5.10 and 8; V. Vovk,
    A. Gammerman, G. Shafer, Algorithmic learning in a random world (2005), for the bands.
    """
    if horizon < 0 or not all(0 < level < 1 for level in levels):
        raise ValueError(f"a horizon is at least 0 and levels are between 0 and 1, not {horizon} and {list(levels)}")
    season = int(season) if season is not None and season >= 2 else None
    given = array(values)
    # Numbers beyond all measure may overflow in a model, which then does not stand for choice.
    with np.errstate(all="ignore"):
        return _gone_on(_filled(given, season), int(np.isfinite(given).sum()), season, horizon, levels)


def _gone_on(series: Floats, samples: int, season: int | None, horizon: int, levels: Sequence[float]) -> Forecast:
    series = series[-max(MOST_SAMPLES, 4 * (season or 1)) :]
    rhythm = season if season is not None and season <= series.size // 3 else None
    origins = _origins(int(series.size), rhythm, horizon)
    if series.size < LEAST_SAMPLES or not origins or np.ptp(series) == 0:
        return _cold(series, samples, horizon, levels)
    reach = int(series.size) - origins[-1]
    best = min(_tested(series, origins, reach, rhythm), key=lambda each: each.error, default=None)
    if best is None:
        return _cold(series, samples, horizon, levels)
    mean = best.model.go_on(series, best.model.learn(series), horizon)
    enough = len(origins) >= _LEAST_ORIGINS and rhythm == season and horizon <= series.size
    # Origins closer than the horizon see the same points again.
    fresh = min(1.0, ((origins[-1] - origins[0]) / reach + 1) / len(origins))
    independent = fresh * _independent(best.residuals)
    bands = {level: _band(mean, _widths(best.residuals, level, independent, horizon), series) for level in levels}
    middle = np.maximum(mean, 0.0) if series.min() >= 0 else mean
    return Forecast(tuple(middle.tolist()), bands, best.model.name, samples, bool(enough), best.error)


def _origins(samples: int, season: int | None, horizon: int) -> list[int]:
    """How many samples each test is handed: evenly spaced over the later half, the last with the horizon behind it."""
    reach = max(1, min(horizon, samples // 4))
    first = max(samples // 2, 2 * (season or 1), 4)
    last = samples - reach
    if last < first:
        return []
    return sorted({round(each) for each in np.linspace(first, last, _ORIGINS)})


def _tested(series: Floats, origins: list[int], reach: int, season: int | None) -> Iterator[_Tested]:
    for model in candidates(origins[0], season):
        try:
            learnt = model.learn(series[: origins[0]])
            found = np.stack([series[at : at + reach] - model.go_on(series[:at], learnt, reach) for at in origins])
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            continue  # a model that cannot take this series does not stand for choice
        if np.isfinite(found).all():
            yield _Tested(model, found)


def _widths(residuals: Floats, level: float, independent: float, horizon: int) -> Floats:
    """Half the width of the band at each step."""
    sizes = np.abs(residuals)
    tested = np.arange(1, sizes.shape[1] + 1)
    shape = _growth(sizes.mean(axis=0), tested)
    raised = min(1.0, level * (1 + 1 / independent))
    width = float(np.quantile(sizes / shape, raised, method="higher"))
    steps = np.arange(1, horizon + 1)
    beyond = np.sqrt(np.maximum(steps / tested[-1], 1.0))
    return np.asarray(width * shape[np.minimum(steps, tested[-1]) - 1] * beyond, dtype=float)


def _growth(sizes: Floats, steps: Floats) -> Floats:
    """How the error grows with the step: a line that does not fall, 1 on average."""
    slope, start = np.polyfit(steps, sizes, 1) if steps.size > 2 else (0.0, float(sizes.mean()))
    line = start + slope * steps if slope > 0 and start + slope > 0 else np.full(steps.size, sizes.mean())
    return line / line.mean() if line.mean() > 0 else np.ones(steps.size)


def _independent(residuals: Floats) -> float:
    """How many independent residuals there are: those of one origin go wrong together."""
    origins, steps = residuals.shape
    whole = float((residuals**2).mean())
    if steps == 1 or whole == 0:
        return float(origins)
    shared = float((residuals.mean(axis=1) ** 2).mean()) / whole
    likeness = min(1.0, max(0.0, (shared * steps - 1) / (steps - 1)))
    return origins * steps / (1 + (steps - 1) * likeness)


def _band(mean: Floats, widths: Floats, series: Floats) -> Band:
    floor = 0.0 if series.min() >= 0 else -math.inf
    low, high = np.maximum(mean - widths, floor), np.maximum(mean + widths, floor)
    return Band(tuple(low.tolist()), tuple(high.tolist()))


def _cold(series: Floats, samples: int, horizon: int, levels: Sequence[float]) -> Forecast:
    """Too little to test on, or nothing that varies: the newest value goes on, in a band of Student's few degrees."""
    if series.size == 0:
        return Forecast((), {}, "none", 0, False, None)
    mean = np.full(horizon, series[-1])
    constant = series.size >= LEAST_SAMPLES and np.ptp(series) == 0
    if series.size == 1:
        return Forecast(tuple(mean.tolist()), {}, "naive", samples, False, None)
    # Few values that happen to be alike do not show that it never varies.
    size = 0.0 if constant else max(float(series.std(ddof=1)), 0.1 * float(np.abs(series).mean()))
    steps = np.sqrt(np.arange(1, horizon + 1) + 1 / series.size)
    factors = {level: float(stats.t.ppf((1 + level) / 2, series.size - 1)) for level in levels}
    bands = {level: _band(mean, factor * size * steps, series) for level, factor in factors.items()}
    return Forecast(tuple(mean.tolist()), bands, "naive", samples, bool(constant), 0.0 if constant else None)


def _filled(found: Floats, season: int | None) -> Floats:
    """Gaps filled from a season before, else between neighbours; what is missing before the first value is dropped."""
    known = np.flatnonzero(np.isfinite(found))
    if known.size == 0:
        return found[:0]
    series = found[known[0] :].copy()
    for place in np.flatnonzero(~np.isfinite(series)):
        if season is not None and place >= season and np.isfinite(series[place - season]):
            series[place] = series[place - season]
    gaps = ~np.isfinite(series)
    series[gaps] = np.interp(np.flatnonzero(gaps), np.flatnonzero(~gaps), series[~gaps])
    return series
