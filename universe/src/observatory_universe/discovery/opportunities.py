"""What could be worth trading for one user."""

import observatory_sdk as obs
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.service import Service, World
from observatory_universe.signals.sentiment import RealtimeSentimentEngine
from observatory_universe.trading.marketplace import StrategyMarketplaceService
from observatory_universe.users import User


class UserOpportunityDiscovery(Service):
    """Scans the market with the eyes of one user."""

    id = "user_opportunity_discovery"

    def __init__(
        self,
        world: World,
        analysis: MarketAnalysisService,
        sentiment: RealtimeSentimentEngine,
        risk: PortfolioRiskService,
        marketplace: StrategyMarketplaceService,
    ) -> None:
        super().__init__(world)
        self._analysis = analysis
        self._sentiment = sentiment
        self._risk = risk
        self._marketplace = marketplace

    @obs.service("user_opportunity_discovery", "scan")
    async def scan(self, user: User) -> list[str]:
        """The symbols that move and whose mood agrees."""
        with obs.facts.opportunity_scan() as scan:
            await self._risk.assess(user)
            await self._marketplace.browse(user)
            analyses = await self._analysis.overview()
            moving = [a for a in analyses if abs(a.trend_ratio) > a.volatility_ratio]
            found = [a.symbol for a in moving if (await self._sentiment.score(a.symbol)) * a.trend_ratio > 0]
            scan.scanned, scan.found = len(analyses), len(found)
            scan.drop(reason="no_trend", count=len(analyses) - len(moving))
            scan.drop(reason="sentiment_disagrees", count=len(moving) - len(found))
        return found
