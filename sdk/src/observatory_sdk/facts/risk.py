"""Risk figures, limits, portfolios and backtests."""

from __future__ import annotations

from observatory_sdk.conventions import common, risk
from observatory_sdk.facts.checks import Number
from observatory_sdk.facts.span_fact import SpanFact, of


class RiskCalculation(SpanFact):
    """A risk figure is calculated: score from 0 to 100, value at risk as a share of the portfolio."""

    fact = risk.CALCULATION

    kind: str = of(risk.KIND)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)
    score: Number | None = of(risk.SCORE, default=None)
    var_ratio: Number | None = of(risk.VAR, default=None)


class LimitCheck(SpanFact):
    """A limit is checked; `synthetic` for the made-up breach that proves the guard works."""

    fact = risk.LIMIT_CHECK

    limit: str = of(risk.LIMIT_NAME)
    utilization_ratio: Number | None = of(risk.LIMIT_UTILIZATION, default=None)
    breached: bool | None = of(risk.LIMIT_BREACHED, default=None)
    synthetic: bool | None = of(risk.LIMIT_SYNTHETIC, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)


class Correlation(SpanFact):
    """Correlations are computed."""

    fact = risk.CORRELATION

    pairs: int | None = of(risk.CORRELATION_PAIRS, default=None)
    window_s: Number | None = of(risk.CORRELATION_WINDOW, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)


class StressTest(SpanFact):
    """A scenario is played through."""

    fact = risk.STRESS_TEST

    scenario: str = of(risk.STRESS_SCENARIO)
    loss_ratio: Number | None = of(risk.STRESS_LOSS, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)


class Optimisation(SpanFact):
    """A portfolio is optimised."""

    fact = risk.OPTIMISATION

    objective_before: Number | None = of(risk.OBJECTIVE_BEFORE, default=None)
    objective_after: Number | None = of(risk.OBJECTIVE_AFTER, default=None)
    turnover_ratio: Number | None = of(risk.TURNOVER, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)


class Backtest(SpanFact):
    """A strategy is run over history; the range in nanoseconds since 1970 UTC."""

    fact = risk.BACKTEST

    strategy_id: str = of(common.STRATEGY_ID)
    range_start_unix_nano: int | None = of(risk.BACKTEST_START, default=None)
    range_end_unix_nano: int | None = of(risk.BACKTEST_END, default=None)
    missing_ratio: Number | None = of(risk.BACKTEST_MISSING, default=None)
    return_ratio: Number | None = of(risk.BACKTEST_RETURN, default=None)
    trades: int | None = of(risk.BACKTEST_TRADES, default=None)
