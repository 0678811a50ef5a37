"""Everything that delivers, built from the settings and opened and closed in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from observatory.alerting import Evaluator
from observatory.clock import Clock
from observatory.incidents import Graphs
from observatory.notify import foreign
from observatory.notify.channels import Channels, Tools
from observatory.notify.deadman import Deadman
from observatory.notify.deliverer import Deliverer
from observatory.notify.http import Poster, networks
from observatory.notify.links import Links, Signer
from observatory.notify.pace import Pace
from observatory.notify.sorter import Knows
from observatory.notify.standings import Standings
from observatory.selfwatch import Selfwatch
from observatory.settings import Settings
from observatory.state import Lead, State

HOME = "production"


@dataclass(frozen=True, slots=True)
class Office:
    """What delivery is made of.

    Attributes:
        settings, clock, selfwatch, control: as everywhere.
        alerts: whose rules say what they explain, and who is told of channels and of other systems' alerts.
        graphs: the live service graph of an environment.
        lead: whether this server is the one that delivers.
        late: whether rounds come late: then the dead man's switch is not asked.
        sign: makes the address at which somebody takes an alert; None: messages have none.
    """

    settings: Settings
    clock: Clock
    selfwatch: Selfwatch
    control: State
    alerts: Evaluator
    graphs: Graphs
    lead: Lead
    late: Callable[[], bool]
    sign: Signer | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Deliverer]:
        """A deliverer that runs until the block ends.

        Raises:
            SettingsError: the file of channels, or the address of the dead man's switch, cannot be taken.
            StateError: the control store failed.
        """
        settings = self.settings
        poster = Poster(networks(settings.channel_networks), settings.send_timeout_s)
        try:
            tools = Tools(poster, Links(settings.public_url, self.sign), settings.send_timeout_s)
            deliverer = await self._deliverer(Channels(settings.channels_file, tools, self.clock))
            deadman = Deadman.of(settings, poster, self.clock, lambda: self.alive(deliverer))
            works = [deliverer.run(), *([] if deadman is None else [deadman.run()])]
            running = [asyncio.create_task(work) for work in works]
            try:
                yield deliverer
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
        finally:
            await poster.aclose()

    def alive(self, deliverer: Deliverer) -> bool:
        """Whether troubles are seen, and told."""
        return self.lead.leads and not self.late() and deliverer.going

    async def _deliverer(self, channels: Channels) -> Deliverer:
        standings = Standings(HOME, lambda: channels.ids)
        async with self.control.reading() as rows:
            standings.learn(await rows.deliveries.standings())
        self.alerts.inputs.tellers |= {"observatory.channel": standings.tell, **foreign.tellers(self.control)}
        rulebook = self.alerts.rulebook
        knows = Knows(lambda: {each.id: each for each in rulebook.rules}, self.graphs, channels.routes)
        pace = Pace.of(self.settings)
        return Deliverer(
            self.control, channels, knows, standings, self.clock, self.selfwatch, pace, lambda: self.lead.leads
        )
