"""What rules are held against: one environment at one time, with everything that conditions may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from observatory.catalogue import Catalogue
from observatory.model import Indicator, Measurement, Reading, Snapshot
from observatory.slo import Burn

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What another room has judged already: a budget, an anomaly of costs, Observatory itself.

    Attributes:
        member: of what.
        bad: whether it is so that somebody must know; None: not known.
        sentence: in words.
        measurement: the number behind it.
        bound: what it was held against, in words.
        labels: what only this member has, such as the channel.
        services: catalogue ids of the services concerned.
    """

    member: str
    bad: bool | None
    sentence: str
    measurement: Measurement | None = None
    bound: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """How unusual an indicator's newest value is.

    Attributes:
        measurement: the value.
        score: 0 to 1.
        unusual: whether it has been unusual for long enough.
        points: how many values are known of it.
    """

    measurement: Measurement
    score: float
    unusual: bool
    points: int


@dataclass(frozen=True, slots=True)
class Scene:
    """One environment at one time.

    Attributes:
        environment: which.
        at: when.
        since: since when the server listens.
        catalogue: the services and areas.
        indicators: definitions by id.
        readings: by indicator; one that is not there was not read.
        snapshot: the newest round; None when only some indicators were read.
        expected: by indicator, the members that were seen lately, and when last.
        rows: by rule id, what its SQL returned; a rule that is not there was not asked.
        burns: by `service:<id>` and `area:<id>`; None: not computed.
        scores: by indicator, then by member; an indicator that is not there was not scored.
        told: by topic; a topic that is not there was not told of.
    """

    environment: str
    at: datetime
    since: datetime
    catalogue: Catalogue
    indicators: Mapping[str, Indicator]
    readings: Mapping[str, Sequence[Reading]] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    expected: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    burns: Mapping[str, Burn] | None = None
    scores: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    told: Mapping[str, Sequence[Told]] = field(default_factory=dict)
