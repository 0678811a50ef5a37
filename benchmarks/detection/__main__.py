"""Detection: ours and well-known methods on labelled series, event by event.

Thresholds of the others are the best ones on the development half; ours is its stated 0.99 everywhere. Nothing is
chosen on the held half.
"""

from __future__ import annotations

import argparse
import math
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from observatory.analytics.anomaly import ALARM, Persistence

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from detection.backgrounds import Marks, Values
from detection.methods import METHODS, Method
from detection.scoring import Tally, best_threshold, tally, together
from detection.series import Labelled, half

OURS = "ours"


def main() -> None:
    """Run and print."""
    options = _options()
    console = Console(width=150)
    bounds: dict[str, float] = {OURS: ALARM}
    for which in ("development", "held")[: 1 if options.half == "development" else 2]:
        series = half(which, options.seeds)
        events = sum(len(each.events) for each in series)
        kinds = len({each.fault for each in series if each.fault})
        console.print(f"{which} half: {len(series)} series, {kinds} kinds of fault, {events} events")
        table, ours = _table(f"{which} half, each point by itself"), None
        for name in options.methods:
            scores, spent_s = _scores(METHODS[name], series)
            bounds.setdefault(name, best_threshold(series, scores))
            alarms = [each > bounds[name] for each in scores]
            tallies = [tally(*pair) for pair in zip(series, alarms, strict=True)]
            _row(table, name, series, tallies, spent_s)
            if name == OURS:
                lasting = [tally(one, _lasting(each)) for one, each in zip(series, scores, strict=True)]
                _row(table, "ours, 3 of 5 (Persistence)", series, lasting, spent_s)
                ours = _by_kind(series, tallies)
        console.print(table, *[each for each in (ours,) if each])
    console.print(_memory(options.methods))
    console.print(f"control: 1,000,000 logarithms took {_control():.0f} ms")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "both"), default="both", help="leave the held half alone")
    parser.add_argument("--seeds", type=int, default=1, help="series of each kind")
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    return parser.parse_args()


def _scores(make: Callable[[], Method], series: Sequence[Labelled]) -> tuple[list[Values], float]:
    found, spent_s = [], 0.0
    for each in series:
        method = make()
        times, values = each.times_s.tolist(), each.values.tolist()
        began = time.process_time()
        scores = [
            method.update(when, value) if value == value else 0.0 for when, value in zip(times, values, strict=True)
        ]
        spent_s += time.process_time() - began
        found.append(np.array(scores))
    return found, spent_s


def _lasting(scores: Values) -> Marks:
    """Where alerts by persistence fire."""
    alert = Persistence()
    return np.array([alert.update(float(each)) for each in scores])


_HEADINGS = (
    "method",
    "precision",
    "recall",
    "F1",
    "median delay, points (90 %)",
    "false a day, 10 s",
    "false a day, 1 min",
    "the same, series without a fault",
    "us per point",
)


def _table(title: str, headings: Sequence[str] = _HEADINGS) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading)
    return table


def _row(table: Table, name: str, series: Sequence[Labelled], tallies: Sequence[Tally], spent_s: float) -> None:
    whole = together(tallies)
    calm = together(each for one, each in zip(series, tallies, strict=True) if not one.fault)
    delays = f"{np.median(whole.delays):.0f} ({np.quantile(whole.delays, 0.9):.0f})" if whole.delays else ""
    shares = (f"{whole.precision:.2f}", f"{whole.recall:.2f}", f"{whole.f1:.2f}", delays)
    rates = (_rate(whole, 10.0), _rate(whole, 60.0), f"{_rate(calm, 10.0)}; {_rate(calm, 60.0)}")
    table.add_row(name, *shares, *rates, f"{spent_s / whole.points * 1e6:.1f}")


def _rate(whole: Tally, step_s: float) -> str:
    rate = whole.false_per_day(step_s)
    return "" if rate is None else f"{rate:.2f}"


def _by_kind(series: Sequence[Labelled], tallies: Sequence[Tally]) -> Table:
    table = _table("ours, by kind of fault and by background", ("kind", "events", "found", "median delay", "false"))
    for of in ("fault", "background"):
        for kind in dict.fromkeys(getattr(each, of) for each in series):
            whole = together(each for one, each in zip(series, tallies, strict=True) if getattr(one, of) == kind)
            delay = f"{np.median(whole.delays):.0f}" if whole.delays else ""
            table.add_row(kind or "none", f"{whole.events}", f"{whole.recall:.0%}", delay, f"{whole.false}")
        table.add_section()
    return table


def _memory(names: Sequence[str]) -> Table:
    """What a detector weighs after 3,000 and 30,000 points, written down."""
    table = _table("bytes of a detector, written down", ("method", "after 3,000 points", "after 30,000"))
    values = np.random.default_rng(7).normal(100, 5, 30_000).tolist()
    for name in names:
        method, sizes = METHODS[name](), []
        for place, value in enumerate(values, start=1):
            method.update(60.0 * place, value)
            if place in (3_000, 30_000):
                sizes.append(_size(method))
        table.add_row(name, *sizes)
    return table


def _size(method: Method) -> str:
    try:
        return f"{len(pickle.dumps(method)):,}"
    except (TypeError, pickle.PicklingError):
        return "cannot be written down"


def _control() -> float:
    """A fixed piece of work: milliseconds that this core takes for it right now."""
    began = time.perf_counter()
    for place in range(1, 1_000_001):
        math.log(place)
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    main()
