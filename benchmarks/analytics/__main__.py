"""Analytics: what the detector costs, how often it alarms for nothing, what it sees, and whether bands hold.

Every series is made here from fixed seeds, so that two runs differ in their times only.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from observatory.analytics import change
from observatory.analytics.anomaly import ALARM, Detector, Persistence
from observatory.analytics.forecast import forecast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from analytics.series import BROKEN, FUTURES, NOISE, STEP_S, Series

DAYS = 3
HORIZON = 24
CHECKED = 300  # points after a fault in which it may be seen


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="series of each kind")
    seeds = parser.parse_args().seeds
    console = Console(width=120)
    console.print(_false_alarms(seeds), _seen(seeds), _bands(seeds), _changes(10 * seeds))
    console.print(f"control: 1,000,000 logarithms took {_control():.0f} ms")


def _false_alarms(seeds: int) -> Table:
    table = _table(
        f"the detector on {seeds} x {DAYS} days without a fault, a point each {STEP_S:.0f} s",
        ("noise", "points above 0.99, per 1,000 (stated: at most 1)", "alerts per day (3 of 5)", "us per point"),
    )
    for name, make in NOISE.items():
        above, alerts, points, spent_s = 0, 0, 0, 0.0
        for seed in range(seeds):
            values = make(np.random.default_rng(seed), int(DAYS * 86_400 / STEP_S)).tolist()
            began = time.process_time()
            scores = _scores(values)
            spent_s += time.process_time() - began
            points += len(values)
            above += sum(each > ALARM for each in scores)
            alerts += _alerts(scores)
        row = (f"{above / points * 1_000:.2f}", f"{alerts / (seeds * DAYS):.2f}", f"{spent_s / points * 1e6:.1f}")
        table.add_row(name, *row)
    return table


def _seen(seeds: int) -> Table:
    table = _table(
        f"the detector on faults after 3 days, {seeds * len(NOISE_OF_FAULTS)} of each kind",
        ("fault", "seen", "median delay, points"),
    )
    for fault, spoil in BROKEN.items():
        delays: list[float] = []
        for noise in NOISE_OF_FAULTS:
            for seed in range(1_000, 1_000 + seeds):
                random = np.random.default_rng(seed)
                values = NOISE[noise](random, 4_800)
                scores = _scores(spoil(values, 4_320, random).tolist())[4_320 : 4_320 + CHECKED]
                delays.append(next((place for place, each in enumerate(scores) if each > ALARM), math.inf))
        found = [each for each in delays if each < math.inf]
        table.add_row(fault, f"{len(found) / len(delays):.0%}", f"{np.median(found):.0f}" if found else "")
    return table


NOISE_OF_FAULTS = ("normal", "memory 0.5", "lognormal", "season, level")


def _bands(seeds: int) -> Table:
    table = _table(
        f"forecasts of {HORIZON} hours, {2 * seeds} of each kind: share of what came that the bands held",
        ("series", "past", "80 % band", "95 % band", "error per seasonal naive's", "ms CPU, median / largest"),
    )
    forecast([1.0, 2.0, 3.0, 4.0] * 20, 4, 4)  # the libraries are loaded by the first
    for days in (7, 30):
        for name, make in FUTURES.items():
            rows = [_held(make, days * 24, seed) for seed in range(2 * seeds)]
            narrow, wide, error, naive, spent_ms = (np.array(each) for each in zip(*rows, strict=True))
            table.add_row(
                name,
                f"{days} days",
                f"{narrow.mean():.0%}",
                f"{wide.mean():.0%}",
                f"{error.sum() / naive.sum():.2f}",
                f"{np.median(spent_ms):.0f} / {spent_ms.max():.0f}",
            )
    return table


def _held(make: Series, past: int, seed: int) -> tuple[float, float, float, float, float]:
    series = make(np.random.default_rng(seed), past + HORIZON)
    came = series[past:]
    began = time.process_time()
    found = forecast(series[:past].tolist(), 24, HORIZON)
    spent_ms = (time.process_time() - began) * 1_000
    held = [float(np.mean((came >= band.low) & (came <= band.high))) for band in found.bands.values()]
    error = float(np.abs(came - np.array(found.mean)).mean())
    return held[0], held[1], error, float(np.abs(came - series[past - 24 : past]).mean()), spent_ms


def _changes(seeds: int) -> Table:
    table = _table(
        f"change points in 200 points, {seeds} series of each kind",
        ("noise", "any found where none is", "a shift of 3 deviations found within 2 points"),
    )
    for name, make in NOISE.items():
        false, found = 0, 0
        for seed in range(seeds):
            values = make(np.random.default_rng(seed), 200)
            false += bool(change.points(values.tolist()))
            values[100:] += 3 * values.std()
            found += any(abs(each - 100) <= 2 for each in change.points(values.tolist()))
        table.add_row(name, f"{false / seeds:.0%}", f"{found / seeds:.0%}" if values.std() > 0 else "")
    return table


def _scores(values: list[float]) -> list[float]:
    detector = Detector()
    return [detector.update(place * STEP_S, value) for place, value in enumerate(values)]


def _alerts(scores: list[float]) -> int:
    alert, found, was = Persistence(), 0, False
    for score in scores:
        firing = alert.update(score)
        found += firing and not was
        was = firing
    return found


def _control() -> float:
    """A fixed piece of work: milliseconds that this core takes for it right now."""
    began = time.perf_counter()
    for place in range(1, 1_000_001):
        math.log(place)
    return (time.perf_counter() - began) * 1_000


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading)
    return table


if __name__ == "__main__":
    main()
