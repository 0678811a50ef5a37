"""Escalation policies as data: who is told in which order, how long each has to answer, how often it starts over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observatory.errors import InvalidRequest
from observatory.model.alert import Severity
from observatory.oncall.schedule import Schedule, on_call

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MOST_LEVELS = 10
MOST_TARGETS = 10
MOST_LOOPS = 10
LEAST_WAIT_S, LONGEST_WAIT_S = 10, 86_400
LONGEST_DELAY_S = 86_400
LEAST_TIMEOUT_S, LONGEST_TIMEOUT_S = 60, 604_800


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a level names: a channel with or without a person, or whoever is on call by a schedule.

    Attributes:
        channel: id of a channel; empty with a schedule.
        person: who is meant; empty: whoever reads the channel.
        schedule: id of a schedule; empty with a channel.
    """

    channel: str = ""
    person: str = ""
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Where somebody is told now. An empty channel: those that take such messages anyhow."""

    channel: str
    person: str | None


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a policy.

    Attributes:
        wait_s: how long it has to answer before the next level is told.
        whom: all of them are told.
    """

    wait_s: int
    whom: tuple[Whom, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told of what nobody has taken.

    Attributes:
        id: names it.
        sentence: what it is for, in words.
        severities: of alerts and incidents that it is for.
        environments, areas: the same; empty: all.
        rank: of several policies that fit, the one with the least is in force; then the first by id.
        delay_s: from the firing to the first level.
        levels: in their order.
        loops: how often it starts over after the last level; 0: it goes through once.
        acknowledgement_timeout_s: what was taken and still fires after this starts over; None: never.
        enabled: whether it is in force.
    """

    id: str
    sentence: str
    severities: tuple[Severity, ...]
    environments: tuple[str, ...]
    areas: tuple[str, ...]
    rank: int
    delay_s: int
    levels: tuple[Level, ...]
    loops: int
    acknowledgement_timeout_s: int | None
    enabled: bool = True

    @property
    def steps(self) -> int:
        """How many levels are told at most before it is through."""
        return len(self.levels) * (self.loops + 1)

    def level(self, step: int) -> tuple[int, int]:
        """Round and level, both from 0, of a step."""
        return divmod(step, len(self.levels))

    def fits(self, severity: Severity, environment: str, areas: Iterable[str]) -> bool:
        """Whether it is for something like this."""
        if not self.enabled or severity not in self.severities:
            return False
        if self.environments and environment not in self.environments:
            return False
        return not self.areas or bool(set(self.areas) & set(areas))


def chosen(policies: Iterable[Policy], severity: Severity, environment: str, areas: Iterable[str]) -> Policy | None:
    """The policy in force for something; None when nobody is told by one."""
    concerned = tuple(areas)
    fitting = [each for each in policies if each.fits(severity, environment, concerned)]
    return min(fitting, key=lambda each: (each.rank, each.id), default=None)


def targets(policy: Policy, level: int, at: datetime, schedules: Mapping[str, Schedule]) -> tuple[Target, ...]:
    """Who is told at a level (from 0) at a time, each once.

    A schedule that is gone is told on the channels that take such messages anyhow: nobody told is the worst.
    """
    found: list[Target] = []
    for each in policy.levels[level].whom:
        if each.channel:
            found.append(Target(each.channel, each.person or None))
            continue
        schedule = schedules.get(each.schedule)
        if schedule is None:
            found.append(Target("", None))
            continue
        shift = on_call(schedule, at)
        found += [Target(channel, shift.person.name) for channel in shift.person.channels]
    return tuple(dict.fromkeys(found))


def decode(policy_id: str, told: Mapping[str, Any]) -> Policy:
    """A policy from JSON values.

    Raises:
        InvalidRequest: naming the place and what is allowed.
    """
    if not ID.fullmatch(policy_id):
        raise InvalidRequest("policy_id: small letters, digits, - and _, 64 at most")
    levels = tuple(_level(place, each) for place, each in enumerate(told["levels"]))
    if not 1 <= len(levels) <= MOST_LEVELS:
        raise InvalidRequest(f"levels: 1 to {MOST_LEVELS}")
    return Policy(
        id=policy_id,
        sentence=told.get("sentence", ""),
        severities=tuple(dict.fromkeys(Severity(each) for each in told["severities"])),
        environments=tuple(told.get("environments", ())),
        areas=tuple(told.get("areas", ())),
        rank=told.get("rank", 100),
        delay_s=told.get("delay_s", 0),
        levels=levels,
        loops=told.get("loops", 0),
        acknowledgement_timeout_s=told.get("acknowledgement_timeout_s"),
        enabled=told.get("enabled", True),
    )


def _level(place: int, told: Mapping[str, Any]) -> Level:
    whom = tuple(
        Whom(each.get("channel", ""), each.get("person", ""), each.get("schedule", "")) for each in told["whom"]
    )
    if not whom:
        raise InvalidRequest(f"levels.{place}.whom: names nobody")
    for number, each in enumerate(whom):
        if bool(each.channel) == bool(each.schedule):
            raise InvalidRequest(f"levels.{place}.whom.{number}: give either a channel or a schedule")
        if each.schedule and each.person:
            raise InvalidRequest(f"levels.{place}.whom.{number}.person: a schedule says who it is")
    if len(set(whom)) < len(whom):
        raise InvalidRequest(f"levels.{place}.whom: names somebody twice")
    return Level(told["wait_s"], whom)


def encode(policy: Policy) -> dict[str, Any]:
    """A policy as JSON values, without its id."""
    return {
        "sentence": policy.sentence,
        "severities": [each.value for each in policy.severities],
        "environments": list(policy.environments),
        "areas": list(policy.areas),
        "rank": policy.rank,
        "delay_s": policy.delay_s,
        "levels": [{"wait_s": each.wait_s, "whom": [_whom(one) for one in each.whom]} for each in policy.levels],
        "loops": policy.loops,
        "acknowledgement_timeout_s": policy.acknowledgement_timeout_s,
        "enabled": policy.enabled,
    }


def _whom(whom: Whom) -> dict[str, str]:
    return {"channel": whom.channel, "person": whom.person, "schedule": whom.schedule}


def schedules_of(policy: Policy) -> Sequence[str]:
    """Ids of the schedules that it names."""
    return list(dict.fromkeys(one.schedule for each in policy.levels for one in each.whom if one.schedule))
