"""Each flag against what is expected of it: the right rule, the right member, in time, and over after the flag."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from observatory.alerting import Rule
from observatory.model.alert import Severity
from observatory.replay import TAIL_S, Fire
from observatory_universe.faults import KINDS

_FILE = Path(__file__).with_name("expected.yaml")
_WITHIN_S = 120.0
# Rounds, and telemetry that is sent every five seconds.
_SLACK_S = 60.0
# Behind the patterns of members a word stands for: nothing, or anything.
_WORDS: Mapping[str, tuple[str, ...]] = {"whole": ("",), "any": ("*",)}


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to fire on one kind.

    Attributes:
        members: by pattern of the rule's id, patterns of the members.
        within_s: seconds from the flag to the first fire.
    """

    members: Mapping[str, tuple[str, ...]]
    within_s: float

    def named(self, fire: Fire) -> bool:
        """Whether its rule is one of them."""
        return any(fnmatchcase(fire.alert.rule, each) for each in self.members)

    def right(self, fire: Fire) -> bool:
        """Whether its member is one of those that the rule has to fire on."""
        return any(
            fnmatchcase(fire.alert.rule, rule) and any(fnmatchcase(fire.alert.member, each) for each in members)
            for rule, members in self.members.items()
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One flag: what fired on it.

    Attributes:
        kind, is_fault: which.
        rule, member: of the first that fired of the rules that had to, or of any rule where none may; empty: none did.
        wrong: members that these rules fired on and that are not named.
        after_s: seconds from the flag to that; None when none fired.
        in_time: whether that is within the bar.
        over_s: seconds from the flag's end to the end of the last of them; below 0: before it. None: not over yet.
        over_within_s: how long that may take: the longest window of these rules, and what they keep firing for.
        seen_s: how long after its end was looked at.
    """

    kind: str
    is_fault: bool
    rule: str = ""
    member: str = ""
    wrong: tuple[str, ...] = ()
    after_s: float | None = None
    in_time: bool = False
    over_s: float | None = None
    over_within_s: float = 0.0
    seen_s: float = 0.0

    @property
    def resolved(self) -> bool | None:
        """Whether it was over in time; None when that cannot be told: it was not looked at for so long."""
        if self.over_s is not None:
            return self.over_s <= self.over_within_s
        return False if self.seen_s > self.over_within_s else None

    @property
    def good(self) -> bool:
        """Whether all that can be told is as it has to be."""
        if not self.is_fault:
            return not self.rule
        return self.in_time and not self.wrong and self.resolved is not False


@cache
def expected() -> Mapping[str, Expected]:
    """What `expected.yaml` says, by kind.

    Raises:
        ValueError: naming the kind whose entry is none.
    """
    told: Mapping[str, Mapping[str, Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {kind: _decoded(kind, entry) for kind, entry in told.items()}


def _decoded(kind: str, entry: Mapping[str, Any]) -> Expected:
    if kind not in KINDS or not set(entry) <= {"rules", "within_s"}:
        raise ValueError(f"expected.yaml: {kind}: is no kind of fault, or has a field that there is not")
    members = {rule: _members(kind, told) for rule, told in entry["rules"].items()}
    return Expected(members, float(entry.get("within_s", _WITHIN_S)))


def _members(kind: str, told: object) -> tuple[str, ...]:
    if told == "targets":
        targets = KINDS[kind].targets[: 1 if KINDS[kind].one_target else None]
        if not targets:
            raise ValueError(f"expected.yaml: {kind}: has no targets")
        return tuple(pattern for each in targets for pattern in (each, f"{each}/*"))
    if isinstance(told, list):
        return tuple(map(str, told))
    if told not in _WORDS:
        raise ValueError(f"expected.yaml: {kind}: members are whole, targets, any or a list, not {told!r}")
    return _WORDS[str(told)]


def judge(
    kind: str, begins: datetime, ends: datetime, fires: Iterable[Fire], rules: Mapping[str, Rule], until: datetime
) -> Outcome:
    """One flag against the fires of its life.

    Args:
        kind: of the flag.
        begins, ends: of the flag.
        fires: would-be fires of its environment, those of other flags among them.
        rules: by id.
        until: up to when was looked.
    """
    wanted = expected().get(kind)
    tail = ends + timedelta(seconds=TAIL_S)
    mine = [each for each in fires if begins <= each.alert.started_at <= tail and each.told and _counts(each)]
    if wanted is not None:
        mine = [each for each in mine if wanted.named(each)]
    if not mine:
        return Outcome(kind, wanted is not None, seen_s=(until - ends).total_seconds())
    first = min(mine, key=lambda each: (not (wanted is None or wanted.right(each)), each.fired_at))
    after_s = (first.fired_at - begins).total_seconds()
    lasts = [each.resolved_at for each in mine]
    known = [each for each in lasts if each is not None]
    return Outcome(
        kind=kind,
        is_fault=wanted is not None,
        rule=first.alert.rule,
        member=first.alert.member,
        wrong=tuple(sorted({each.alert.member for each in mine if wanted and not wanted.right(each)})),
        after_s=after_s,
        in_time=wanted is not None and wanted.right(first) and after_s <= wanted.within_s,
        over_s=(max(known) - ends).total_seconds() if len(known) == len(lasts) else None,
        over_within_s=max(_lasts_s(rules[each.alert.rule]) for each in mine) + _SLACK_S,
        seen_s=(until - ends).total_seconds(),
    )


def _counts(fire: Fire) -> bool:
    return fire.alert.severity is not Severity.INFO


def _lasts_s(rule: Rule) -> float:
    """How long what was is remembered: the window of what the rule judges, and what it fires on for."""
    condition: Any = rule.condition
    indicator = getattr(condition, "indicator", None)
    window_s = indicator.window_s if indicator is not None else getattr(condition, "window_s", 0)
    return float(window_s) + rule.keep_firing_for_s


def table(outcomes: Sequence[Outcome]) -> Table:
    """A line for each kind."""
    found = Table(title="each flag: rule, member, delay, and over after its end")
    for name in (
        "flag",
        "times",
        "rule fired",
        "member",
        "right",
        "s to fire",
        "in time",
        "s to be over",
        "over in time",
    ):
        found.add_column(name, justify="left" if name in ("flag", "rule fired", "member") else "right")
    for kind in sorted({each.kind for each in outcomes}):
        found.add_row(kind, *_row([each for each in outcomes if each.kind == kind]))
    return found


def _row(of: Sequence[Outcome]) -> Iterable[str]:
    fired = [each for each in of if each.rule]
    told = [each for each in of if each.resolved is not None and each.rule]
    if not of[0].is_fault:
        return (str(len(of)), _some(each.rule for each in fired) or "none, as it should", "", "", "", "", "", "")
    members = _some(each.member for each in fired if each.member) or "(the whole)"
    return (
        str(len(of)),
        _some(each.rule for each in fired) or "NONE",
        members if fired else "",
        f"{sum(not each.wrong for each in fired)} of {len(fired)}" + _list(each.wrong for each in fired),
        _middle(each.after_s for each in fired),
        f"{sum(each.in_time for each in of)} of {len(of)}",
        _middle(each.over_s for each in fired),
        f"{sum(bool(each.resolved) for each in told)} of {len(told)}"
        + (f", {len(fired) - len(told)} not seen for long enough" if len(told) < len(fired) else ""),
    )


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _list(wrong: Iterable[tuple[str, ...]]) -> str:
    names = sorted({each for of in wrong for each in of})
    return f"; not {', '.join(names)}" if names else ""


def _middle(values: Iterable[float | None]) -> str:
    known = [each for each in values if each is not None]
    return f"{statistics.median(known):.0f}" + (f" (to {max(known):.0f})" if len(known) > 1 else "") if known else "-"
