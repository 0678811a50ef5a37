"""The models that a forecast is chosen from. Each is fitted once and then asked from several origins.

A model is handed the series up to its origin. What it has learnt from an earlier part (`Learnt`) is kept between
origins, so that a back-test costs one fit and not one for each origin; nothing of what comes after an origin reaches
it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from observatory.analytics.samples import Floats

Learnt = Mapping[str, float]
_NOTHING: Learnt = {}


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A model: its name, how it learns from a series, and how it goes on from the end of one."""

    name: str
    learn: Callable[[Floats], Learnt]
    go_on: Callable[[Floats, Learnt, int], Floats]


def candidates(samples: int, season: int | None) -> list[Forecaster]:
    """The models for so many samples, simplest first (a tie goes to the simpler one).

    Args:
        samples: how many a model will at least be handed.
        season: samples after which the series repeats, or None.
    """
    found = [_plain("naive", _naive), _plain("drift", _drift), _plain("mean", _mean)]
    if season is not None:
        rhythm = season
        found += [
            _plain("seasonal naive", lambda series, horizon: _repeated(series[-rhythm:], horizon)),
            _plain("seasonal median", lambda series, horizon: _seasonal_median(series, rhythm, horizon)),
        ]
    if samples >= 10:
        found += [_smoothing("ETS(A,N,N)", None, None), _smoothing("ETS(A,Ad,N)", "add", None)]
        found += [_smoothing("ETS(A,N,A)", None, season)] if season is not None else []
        found.append(_plain("Theta", lambda series, horizon: _theta(series, season, horizon)))
    return found


def _plain(name: str, go_on: Callable[[Floats, int], Floats]) -> Forecaster:
    return Forecaster(name, lambda _: _NOTHING, lambda series, _, horizon: go_on(series, horizon))


def _naive(series: Floats, horizon: int) -> Floats:
    return np.full(horizon, series[-1])


def _mean(series: Floats, horizon: int) -> Floats:
    return np.full(horizon, series.mean())


def _drift(series: Floats, horizon: int) -> Floats:
    slope = (series[-1] - series[0]) / (series.size - 1)
    return np.asarray(series[-1] + slope * np.arange(1, horizon + 1), dtype=float)


def _repeated(season: Floats, horizon: int) -> Floats:
    return np.tile(season, -(-horizon // season.size))[:horizon]


def _seasonal_median(series: Floats, season: int, horizon: int) -> Floats:
    """The median of the last seasons (at most eight)."""
    rounds = min(8, series.size // season)
    return _repeated(np.median(series[-rounds * season :].reshape(rounds, season), axis=0), horizon)


def _smoothing(name: str, trend: str | None, season: int | None) -> Forecaster:
    form = {"trend": trend, "damped_trend": trend is not None, "seasonal": "add" if season else None}

    def model(series: Floats) -> Any:
        # statsmodels brings pandas: some 80 MB that a server which forecasts nothing need not hold.
        from statsmodels.tsa.holtwinters import ExponentialSmoothing

        return ExponentialSmoothing(series, seasonal_periods=season, initialization_method="heuristic", **form)

    def learn(series: Floats) -> Learnt:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge shows in the back-test
            found = model(series).fit().params
        return {name: float(found[name]) for name in _PARAMETERS if name in found and np.isfinite(found[name])}

    def go_on(series: Floats, learnt: Learnt, horizon: int) -> Floats:
        return np.asarray(model(series).fit(optimized=False, **learnt).forecast(horizon), dtype=float)

    return Forecaster(name, learn, go_on)


_PARAMETERS = ("smoothing_level", "smoothing_trend", "smoothing_seasonal", "damping_trend")


def _theta(series: Floats, season: int | None, horizon: int) -> Floats:
    from statsmodels.tsa.forecasting.theta import ThetaModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ThetaModel(series, period=season or 1, deseasonalize=season is not None, method="additive")
        return np.asarray(model.fit().forecast(horizon), dtype=float)
