"""The pairs of windows, from their data file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LENGTH = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Pair:
    """A long and a short window that must both burn at `factor` times the even rate; lengths in seconds."""

    name: str
    factor: float
    long_s: int
    short_s: int
    severity: str


@dataclass(frozen=True, slots=True)
class Windows:
    """What burn rates are held against.

    Attributes:
        pairs: fastest first.
        period_s: seconds over which a budget is spent.
        least_events: events that the long window must hold.
        least_bad_events: failures among them.
        burn_in_s: seconds after the first event for which nobody is told.
        source: where the numbers come from.
    """

    pairs: tuple[Pair, ...]
    period_s: int
    least_events: int
    least_bad_events: int
    burn_in_s: int
    source: str

    @property
    def lengths_s(self) -> tuple[int, ...]:
        """Every window that must be counted, shortest first, the period last."""
        return (*sorted({length for pair in self.pairs for length in (pair.long_s, pair.short_s)}), self.period_s)


@cache
def windows() -> Windows:
    """The windows of the data file. Read once."""
    told = yaml.safe_load(files(__package__).joinpath("windows.yaml").read_text(encoding="utf-8"))
    return Windows(
        pairs=tuple(_pair(each) for each in told["pairs"]),
        period_s=_seconds(told["period"]),
        least_events=int(told["least_events"]),
        least_bad_events=int(told["least_bad_events"]),
        burn_in_s=_seconds(told["burn_in"]),
        source=str(told["source"]),
    )


def _pair(told: Mapping[str, Any]) -> Pair:
    return Pair(
        str(told["name"]),
        float(told["factor"]),
        _seconds(told["long"]),
        _seconds(told["short"]),
        str(told["severity"]),
    )


def _seconds(text: str) -> int:
    match = _LENGTH.fullmatch(text)
    assert match is not None, text
    return int(match[1]) * _SECONDS[match[2]]
