"""Errors explained, and strategies thought up."""

import observatory_sdk as obs
from observatory_universe.health.journal import SystemJournal
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.outside.models import CLAUDE_SMALL, GPT_MINI, Models
from observatory_universe.service import Service, World
from observatory_universe.strategies import KINDS, Library, Strategy
from observatory_universe.trading.marketplace import StrategySubmissionService


class DebugInsightGenerator(Service):
    """Lets a model read what the journal says went wrong."""

    id = "debug_insight_generator"

    def __init__(self, world: World, models: Models, journal: SystemJournal) -> None:
        super().__init__(world)
        self._models = models
        self._journal = journal

    @obs.service("debug_insight_generator", "explain")
    async def explain(self) -> int:
        """Returns how many entries were explained."""
        entries = [entry for entry in self._journal.entries if entry[0] == "order_rejected"]
        await self.work(20)
        await self._models.complete(CLAUDE_SMALL, input_tokens=900 + 30 * len(entries), output_tokens=160)
        return len(entries)


class DynamicStrategyGenerator(Service):
    """Thinks up a strategy for the present market and hands it in."""

    id = "dynamic_strategy_generator"

    def __init__(
        self,
        world: World,
        library: Library,
        analysis: MarketAnalysisService,
        models: Models,
        submissions: StrategySubmissionService,
    ) -> None:
        super().__init__(world)
        self._library = library
        self._analysis = analysis
        self._models = models
        self._submissions = submissions

    @obs.service("dynamic_strategy_generator", "propose")
    async def propose(self) -> Strategy:
        """The strategy that was handed in."""
        await self._analysis.analyse(self.chance.pick(tuple(SYMBOLS)))
        await self._models.complete(GPT_MINI, input_tokens=1_400, output_tokens=240)
        strategy = self._library.draft(self.chance.pick(KINDS), self.id)
        await self._submissions.submit(strategy)
        return strategy
