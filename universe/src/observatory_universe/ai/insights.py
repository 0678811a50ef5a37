"""Errors explained, and strategies thought up."""

import observatory_sdk as obs
from observatory_universe.ai import prompts
from observatory_universe.ai.asking import ask
from observatory_universe.health.journal import SystemJournal
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.models import CLAUDE_SMALL, GPT_MINI
from observatory_universe.service import Service, World
from observatory_universe.strategies import KINDS, Library, Strategy
from observatory_universe.trading.marketplace import StrategySubmissionService


class DebugInsightGenerator(Service):
    """Lets a model read what the journal says went wrong."""

    id = "debug_insight_generator"

    def __init__(self, world: World, journal: SystemJournal) -> None:
        super().__init__(world)
        self._journal = journal

    @obs.service("debug_insight_generator", "explain")
    async def explain(self) -> int:
        """Returns how many entries were explained.

        Raises:
            ModelError: no model answered.
        """
        entries = await self._journal.read("order_rejected")
        await self.work(20)
        prompt = prompts.task("Say what these entries have in common.", 480 + 30 * min(len(entries), 40), words=110)
        await ask(self.doors.models, CLAUDE_SMALL, prompt)
        return len(entries)


class DynamicStrategyGenerator(Service):
    """Thinks up a strategy for the present market and hands it in."""

    id = "dynamic_strategy_generator"

    def __init__(
        self,
        world: World,
        library: Library,
        analysis: MarketAnalysisService,
        submissions: StrategySubmissionService,
    ) -> None:
        super().__init__(world)
        self._library = library
        self._analysis = analysis
        self._submissions = submissions

    @obs.service("dynamic_strategy_generator", "propose")
    async def propose(self) -> Strategy:
        """The strategy that was handed in.

        Raises:
            ModelError: no model answered.
        """
        await self._analysis.analyse(self.chance.pick(tuple(SYMBOLS)))
        await ask(self.doors.models, GPT_MINI, prompts.task("Think up a strategy for this market.", 980, words=170))
        strategy = self._library.draft(self.chance.pick(KINDS), self.id)
        await self._submissions.submit(strategy)
        return strategy
