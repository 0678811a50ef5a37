"""Ours and its peers on made-up platforms: who ranks the cause first, and who blames somebody when nothing is wrong.

Goals: on the universe, see `benchmarks/diagnosis`; here: better than each peer, false confidence at most 2 %.
Develop on seeds 1 to 20 and report on 101 to 120.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rootcause import peers
from rootcause.generate import Case, case

from observatory.diagnose import rank

METHODS: dict[str, Callable[[Case], list[str]]] = {
    "ours": lambda given: [
        each.service for each in rank(given.metrics, given.times, given.edges, given.target, given.told)
    ],
    "robust scorer": peers.robust,
    "largest z": peers.largest_z,
    "random walk": peers.walk,
}


def main() -> None:
    """Draw, rank, print."""
    options = _options()
    ranks: dict[str, list[tuple[int, Case]]] = defaultdict(list)
    took: dict[str, float] = defaultdict(float)
    for given in (case(seed, n) for seed in options.seeds for n in range(options.cases)):
        for name in METHODS if not options.ours else ["ours"]:
            began = time.perf_counter()
            found = METHODS[name](given)
            took[name] += time.perf_counter() - began
            ranks[name].append((_place(found, given), given))
    blamed = _blamed(options)
    _print(ranks, took)
    for title, of in (("fault", _fault), ("noise", _noise), ("topology", _topology), ("onset", _told)):
        _print_parts(ranks, title, of)
    share = blamed / max(1, options.calm * len(options.seeds))
    Console().print(f"false confidence: {blamed} of {options.calm * len(options.seeds)} calm sets ({share:.2%})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--cases", type=int, default=50, help="with a fault, of each seed")
    parser.add_argument("--calm", type=int, default=50, help="without one, of each seed")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    return parser.parse_args()


def _blamed(options: argparse.Namespace) -> int:
    calm = (case(seed, n, fault=False) for seed in options.seeds for n in range(options.calm))
    return sum(bool(METHODS["ours"](given)) for given in calm)


def _place(found: list[str], given: Case) -> int:
    """1 for the first; 0 when the cause is not among them."""
    assert given.cause is not None
    return found.index(given.cause[0]) + 1 if given.cause[0] in found else 0


def _fault(given: Case) -> str:
    return given.cause[1] if given.cause else ""


def _noise(given: Case) -> str:
    return given.noise


def _topology(given: Case) -> str:
    return given.topology


def _told(given: Case) -> str:
    return "looked for" if given.told is None else "told" if given.told == given.began else "told late"


def _within(places: list[int], most: int) -> float:
    return sum(1 <= place <= most for place in places) / max(1, len(places))


def _print(ranks: dict[str, list[tuple[int, Case]]], took: dict[str, float]) -> None:
    table = Table(title="root causes on made-up platforms")
    for name in ("method", "cases", "AC@1", "AC@3", "Avg@5", "ms a case"):
        table.add_column(name, justify="right")
    for name, found in ranks.items():
        places = [place for place, _ in found]
        average = sum(_within(places, most) for most in range(1, 6)) / 5
        table.add_row(
            name,
            str(len(places)),
            f"{_within(places, 1):.3f}",
            f"{_within(places, 3):.3f}",
            f"{average:.3f}",
            f"{1000 * took[name] / max(1, len(places)):.1f}",
        )
    Console(width=140).print(table)


def _print_parts(ranks: dict[str, list[tuple[int, Case]]], title: str, of: Callable[[Case], str]) -> None:
    table = Table(title=f"AC@1 by {title}")
    groups = sorted({of(given) for _, given in next(iter(ranks.values()))})
    for name in ("method", *groups):
        table.add_column(name, justify="right")
    for name, found in ranks.items():
        shares = [_within([place for place, given in found if of(given) == group], 1) for group in groups]
        table.add_row(name, *(f"{share:.2f}" for share in shares))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
