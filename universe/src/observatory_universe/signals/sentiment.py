"""Live sentiment, read at every market event."""

import observatory_sdk as obs
from observatory_universe.ai.sentiment import SentimentAnalysisEngine
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.service import Service, World


class RealtimeSentimentEngine(Service):
    """Brings the last analysed sentiment up to date with the market's own move."""

    id = "realtime_sentiment_engine"

    def __init__(self, world: World, sentiment: SentimentAnalysisEngine, analysis: MarketAnalysisService) -> None:
        super().__init__(world)
        self._sentiment = sentiment
        self._analysis = analysis

    @obs.service("realtime_sentiment_engine", "score")
    async def score(self, symbol: str) -> float:
        """From -1, all bad, to 1, all good."""
        with obs.facts.sentiment(symbol=symbol) as sentiment:
            analysis = await self._analysis.analyse(symbol)
            await self.work(6)
            last = await self._sentiment.last(symbol)
            score = max(-1.0, min(1.0, 0.7 * last.score + 60 * analysis.trend_ratio))
            sentiment.score = score
            sentiment.sources = ["market", "news"]
            sentiment.oldest_source_age_s = last.age_s
        return score
