"""A seeded schedule: which faults strike when, spread over a few universes that live side by side."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from observatory.replay import Label
from observatory_universe.faults import KINDS

# Some indicators compare the newest five minutes with as long a time before.
WARM_S = 600.0
ON_S = 180.0
# Windows of five minutes have to let go of one before the next begins.
GAP_S = 330.0
# After the last one: windows of five minutes, what rules keep firing for, and some rounds.
LAST_S = 420.0
# One in five that only look like faults: nothing may fire on them.
_HARMLESS = 5
# These live alone: the one leaves a trace in windows of a day, the other needs sessions of the beginning to stay.
ALONE: Mapping[str, Mapping[str, float]] = {"websocket_drop": {"most_users": 60}, "ai_miscalibrated": {}}
_FITTING = Path(__file__).resolve().parents[2] / "server" / "tests" / "faults" / "fitting.yaml"


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: from when to when, in seconds since the life began."""

    kind: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Life:
    """One universe and what strikes it.

    Attributes:
        pace: what is another than usual in its pace.
    """

    environment: str
    strikes: Sequence[Strike]
    pace: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it lives."""
        return self.strikes[-1].to_s + LAST_S

    def labels(self, start: datetime) -> list[Label]:
        """What was really wrong."""
        return [
            Label(
                id=f"{self.environment}/{each.kind}@{each.from_s:.0f}",
                start=start + timedelta(seconds=each.from_s),
                end=start + timedelta(seconds=each.to_s),
                areas=KINDS[each.kind].expected,
                permitted=KINDS[each.kind].permitted,
                fault=KINDS[each.kind].is_fault,
            )
            for each in self.strikes
        ]


def draw(seed: int, faults: int, lives: int, only: Sequence[str] = ()) -> list[Life]:
    """So many faults, and one in five more that only look like some, in an order that the seed gives.

    Args:
        seed: the same one gives the same schedule.
        faults: how many.
        lives: universes, beside those of kinds that live alone.
        only: kinds to draw from; empty: all that virtual time knows.
    """
    chance = random.Random(seed)
    known = sorted(kind for kind, each in KINDS.items() if not each.real_time_only and (not only or kind in only))
    real = _drawn(chance, [kind for kind in known if KINDS[kind].is_fault], faults)
    harmless = _drawn(chance, [kind for kind in known if not KINDS[kind].is_fault], len(real) // _HARMLESS)
    together = [kind for kind in (*real, *harmless) if kind not in ALONE]
    chance.shuffle(together)
    found = [Life(f"life-{n}", _one_after_the_other(together[n::lives])) for n in range(lives) if together[n::lives]]
    alone = [kind for kind in real if kind in ALONE]
    return found + [
        Life(f"alone-{n}-{kind}", _one_after_the_other([kind]), ALONE[kind]) for n, kind in enumerate(alone)
    ]


def start(lives: Sequence[Life], now: datetime) -> datetime:
    """When all of them begin, so that the longest has ended by now."""
    return (now - timedelta(seconds=max(each.seconds for each in lives))).astimezone(UTC).replace(microsecond=0)


def _drawn(chance: random.Random, kinds: Sequence[str], count: int) -> list[str]:
    """All kinds once before one comes twice."""
    found: list[str] = []
    while kinds and len(found) < count:
        found += chance.sample(kinds, min(len(kinds), count - len(found)))
    return found


def _one_after_the_other(kinds: Sequence[str]) -> list[Strike]:
    lasting = yaml.safe_load(_FITTING.read_text(encoding="utf-8"))
    found, at_s = list[Strike](), WARM_S
    for kind in kinds:
        found.append(Strike(kind, at_s, at_s + float(lasting.get(kind, {}).get("on_s", ON_S))))
        at_s = found[-1].to_s + GAP_S
    return found
