"""Rounds of the past: the tick and the evaluator of the live server, at moments that are handed to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.alerting import Evaluator, Inputs, Rule, Rulebook, Sink, Watch
from observatory.alerting.conditions import ToldOf
from observatory.alerting.fields import Known
from observatory.areas import Definition
from observatory.areas.pace import Pace
from observatory.catalogue import Catalogue
from observatory.clock import HeldClock
from observatory.model import Snapshot
from observatory.model.alert import Alert, Transition
from observatory.selfwatch import Selfwatch
from observatory.state import State
from observatory.store import Reader
from observatory.tick import Knobs, Recorder, Rendered, Snapshots, Tick
from observatory.tick.rounds import Read

# A slow answer is an answer all the same: nobody waits for this round.
_KNOBS = Knobs(query_s=120, environments=10_000)
# What is kept in memory by the live server, and not in the store: of the past nobody can tell it.
TOLD_ONLY = frozenset({"costs.budget_used_ratio", "costs.month_projected_usd", "costs.anomaly_excess_usd"})


@dataclass(frozen=True, slots=True)
class Sources:
    """What rounds are read from.

    Attributes:
        reader: reads our own questions.
        guarded: reads the rules' questions, on connections that may only read.
        catalogue: the services.
        definitions: the areas.
    """

    reader: Reader
    guarded: Reader
    catalogue: Catalogue
    definitions: Sequence[Definition]


class Chosen(Rulebook):
    """The rules of one replay: fixed, and kept nowhere."""

    def __init__(self, known: Known, rules: Iterable[Rule]) -> None:
        self.known = known
        self._rules = tuple(rules)

    def reread(self) -> bool:
        """They are what they are."""
        return False

    async def load(self) -> None:
        """There is nothing to read."""


class Rounds:
    """Holds rules against what the store tells of one moment after the other, as the live server does.

    Args:
        sources: the telemetry, and what it means.
        rules: what is held against it.
        first: the first moment.
        listening: since when a server is taken to have listened: what is missing before that is not missed.
        environment: only this one's alerts; empty: all.
        sink: takes each round's changes; None: nobody does.
        snapshots: where rounds are published; None: nowhere.
        recorder: keeps history; None: nothing is kept.
        state: where alerts of before are read from; None: there are none.
        whole: read all areas, not only those that the rules look at.
    """

    def __init__(
        self,
        sources: Sources,
        rules: Sequence[Rule],
        first: datetime,
        listening: datetime,
        environment: str = "",
        sink: Sink | None = None,
        snapshots: Snapshots | None = None,
        recorder: Recorder | None = None,
        state: State | None = None,
        whole: bool = False,
    ) -> None:
        known = Known(
            {name: each for area in sources.definitions for name, each in area.indicators.items()},
            tuple(service.id for service in sources.catalogue.services),
            tuple(area.id for area in sources.definitions),
            sql=True,
        )
        self._environment = environment
        self._clock = HeldClock(first)
        self._selfwatch = Selfwatch()
        self._failed: Exception | None = None
        self._changes: Sequence[Transition] = ()
        inputs = Inputs(sources.reader, sources.guarded, sources.catalogue, self._selfwatch, listening)
        watch = Watch(sources.catalogue, listening, home="")
        self._evaluator = Evaluator(Chosen(known, rules), inputs, None, sink or _nobody, state, self._selfwatch, watch)
        self._tick = _Some(
            # Facts of any area prove an environment: whoever asks for all of them needs all areas.
            None if whole or not environment else areas_of(rules),
            environment,
            sources.reader,
            sources.catalogue,
            sources.definitions,
            self._clock,
            snapshots or Snapshots(lambda _: Rendered({}, ())),
            self._selfwatch,
            _KNOBS,
            listening,
            recorder,
            self._judge,
        )

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every alert as it stands after the newest round."""
        return [each for each in self._evaluator.alerts if self._environment in ("", each.environment)]

    @property
    def failures(self) -> int:
        """How many queries or rounds failed so far."""
        return round(
            sum(
                sample.value
                for family in self._selfwatch.tick_failures.collect()
                for sample in family.samples
                if sample.name.endswith("_total")
            )
        )

    async def load(self) -> None:
        """Read the alerts as they stood before.

        Raises:
            StateError: the control store failed.
        """
        await self._evaluator.load()

    async def at(self, moment: datetime) -> Sequence[Transition]:
        """One round; the changes that it brought.

        Args:
            moment: not before the round before.

        Raises:
            Exception: whatever the sink raised; the changes are found again by the next round.
        """
        self._clock.advance((moment - self._clock.now()).total_seconds())
        self._changes, self._failed = (), None
        await self._tick.round()
        if self._failed is not None:
            raise self._failed
        return self._changes

    async def _judge(self, snapshots: Iterable[Snapshot], at: datetime) -> None:
        mine = [each for each in snapshots if self._environment in ("", each.environment)]
        try:
            self._changes = await self._evaluator.round(mine, at)
        except Exception as error:
            # The tick forgives its alerts a failure. A replay that goes on without a round would tell a falsehood.
            self._failed = error


class _Some(Tick):
    """The tick, of which only some areas are read; the others stay as if nothing had come."""

    def __init__(self, wanted: Collection[str] | None, environment: str, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._wanted = wanted
        self._environment = environment

    async def round(self) -> None:
        """One round, in which the environment that is asked for is there in any case."""
        if self._environment:
            self._presence.witness(self._environment, self._clock.now())
        await super().round()

    async def _read(self, area: Definition, pace: Pace, at: datetime) -> Read:
        if self._wanted is not None and area.id not in self._wanted:
            return Read({})
        return await super()._read(area, pace, at)


def areas_of(rules: Iterable[Rule]) -> frozenset[str]:
    """The areas whose indicators the rules look at."""
    looked = (getattr(rule.condition, "indicator", None) for rule in rules)
    return frozenset(each.area for each in looked if each is not None)


def untold(rule: Rule) -> str:
    """Why a rule cannot be replayed; empty when it can."""
    if isinstance(rule.condition, ToldOf):
        return "it rests on what another part of the server knows only of the present"
    indicator = getattr(rule.condition, "indicator", None)
    if indicator is not None and indicator.id in TOLD_ONLY:
        return f"{indicator.id} is not read from the store but known only of the present"
    return ""


async def _nobody(_: Sequence[Transition]) -> None:
    return
