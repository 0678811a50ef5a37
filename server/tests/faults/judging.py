"""What the store says of each area at a moment of the past: the rounds of the server, handed that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from observatory import areas, catalogue
from observatory.api import health_json
from observatory.clock import HeldClock
from observatory.health import judge
from observatory.model import AreaState, Finding, Health, LoadState, Snapshot
from observatory.selfwatch import Selfwatch
from observatory.store import Store
from observatory.tick import Knobs, Snapshots, Tick

_BAD = (Health.DEGRADED, Health.CRITICAL)
# The machine may be busy: what is asked here is what the answer is, and not how fast it comes.
_KNOBS = Knobs(query_s=120, environments=10_000)


@dataclass(frozen=True)
class Look:
    """One environment at one moment.

    Attributes:
        at_s: seconds since its life began.
        healths: of each area, as measured in this moment.
        bad: by area, the findings beyond a bound, by indicator and member; of a silent service, by its id.
    """

    at_s: float
    healths: Mapping[str, Health]
    bad: Mapping[str, Mapping[tuple[str, str], Finding]]


class Judge:
    """Looks at the same environments again and again, always later.

    Args:
        clock: held at the moment when their lives begin; the server has listened since then.
    """

    def __init__(self, store: Store, clock: HeldClock) -> None:
        self._catalogue, self._definitions = catalogue.load(), {each.id: each for each in areas.load()}
        self._clock, self._since = clock, clock.now()
        self._snapshots = Snapshots(partial(health_json.render, self._catalogue))
        self._tick = Tick(
            store.reader,
            self._catalogue,
            areas.load(),
            clock,
            self._snapshots,
            Selfwatch(),
            _KNOBS,
            self._since,
        )

    async def look(self, at_s: float, environments: Sequence[str]) -> dict[str, Look]:
        """The environments, so many seconds after their lives began."""
        moment = self._since + timedelta(seconds=at_s)
        self._clock.advance((moment - self._clock.now()).total_seconds())
        await self._tick.round()
        found = {name: self._snapshots.of(name) for name in environments}
        return {name: self._looked(at_s, each.snapshot) for name, each in found.items() if each is not None}

    def _looked(self, at_s: float, snapshot: Snapshot) -> Look:
        # What a round found, without the patience that is there for noise.
        seen = {name: self._seen(snapshot, state) for name, state in snapshot.areas.items()}
        return Look(
            at_s,
            {name: verdict.health for name, verdict in seen.items()},
            {
                name: {(found.subject, found.member): found for found in verdict.findings if found.health in _BAD}
                for name, verdict in seen.items()
            },
        )

    def _seen(self, snapshot: Snapshot, state: AreaState) -> judge.Verdict:
        sights = (snapshot.services[service.id].sight for service in self._catalogue.services_of(state.id))
        silent = [sight.id for sight in sights if sight.load_state is LoadState.SILENT]
        return judge.area(self._definitions[state.id].indicators, state.readings, silent, self._since)
