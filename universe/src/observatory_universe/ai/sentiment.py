"""How the market feels about a symbol."""

from dataclasses import dataclass

import observatory_sdk as obs
from observatory_universe.ai import prompts
from observatory_universe.ai.asking import ask
from observatory_universe.doors.model import ModelError
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import MarketAnalysisService
from observatory_universe.models import SMALL
from observatory_universe.questions import read_sentiment
from observatory_universe.service import Service, World


@dataclass(frozen=True, slots=True)
class Sentiment:
    """A score from -1, all bad, to 1, all good, and its age."""

    score: float
    age_s: float


class SentimentAnalysisEngine(Service):
    """Lets a small model read news and posts about one symbol after the other."""

    id = "sentiment_analysis_engine"

    def __init__(self, world: World, analysis: MarketAnalysisService) -> None:
        super().__init__(world)
        self._analysis = analysis
        self._last: dict[str, tuple[float, float]] = {}

    @obs.service("sentiment_analysis_engine", "last")
    async def last(self, symbol: str) -> Sentiment:
        """The last score; a neutral one of age 0 before the first."""
        now_s = self.clock.now_s()
        score, read_at_s = self._last.get(symbol, (0.0, now_s))
        return Sentiment(score, now_s - read_at_s)

    @obs.service("sentiment_analysis_engine", "read_next")
    async def read_next(self) -> None:
        """Reads about the symbol that was left alone for longest."""
        await self.analyse(min(SYMBOLS, key=lambda symbol: self._last.get(symbol, (0.0, -1.0))[1]))

    @obs.service("sentiment_analysis_engine", "analyse")
    async def analyse(self, symbol: str) -> float:
        """From -1, all bad, to 1, all good.

        Raises:
            ModelError: no model answered.
        """
        with obs.facts.sentiment(symbol=symbol, sources=["news", "reddit", "x"]) as sentiment:
            analysis = await self._analysis.analyse(symbol)
            prompt = prompts.sentiment(symbol, analysis.trend_ratio, extra_tokens=600 + self.chance.whole(-200, 300))
            answer = await ask(self.doors.models, self.chance.pick(SMALL), prompt)
            score = read_sentiment(answer.text)
            if score is None:
                raise ModelError("unreadable")
            sentiment.score = score
            sentiment.oldest_source_age_s = self.chance.between(30, 900)
        self._last[symbol] = (score, self.clock.now_s())
        return score
