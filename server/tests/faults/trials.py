"""Faults tried on universes in past time, one after the other, and what the store then says of each."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from live.door import Open

from observatory.clock import HeldClock
from observatory.model import Finding
from observatory.store import Store
from observatory_universe.faults import KINDS

from . import lives
from .judging import Judge, Look
from .lives import Life, Strike

SEED = 7
# Some indicators compare the newest five minutes with as long a time before.
WARM_S = 600.0
ON_S = 180.0
# Windows of five minutes have let go of what was. The next kind has to wait for that: a smaller gap
# charged it with what the one before had moved.
FORGOTTEN_S = 330.0
GAP_S = FORGOTTEN_S
# Kinds that live alone, and what is another in the pace of their universe. Only users of the beginning have a browser
# session: with so many still to come they stay. The calibration of a day does not forget what was before.
ALONE: Mapping[str, Mapping[str, float]] = {"websocket_drop": {"most_users": 60}, "ai_miscalibrated": {}}
_SHARE = 13


@dataclass(frozen=True)
class Fitting:
    """By the areas that must show a kind, the names of the indicators that fit it; for how many seconds it strikes."""

    areas: Mapping[str, Sequence[str]]
    on_s: float


@dataclass(frozen=True)
class Trial:
    """One kind as the store tells of it.

    Attributes:
        before: the look as it began.
        during: those from then until the next kind began.
        later: those when windows of five minutes had let go of it.
    """

    kind: str
    before: Look
    during: Sequence[Look]
    later: Sequence[Look]

    def news(self, area: str) -> dict[tuple[str, str], Finding]:
        """What got beyond a bound in the area that was within it before, or further beyond: the newest finding each."""
        stood = self.before.bad[area]
        return {
            key: found
            for look in self.during
            for key, found in look.bad[area].items()
            if key not in stood or found.health.rank > stood[key].health.rank
        }


@cache
def fitting() -> Mapping[str, Fitting]:
    """By kind, what `fitting.yaml` says."""
    text = Path(__file__).with_name("fitting.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {kind: Fitting(areas, float(areas.pop("on_s", ON_S))) for kind, areas in found.items()}


def on_s(kind: str) -> float:
    """For how many seconds the kind strikes."""
    return fitting()[kind].on_s if kind in fitting() else ON_S


def shown() -> list[str]:
    """The kinds that virtual time knows of."""
    return sorted(kind.id for kind in KINDS.values() if not kind.real_time_only)


def sample() -> list[str]:
    """One of thirteen kinds, always the same ones, no favourites; one that only looks like a fault is among them."""
    by_lot = sorted(shown(), key=lambda kind: zlib.crc32(kind.encode()))
    faults = [kind for kind in by_lot if KINDS[kind].is_fault and on_s(kind) == ON_S and kind not in ALONE]
    harmless = [kind for kind in by_lot if not KINDS[kind].is_fault]
    return [*faults[: len(by_lot) // _SHARE - 1], harmless[0]]


def in_order(kinds: Sequence[str]) -> list[str]:
    """The kinds by lot, such that none has to show in an area that the one before it has moved, where that can be."""
    left, found = sorted(kinds), list[str]()
    random.Random(SEED).shuffle(left)
    while left:
        moved = {*KINDS[found[-1]].expected, *KINDS[found[-1]].permitted} if found else set()
        found.append(next((kind for kind in left if not moved & set(KINDS[kind].expected)), left[0]))
        left.remove(found[-1])
    return found


def strikes(kinds: Sequence[str]) -> list[Strike]:
    """One after the other."""
    found, at_s = list[Strike](), WARM_S
    for kind in kinds:
        found.append(Strike(kind, at_s, at_s + on_s(kind)))
        at_s = found[-1].to_s + GAP_S
    return found


def tried(
    store: Store, door: Open, folder: Path, plans: Mapping[str, Sequence[str]], every_s: float
) -> dict[str, Trial]:
    """Lets a universe live for each plan, and looks at them as if it were then. Plans are kinds by environment.

    Args:
        every_s: how often it looks while a fault strikes and until the next one.
    """
    struck = {name: strikes(kinds) for name, kinds in plans.items()}
    seconds = {name: each[-1].to_s + FORGOTTEN_S for name, each in struck.items()}
    # The one that is the longest ends about now.
    start_s = int(time.time() - max(seconds.values()))
    where = (door.url, door.token)
    paces = {name: ALONE.get(kinds[0], {}) for name, kinds in plans.items()}
    lived(
        [Life(start_s * 10**9, seconds[name], *where, name, SEED, each, paces[name]) for name, each in struck.items()],
        folder,
    )
    looks = asyncio.run(_looked(store, start_s, struck, every_s))
    return {trial.kind: trial for name, each in struck.items() for trial in _trials(each, looks[name])}


def lived(each: Sequence[Life], folder: Path) -> None:
    """Lives all of these at the same time, each in a process of its own."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for life in each:
            path = folder / f"{life.environment}.json"
            life.write(path)
            started.append(subprocess.Popen([sys.executable, lives.__file__, str(path)]))
        for life, process in zip(each, started, strict=True):
            assert process.wait() == 0, f"the life of {life.environment} broke off"
    finally:
        for process in started:
            process.kill()
            process.wait()


async def _looked(
    store: Store, start_s: int, struck: Mapping[str, Sequence[Strike]], every_s: float
) -> dict[str, list[Look]]:
    """The looks at each environment, in order."""
    wanted: dict[float, list[str]] = {}
    for name, each in struck.items():
        for at_s in _moments(each, every_s):
            wanted.setdefault(at_s, []).append(name)
    found: dict[str, list[Look]] = {name: [] for name in struck}
    looks = Judge(store, HeldClock(datetime.fromtimestamp(start_s, UTC)))
    for at_s in sorted(wanted):
        for name, look in (await looks.look(at_s, wanted[at_s])).items():
            found[name].append(look)
    return found


def _moments(struck: Sequence[Strike], every_s: float) -> set[float]:
    """When to look: as each begins, now and then until the next one does, and when all should be well again."""
    found = {struck[-1].to_s + FORGOTTEN_S}
    for strike in struck:
        found |= {strike.from_s, strike.to_s, strike.to_s + GAP_S}
        found |= {strike.from_s + n * every_s for n in range(1, int((on_s(strike.kind) + GAP_S) // every_s))}
    return found


def _trials(struck: Sequence[Strike], looks: Sequence[Look]) -> Iterator[Trial]:
    for strike in struck:
        end_s = strike.to_s + GAP_S
        yield Trial(
            strike.kind,
            next(look for look in looks if look.at_s == strike.from_s),
            [look for look in looks if strike.from_s < look.at_s <= end_s],
            [look for look in looks if look.at_s >= strike.to_s + FORGOTTEN_S],
        )
