"""A rule: what must be so, for how long, how bad that is, and who should know what about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from observatory.alerting.scene import Scene
from observatory.model.alert import Severity
from observatory.model.measurement import Measurement


class NoData(StrEnum):
    """What a member means of which nothing is known.

    `keep`: what was so stays so, for a while. `fire`: as bad as a bad value. `resolve`: as good as a good one.
    """

    KEEP = "keep"
    FIRE = "fire"
    RESOLVE = "resolve"


class Origin(StrEnum):
    """Where a rule in force comes from."""

    SHIPPED = "shipped"
    FILE = "file"
    OWN = "own"
    OVERRIDDEN = "overridden"


class Verdict(StrEnum):
    """What an observation says of its member."""

    GOOD = "good"
    BAD = "bad"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one rule saw of one member at one time.

    Attributes:
        environment: where.
        rule: id of the rule.
        member: of which member; empty for the whole.
        verdict: good, bad, or nothing known.
        sentence: what was seen, in words.
        measurement: the number that was judged; None when there is none.
        bound: what it was held against, in words.
        area: where it belongs.
        services: catalogue ids of the services concerned.
        evidence: trace ids or links.
        labels: what only this member has, beside the rule's labels.
    """

    environment: str
    rule: str
    member: str
    verdict: Verdict
    sentence: str
    measurement: Measurement | None = None
    bound: str = ""
    area: str = ""
    services: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


class Condition(Protocol):
    """What a rule looks at. One module in `alerting/conditions` for each kind."""

    kind: ClassVar[str]

    @property
    def absent(self) -> Verdict:
        """What it means of a member with an open alert when nothing is said of it."""
        ...

    def observe(self, rule: Rule, scene: Scene) -> Iterable[Observation] | None:
        """What the scene says of each member; None when what it looks at was not read this time."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: unique; those of a family share its beginning: `indicator.ai_systems.latency_p95.critical`.
        sentence: what it means when it fires, in words.
        severity: how urgent it is.
        condition: what is looked at; its `kind` names the module in `alerting/conditions`.
        for_s: seconds that the condition must hold before it fires; 0: at once.
        keep_firing_for_s: seconds without the condition before it resolves; 0: at once.
        least_samples: fewer samples than this are not judged.
        labels: for routing and grouping.
        runbook: id of the runbook.
        inhibits: ids of rules, or beginnings that end with `*`, whose messages it mutes while it fires: of the same
            member, or of the services that it concerns.
        area: its area; empty when the member says which, or for Observatory itself.
        no_data: what a member means of which nothing is known.
        no_data_s: seconds without anything known after which a firing alert that is kept resolves.
        environments: where it holds; empty: everywhere.
        enabled: whether it is evaluated.
        family: id of the entry it was expanded from; its own when it stands alone.
        origin: where it comes from.
        since: since when it is in force as it is; None: since the server's version.
    """

    id: str
    sentence: str
    severity: Severity
    condition: Condition
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    least_samples: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    runbook: str = ""
    inhibits: tuple[str, ...] = ()
    area: str = ""
    no_data: NoData = NoData.KEEP
    no_data_s: float = 900.0
    environments: tuple[str, ...] = ()
    enabled: bool = True
    family: str = ""
    origin: Origin = Origin.SHIPPED
    since: datetime | None = None
