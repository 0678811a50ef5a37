"""The faults that are active now."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, Protocol

from observatory_universe.faults.kinds import KINDS, Kind
from observatory_universe.faults.reading import shown

# Who started a fault: a program in the process (as tests do), a request, the terminal's menu, or a schedule.
Source = Literal["code", "http", "menu", "schedule"]

MOST_SECONDS: Final = 30 * 86_400
_LOG = logging.getLogger(__name__)


class FaultError(Exception):
    """A fault that cannot be started or ended; the message says what is wrong and what is allowed."""


class AlreadyRunningError(FaultError):
    """The same kind runs on the same target already."""

    def __init__(self, running: "Active") -> None:
        where = f" on {running.target}" if running.target else ""
        super().__init__(f"{running.kind} runs{where} already, as {running.id}: end that one first")
        self.running = running


class NotRunningError(FaultError):
    """No such fault is running."""


@dataclass(frozen=True, slots=True)
class Active:
    """One running fault. `target` is None when it strikes everything it can; times in nanoseconds since 1970."""

    id: str
    kind: str
    target: str | None
    grade: float
    started_ns: int
    ends_ns: int | None
    source: Source = "code"


Listener = Callable[[Active, bool], None]


class Witness(Protocol):
    """Who writes down what begins and ends."""

    begun: int
    """The number in the last id that was ever given; 0 before the first."""

    def begins(self, fault: Active) -> None:
        """Told before the fault strikes. When it raises a FaultError, the fault does not start."""

    def ended(self, fault: Active, ended_ns: int) -> None:
        """Told once the fault strikes no more."""


class Faults:
    """What is wrong now. The far end and the services ask here before they do their work.

    Args:
        now_ns: the wall time in nanoseconds since 1970.
        witness: is told of each fault before it strikes, and counts on from the faults that it knows of.
    """

    def __init__(self, now_ns: Callable[[], int], witness: Witness | None = None) -> None:
        self._now_ns = now_ns
        self._witness = witness
        self._active: dict[str, Active] = {}
        # Kind to target to grade, ready to be read: `grade` is asked thousands of times a second.
        self._grades: dict[str, dict[str | None, float]] = {kind: {} for kind in KINDS}
        self._listeners: list[Listener] = []
        self._begun = witness.begun if witness else 0

    def grade(self, kind: str, target: str | None = None) -> float | None:
        """How badly `kind` strikes `target` now; None when it does not.

        Raises:
            KeyError: there is no such kind. (A slip in the asking code: it would be a fault that never strikes.)
        """
        grades = self._grades[kind]
        return grades.get(target, grades.get(None)) if grades else None

    def active(self) -> list[Active]:
        """All running faults, the oldest first."""
        return list(self._active.values())

    def listen(self, listener: Listener) -> Callable[[], None]:
        """From now on `listener(fault, started)` is called whenever a fault has started (True) or ended (False).

        A listener that raises is logged and keeps no other from being called.

        Returns:
            What to call to listen no more.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def begin(
        self,
        kind: str,
        target: str | None = None,
        grade: float | None = None,
        seconds: float | None = None,
        *,
        source: Source = "code",
    ) -> Active:
        """Starts a fault.

        Args:
            target: by default everything that the kind can strike, or its first target where it strikes only one.
            grade: by default the kind's usual one.
            seconds: how long it lasts; None: until `end`.

        Raises:
            FaultError: unknown kind or target, a grade or a duration out of range, or it cannot be written down.
            AlreadyRunningError: the kind runs on this target already.
        """
        target, grade = settle(kind, target, grade, seconds)
        for running in self._active.values():
            if (running.kind, running.target) == (kind, target):
                raise AlreadyRunningError(running)
        now_ns = self._now_ns()
        self._begun += 1
        ends_ns = None if seconds is None else now_ns + round(seconds * 1e9)
        fault = Active(f"fault-{self._begun:04d}", kind, target, grade, now_ns, ends_ns, source)
        if self._witness is not None:
            self._witness.begins(fault)
        self._put(fault)
        return fault

    def end(self, id_: str) -> Active:
        """Ends a fault.

        Raises:
            NotRunningError: no such fault is running.
        """
        fault = self._active.pop(id_, None)
        if fault is None:
            raise NotRunningError(f"no fault {shown(id_)} is running")
        self._grade_anew(fault.kind)
        if self._witness is not None:
            self._witness.ended(fault, self._now_ns())
        self._tell(fault, False)
        return fault

    def end_all(self) -> None:
        """Ends every running fault, as at the universe's own end."""
        for fault in self.active():
            self.end(fault.id)

    def expire(self) -> None:
        """Ends the faults whose time is over."""
        now_ns = self._now_ns()
        for fault in self.active():
            # A listener may have ended it meanwhile.
            if fault.ends_ns is not None and fault.ends_ns <= now_ns and fault.id in self._active:
                self.end(fault.id)

    def next_end_ns(self) -> int | None:
        """When the next fault's time is over; None while none will end by itself."""
        return min((fault.ends_ns for fault in self._active.values() if fault.ends_ns is not None), default=None)

    def follow(self, running: Sequence[Active]) -> None:
        """Takes over what another process says is running."""
        wanted = {fault.id for fault in running}
        for id_ in [id_ for id_ in self._active if id_ not in wanted]:
            self.end(id_)
        for fault in running:
            if fault.id not in self._active:
                self._put(fault)

    def _put(self, fault: Active) -> None:
        self._active[fault.id] = fault
        self._grade_anew(fault.kind)
        self._tell(fault, True)

    def _grade_anew(self, kind: str) -> None:
        hits = [fault for fault in self._active.values() if fault.kind == kind]
        everywhere = [fault.grade for fault in hits if fault.target is None]
        self._grades[kind] = {
            target: max([*everywhere, *(fault.grade for fault in hits if fault.target == target)])
            for target in {fault.target for fault in hits}
        }

    def _tell(self, fault: Active, started: bool) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(fault, started)
            except Exception:
                _LOG.exception("a listener failed at the %s of %s", "start" if started else "end", fault.id)


def settle(kind: str, target: str | None, grade: float | None, seconds: float | None) -> tuple[str | None, float]:
    """The target and the grade that a fault would have.

    Raises:
        FaultError: unknown kind or target, or a grade or a duration out of range.
    """
    known = _known(kind)
    if seconds is not None and not 0 < seconds <= MOST_SECONDS:
        raise FaultError(f"seconds is {seconds:g}, must be above 0 and at most {MOST_SECONDS} (30 days)")
    return _aimed(known, target), _graded(known, grade)


def _known(kind: str) -> Kind:
    if kind not in KINDS:
        near = get_close_matches(kind[:80], KINDS)
        allowed = f"is it {' or '.join(near)}?" if near else f"there are {', '.join(KINDS)}"
        raise FaultError(f"kind is {shown(kind)}, which is no fault; {allowed}")
    return KINDS[kind]


def _aimed(kind: Kind, target: str | None) -> str | None:
    if target is None:
        return kind.targets[0] if kind.one_target else None
    if not kind.targets:
        raise FaultError(f"target is {shown(target)}, but {kind.id} has no target")
    if target not in kind.targets:
        raise FaultError(f"target is {shown(target)}, must be one of {', '.join(kind.targets)} for {kind.id}")
    return target


def _graded(kind: Kind, grade: float | None) -> float:
    if grade is None:
        return kind.grade.default
    # Written so that "not a number" is refused too.
    if not kind.grade.least <= grade <= kind.grade.most:
        allowed = f"from {kind.grade.least:g} to {kind.grade.most:g} for {kind.id} ({kind.grade.sentence})"
        raise FaultError(f"grade is {grade:g}, must be {allowed}")
    return float(grade)
