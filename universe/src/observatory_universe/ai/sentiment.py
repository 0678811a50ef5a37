"""How the market feels about a symbol."""

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.outside.models import SMALL, Models
from observatory_universe.service import Service, World


class SentimentAnalysisEngine(Service):
    """Lets a small model read news and posts about one symbol after the other."""

    id = "sentiment_analysis_engine"

    def __init__(self, world: World, models: Models, analysis: MarketAnalysisService) -> None:
        super().__init__(world)
        self._models = models
        self._analysis = analysis
        self._last: dict[str, tuple[float, float]] = {}

    def last(self, symbol: str) -> tuple[float, float]:
        """The last score, from -1 to 1, and its age in seconds; a neutral one of age 0 before the first."""
        score, read_at_s = self._last.get(symbol, (0.0, self.clock.now_s()))
        return score, self.clock.now_s() - read_at_s

    @obs.service("sentiment_analysis_engine", "read_next")
    async def read_next(self) -> None:
        """Reads about the symbol that was left alone for longest."""
        await self.analyse(min(SYMBOLS, key=lambda symbol: self._last.get(symbol, (0.0, -1.0))[1]))

    @obs.service("sentiment_analysis_engine", "analyse")
    async def analyse(self, symbol: str) -> float:
        """From -1, all bad, to 1, all good."""
        with obs.facts.sentiment(symbol=symbol, sources=["news", "reddit", "x"]) as sentiment:
            analysis = await self._analysis.analyse(symbol)
            tokens = 1_100 + self.chance.whole(-200, 300)
            await self._models.complete(self.chance.pick(SMALL), input_tokens=tokens, output_tokens=60)
            score = max(-1.0, min(1.0, 40 * analysis.trend_ratio + self.chance.normal(0.05, 0.2)))
            sentiment.score = score
            sentiment.oldest_source_age_s = self.chance.between(30, 900)
        self._last[symbol] = (score, self.clock.now_s())
        return score
