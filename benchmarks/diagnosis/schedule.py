"""A seeded schedule of faults for diagnosis: kinds, places, grades, two at once in some; and what their causes are."""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from alerts.schedule import ALONE, ON_S

from observatory_universe.faults import KINDS
from observatory_universe.faults.kinds import Kind

# Before the first fault and between two: so long is what each is held against.
CALM_S = 900.0
# One in so many strikes together with another.
_TOGETHER = 6
_HIDDEN = 5
_FOLDER = Path(__file__).resolve().parent
_TRUTHS: Mapping[str, Sequence[str]] = yaml.safe_load((_FOLDER / "truths.yaml").read_text(encoding="utf-8"))
_FITTING = _FOLDER.parents[1] / "server" / "tests" / "faults" / "fitting.yaml"
_WORDS = re.compile(r"[^\s/,]+")


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: at whom, how badly, from when to when, in seconds since the life began."""

    kind: str
    from_s: float
    to_s: float
    target: str | None
    grade: float

    @property
    def service(self) -> str:
        """Who shows it first, by the ground truth."""
        return KINDS[self.kind].service_of(self.target)

    @property
    def deep(self) -> bool:
        """It lies deep in the chain: who is asked about is one that calls the culprit."""
        return KINDS[self.kind].group == "code"

    def named(self, subject: str, service: str, kind: str) -> bool:
        """Whether a suspect is its cause.

        A fault that was aimed is named by its target. Else by the service that has it, or by what that service alone
        recorded of a part of itself.
        """
        truths = (self.target,) if self.target else _TRUTHS.get(self.kind, (self.service,))
        words = {subject, *_WORDS.findall(subject)}
        return bool(words & set(truths)) or (kind != "service" and not self.target and service in truths)


@dataclass(frozen=True, slots=True)
class Life:
    """One universe and what strikes it."""

    environment: str
    strikes: Sequence[Strike]
    seconds: float
    pace: Mapping[str, float] = field(default_factory=dict)


def hidden(kind: str) -> bool:
    """Whether it is of the fifth that is never used while developing, as its hash says."""
    return int(hashlib.sha256(kind.encode()).hexdigest(), 16) % _HIDDEN == 0


def draw(seed: int, faults: int, lives: int, unseen: bool, only: Sequence[str] = ()) -> list[Life]:
    """So many faults in an order that the seed gives, in universes that live side by side; and one that is well.

    Args:
        seed: the same one gives the same schedule.
        faults: how many.
        lives: universes with faults.
        unseen: kinds of the hidden fifth are drawn too.
        only: kinds to draw from; empty: all that virtual time knows and that live together.
    """
    chance = random.Random(seed)
    kinds = sorted(
        kind
        for kind, each in KINDS.items()
        if each.is_fault and not each.real_time_only and kind not in ALONE and (unseen or not hidden(kind))
        if not only or kind in only
    )
    drawn: list[str] = []
    while kinds and len(drawn) < faults:
        drawn += chance.sample(kinds, min(len(kinds), faults - len(drawn)))
    found = [_life(chance, n, drawn[n::lives]) for n in range(lives) if drawn[n::lives]]
    longest = max((each.seconds for each in found), default=2 * CALM_S)
    return [*found, Life("calm", (), min(longest, 4 * 3600.0))]


def _life(chance: random.Random, number: int, kinds: Sequence[str]) -> Life:
    lasting = yaml.safe_load(_FITTING.read_text(encoding="utf-8"))
    found, at_s, left = list[Strike](), CALM_S, list(kinds)
    while left:
        together = [left.pop(0)]
        if left and chance.random() < 1 / _TOGETHER and left[0] not in together:
            together.append(left.pop(0))
        on_s = max(ON_S, *(float(lasting.get(kind, {}).get("on_s", ON_S)) for kind in together))
        found += [_strike(chance, KINDS[kind], at_s, at_s + on_s) for kind in together]
        at_s += on_s + CALM_S
    return Life(f"life-{number}", found, at_s)


def _strike(chance: random.Random, kind: Kind, from_s: float, to_s: float) -> Strike:
    target = chance.choice(sorted(kind.targets)) if kind.targets else None
    least, usual, most = kind.grade.least, kind.grade.default, kind.grade.most
    # Half as badly as usual at the least: less may be no fault at all.
    grade = chance.choice([max(least, usual / 2), usual, math.sqrt(usual * most)])
    return Strike(kind.id, from_s, to_s, target, round(min(grade, most), 4))
