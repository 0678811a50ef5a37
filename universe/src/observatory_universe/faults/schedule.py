"""Schedules: faults at given times, and faults that a seed draws. The same seed gives the same faults.

faults:                       # at given times
  - {at: 90s, kind: exchange_slow, target: kraken, grade: 12, seconds: 120}
draw:                         # and without end
  every: 10m                  # from start to start, give or take a third
  lasting: [30s, 3m]
  kinds: all                  # or kinds and groups by name
  no_faults_ratio: 0.2        # so many only look like faults
  most_at_once: 1
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from observatory_universe.chance import Chance, Stream
from observatory_universe.clock import Clock
from observatory_universe.faults.kinds import GROUPS, KINDS, Grade
from observatory_universe.faults.reading import DocumentError, complaint, shown, yaml_document
from observatory_universe.faults.registry import MOST_SECONDS, AlreadyRunningError, FaultError, Faults, settle
from observatory_universe.faults.timing import rest

_UNITS: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_GROUPS_OF_FAULTS: Final = tuple(dict.fromkeys(kind.group for kind in KINDS.values() if kind.is_fault))
_MOST_ENTRIES: Final = 10_000
# Between two of the same kind on the same target: the first has ended by then, however late its end was noticed.
_APART_S: Final = 1.0
_SHORTEST_S: Final = 0.1
_GIVE_OR_TAKE: Final = 1 / 3
_LOG = logging.getLogger(__name__)


class ScheduleError(Exception):
    """A schedule that cannot be followed; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault that a schedule starts, so many seconds after its own start."""

    offset_s: float
    kind: str
    target: str | None
    grade: float
    seconds: float

    @property
    def ends_s(self) -> float:
        return self.offset_s + self.seconds

    @property
    def place(self) -> tuple[float, str, str]:
        """Where it stands among others: the earliest first."""
        return self.offset_s, self.kind, self.target or ""


def _seconds(value: object) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if found is None:
        raise ValueError(f"{shown(value)} is no duration, must be such as 90s, 5m or 1h30m")
    seconds = sum(float(number) * unit for number, unit in zip(found.groups("0"), _UNITS.values(), strict=True))
    if seconds > MOST_SECONDS:
        raise ValueError(f"{value} is too long, must be at most 30d")
    return seconds


def _tuple(value: object) -> object:
    # YAML has lists only.
    return tuple(value) if isinstance(value, list) else value


def _names(value: object) -> object:
    return _GROUPS_OF_FAULTS if value == "all" else _tuple(value)


_Duration = Annotated[float, BeforeValidator(_seconds)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Entry(_Strict):
    """One fault at a given time. By default it has the kind's usual grade and its default target."""

    at: _Duration
    kind: str
    target: str | None = None
    grade: float | None = None
    seconds: float

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        self.planned()
        return self

    def planned(self) -> Planned:
        """The entry with its defaults filled in."""
        try:
            target, grade = settle(self.kind, self.target, self.grade, self.seconds)
        except FaultError as error:
            # What pydantic takes for a bad value.
            raise ValueError(str(error)) from None
        return Planned(self.at, self.kind, target, grade, self.seconds)


class Draw(_Strict):
    """How faults are drawn.

    Attributes:
        every: mean seconds from one start to the next.
        lasting: least and most seconds.
        kinds: `all` faults, or kinds and groups by name. What only looks like a fault is drawn from among them, or from
            all there is where none is named.
        no_faults_ratio: the share of the drawn that only look like faults.
        most_at_once: a further one waits until one has ended.
    """

    every: _Duration
    lasting: Annotated[tuple[_Duration, _Duration], BeforeValidator(_tuple)]
    kinds: Annotated[tuple[str, ...], BeforeValidator(_names), Field(min_length=1)] = _GROUPS_OF_FAULTS
    no_faults_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    most_at_once: Annotated[int, Field(ge=1, le=20)] = 1

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.every < _APART_S:
            raise ValueError(f"every is {self.every:g} s, must be at least {_APART_S:g} s")
        if not _SHORTEST_S <= self.lasting[0] <= self.lasting[1]:
            raise ValueError(f"lasting must be at least {_SHORTEST_S:g} s, the shorter first")
        for name in self.kinds:
            if name not in KINDS and name not in GROUPS:
                raise ValueError(
                    f"kinds names {shown(name)}, must be all, kinds or groups; groups are {', '.join(GROUPS)}"
                )
        if self.no_faults_ratio < 1 and not self.chosen(is_fault=True):
            raise ValueError(f"kinds names no fault, and no_faults_ratio {self.no_faults_ratio:g} wants some")
        if self.no_faults_ratio == 0 and self._named(is_fault=False):
            raise ValueError("kinds names what is no fault, and no_faults_ratio 0 draws none")
        return self

    def chosen(self, *, is_fault: bool) -> list[str]:
        """The kinds that may be drawn, of faults or of what only looks like one."""
        named = self._named(is_fault=is_fault)
        return named if named or is_fault else [kind.id for kind in KINDS.values() if not kind.is_fault]

    def _named(self, *, is_fault: bool) -> list[str]:
        every = (kind for kind in KINDS.values() if kind.is_fault == is_fault)
        return [kind.id for kind in every if {kind.id, kind.group} & set(self.kinds)]


class Schedule(_Strict):
    """A schedule as its file has it."""

    faults: Annotated[tuple[Entry, ...], BeforeValidator(_tuple), Field(max_length=_MOST_ENTRIES)] = ()
    draw: Draw | None = None

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if not self.faults and self.draw is None:
            raise ValueError("it starts nothing: give it faults, draw or both")
        numbered = [(entry.planned(), number) for number, entry in enumerate(self.faults, 1)]
        last: dict[tuple[str, str | None], tuple[float, int]] = {}
        for planned, number in sorted(numbered, key=lambda pair: pair[0].place):
            same = (planned.kind, planned.target)
            ends_s, before = last.get(same, (-_APART_S, 0))
            if planned.offset_s < ends_s + _APART_S:
                running = f"entry {before} runs, or within {_APART_S:g} s of its end"
                raise ValueError(f"faults, entry {number} starts {planned.kind} while {running}")
            last[same] = (planned.ends_s, number)
        return self


def read(path: Path) -> Schedule:
    """A schedule from its file.

    Raises:
        ScheduleError: the file cannot be read, or is no schedule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScheduleError(f"cannot read the schedule {path}: {error}") from None
    return parse(text, path.name)


def parse(text: str, name: str = "the schedule") -> Schedule:
    """A schedule from its text.

    Raises:
        ScheduleError: it is no schedule; the message names the entry, the field, the value and what is allowed.
    """
    try:
        return Schedule.model_validate(yaml_document(text, name))
    except DocumentError as error:
        raise ScheduleError(str(error)) from None
    except ValidationError as error:
        raise ScheduleError(f"{name}: {complaint(error)}") from None


def plan(schedule: Schedule, seed: int, seconds: float | None = None) -> Iterator[Planned]:
    """What the schedule starts, in order: the same for the same seed.

    Args:
        seconds: what starts later is left out; None: a schedule that draws never ends.
    """
    given = sorted((entry.planned() for entry in schedule.faults), key=lambda planned: planned.place)
    drawn = _drawn(schedule.draw, Chance(seed), given) if schedule.draw else iter(())
    return takewhile(
        lambda planned: seconds is None or planned.offset_s < seconds,
        merge(given, drawn, key=lambda planned: planned.place),
    )


async def follow(planned: Iterable[Planned], faults: Faults, clock: Clock) -> None:
    """Starts what is planned, each at its time from now on, until the plan ends or the clock is hurried.

    What somebody else has started already is logged and left out.

    Raises:
        FaultError: a fault cannot be written down.
    """
    begun_s = clock.now_s()
    for each in planned:
        if not await rest(clock, begun_s + each.offset_s - clock.now_s()):
            return
        # One that ends in this moment may make room for this one.
        faults.expire()
        try:
            faults.begin(each.kind, each.target, each.grade, each.seconds, source="schedule")
        except AlreadyRunningError as error:
            _LOG.warning("the schedule's %s is left out: %s", each.kind, error)


def _drawn(draw: Draw, chance: Chance, given: Sequence[Planned]) -> Iterator[Planned]:
    when, what = chance.of("faults: when"), chance.of("faults: what")
    faults = _in_turn(draw.chosen(is_fault=True), what)
    no_faults = _in_turn(draw.chosen(is_fault=False), what)
    running: list[Planned] = []
    offset_s = 0.0
    while True:
        gap_s = draw.every * when.between(1 - _GIVE_OR_TAKE, 1 + _GIVE_OR_TAKE)
        seconds = round(when.between(*draw.lasting), 3)
        offset_s = round(_room_s(offset_s + gap_s, running, draw.most_at_once), 3)
        kind = next(no_faults if what.happens(draw.no_faults_ratio) else faults)
        planned = _aimed(kind, offset_s, seconds, what)
        if not _meets(planned, [*running, *given]):
            running = [each for each in running if each.ends_s + _APART_S > offset_s] + [planned]
            yield planned


def _room_s(wanted_s: float, running: Sequence[Planned], most: int) -> float:
    """When there is room for one more."""
    ends_s = sorted((each.ends_s for each in running), reverse=True)
    return wanted_s if len(ends_s) < most else max(wanted_s, ends_s[most - 1] + _APART_S)


def _meets(planned: Planned, others: Iterable[Planned]) -> bool:
    """The same kind runs on the same target within its time."""
    return any(
        (each.kind, each.target) == (planned.kind, planned.target)
        and each.offset_s < planned.ends_s + _APART_S
        and planned.offset_s < each.ends_s + _APART_S
        for each in others
    )


def _in_turn(kinds: Sequence[str], what: Stream) -> Iterator[str]:
    """Each once in a drawn order, then anew: a long schedule leaves none out."""
    while kinds:
        yield from what.some(kinds, len(kinds))


def _aimed(kind: str, offset_s: float, seconds: float, what: Stream) -> Planned:
    known = KINDS[kind]
    target = what.pick(known.targets) if known.targets else None
    return Planned(offset_s, kind, target, _grade(known.grade, what), seconds)


def _grade(grade: Grade, what: Stream) -> float:
    """The usual grade in half of the draws, else one below or above it."""
    if what.happens(0.5):
        return grade.default
    low, high = (grade.least, grade.default) if what.happens(0.5) else (grade.default, grade.most)
    return float(f"{what.between(low, high):.3g}")
