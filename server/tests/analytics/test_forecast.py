"""Forecasts: bands that hold, honesty when cold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analytics.forecast import forecast


def _day(count: int) -> np.ndarray:
    return 100 + 20 * np.sin(2 * np.pi * np.arange(count) / 24)


@pytest.mark.parametrize("kind", ["season", "walk"])
def test_the_band_holds_about_what_it_says(kind: str) -> None:
    random = np.random.default_rng(11)
    held: list[float] = []
    for _ in range(4):
        series = {
            "season": _day(216) + random.normal(0, 5, 216),
            "walk": 100 + np.cumsum(random.normal(size=216)),
        }[kind]
        found = forecast(series[:192].tolist(), 24, 24, [0.8])
        band = found.bands[0.8]
        held.append(float(np.mean((series[192:] >= band.low) & (series[192:] <= band.high))))
    assert 0.55 <= np.mean(held) <= 0.98


def test_a_season_is_gone_on_with() -> None:
    series = _day(240)
    found = forecast(series[:216].tolist(), 24, 24)
    assert found.enough
    assert found.mean == pytest.approx(series[216:], abs=0.5)
    assert "seasonal" in found.method or "N,A" in found.method or found.method == "Theta"


def test_a_trend_is_gone_on_with() -> None:
    found = forecast([3.0 * place for place in range(60)], None, 5)
    assert found.mean == pytest.approx([180, 183, 186, 189, 192], abs=0.5)


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=30), st.sampled_from([None, 1, 4, 24]))
@settings(max_examples=25, deadline=None)
def test_any_values_have_an_answer_and_always_the_same(values: list[float | None], season: int | None) -> None:
    found = forecast(values, season, 4, [0.5, 0.9])
    assert found == forecast(values, season, 4, [0.5, 0.9])
    known = [each for each in values if each is not None]
    assert found.samples == len(known)
    assert len(found.mean) == (4 if known else 0)
    for level in found.bands:
        band = found.bands[level]
        assert all(
            0 <= low <= mean + 1e-9 <= high + 2e-9
            for low, mean, high in zip(band.low, found.mean, band.high, strict=True)
        )
    if len(found.bands) == 2:
        assert found.bands[0.9].high[0] >= found.bands[0.5].high[0]


@pytest.mark.parametrize("values", [[], [None], [5.0], [5.0, 6.0], [5.0] * 4])
def test_cold_is_not_enough(values: list[float | None]) -> None:
    found = forecast(values, 24, 3)
    assert not found.enough
    assert bool(found.bands) == (len(values) > 1)


def test_few_values_have_wide_bands() -> None:
    few, many = forecast([10, 12, 9], None, 1, [0.8]), forecast([10, 12, 9, 11, 10, 13, 8, 11] * 10, None, 1, [0.8])
    widths = [each.bands[0.8].high[0] - each.bands[0.8].low[0] for each in (few, many)]
    assert widths[0] > widths[1]


def test_less_than_three_seasons_are_not_enough_for_the_season() -> None:
    assert not forecast(_day(60).tolist(), 24, 24).enough


def test_what_never_varied_stays() -> None:
    found = forecast([7.0] * 50, 24, 3)
    assert found.mean == (7.0, 7.0, 7.0)
    assert found.bands[0.8].low == (7.0, 7.0, 7.0)


def test_holes_are_filled_from_the_season() -> None:
    series: list[float | None] = [float(each) for each in _day(240)]
    series[100:110] = [None] * 10
    series[150] = math.inf
    found = forecast(series, 24, 24)
    assert found.mean == pytest.approx(_day(264)[240:], abs=1)


def test_bands_widen_beyond_what_could_be_tested() -> None:
    random = np.random.default_rng(2)
    found = forecast((50 + random.normal(0, 5, 40)).tolist(), None, 100)
    assert not found.enough
    band = found.bands[0.8]
    assert band.high[-1] - band.low[-1] > 1.5 * (band.high[9] - band.low[9])


@pytest.mark.parametrize(
    "values",
    [[1e300, -1e300] * 30, [1e-300 * each for each in range(40)], [True, False] * 20, [-1e308, 1e308, None] * 10],
)
def test_numbers_beyond_all_measure_have_an_answer(values: list[float | None]) -> None:
    assert len(forecast(values, None, 3).mean) == 3


@pytest.mark.parametrize("season", [-5, 0, 1, None])
def test_less_than_two_is_no_season(season: int | None) -> None:
    values = [1.0, None, 3.0, 2.0] * 10
    assert forecast(values, season, 3) == forecast(values, None, 3)


def test_values_are_read_once() -> None:
    assert forecast((float(each) for each in range(60)), None, 2).samples == 60  # type: ignore[arg-type]


@pytest.mark.parametrize(("horizon", "levels"), [(-1, [0.8]), (3, [0.0]), (3, [1.0]), (3, [95.0]), (3, [math.nan])])
def test_a_level_or_a_horizon_out_of_range_is_refused(horizon: int, levels: list[float]) -> None:
    with pytest.raises(ValueError, match="levels are between 0 and 1"):
        forecast([1.0, 2.0] * 20, None, horizon, levels)
