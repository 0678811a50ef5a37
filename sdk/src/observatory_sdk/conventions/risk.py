"""Risk figures, limits, portfolios and backtests."""

from __future__ import annotations

from observatory_sdk.conventions.common import PORTFOLIO_ID, STRATEGY_ID
from observatory_sdk.conventions.model import count, flag, instant, number, ratio, seconds, span, text

KIND = text("risk.kind", "What is calculated, such as `var` or `drawdown`.")
SCORE = number("risk.score", "The risk score, 0 to 100.", minimum=0, maximum=100)
VAR = number("risk.var_ratio", "Value at risk as a share of the portfolio.", minimum=0)
LIMIT_NAME = text("risk.limit.name", "The limit.")
LIMIT_UTILIZATION = number("risk.limit.utilization_ratio", "Used share of the limit; above 1 is beyond it.", minimum=0)
LIMIT_BREACHED = flag("risk.limit.breached", "The limit is broken.")
LIMIT_SYNTHETIC = flag("risk.limit.synthetic", "A made-up breach that proves the guard works.")
CORRELATION_PAIRS = count("risk.correlation.pairs", "Pairs computed.", "{pair}")
CORRELATION_WINDOW = seconds("risk.correlation.window_s", "Over how long.")
STRESS_SCENARIO = text("risk.stress.scenario", "The scenario.")
STRESS_LOSS = number("risk.stress.loss_ratio", "Loss in the scenario, as a share of the portfolio.")
OBJECTIVE_BEFORE = number("portfolio.objective.before", "The objective before.")
OBJECTIVE_AFTER = number("portfolio.objective.after", "The objective after.")
TURNOVER = number("portfolio.turnover_ratio", "Share of the portfolio that is to be traded.", minimum=0)
BACKTEST_START = instant("backtest.range.start_unix_nano", "Start of the history used.")
BACKTEST_END = instant("backtest.range.end_unix_nano", "End of the history used.")
BACKTEST_MISSING = ratio("backtest.missing_ratio", "Share of the history that is missing.")
BACKTEST_RETURN = number("backtest.return_ratio", "Return over the range.")
BACKTEST_TRADES = count("backtest.trades", "Trades made.", "{trade}")

CALCULATION = span(
    "risk.calculate", "A risk figure is calculated.", "risk_calculation_engine", KIND, PORTFOLIO_ID, SCORE, VAR
)
LIMIT_CHECK = span(
    "risk.limit.check",
    "A limit is checked.",
    "portfolio_risk_service",
    LIMIT_NAME,
    LIMIT_UTILIZATION,
    LIMIT_BREACHED,
    LIMIT_SYNTHETIC,
    PORTFOLIO_ID,
)
CORRELATION = span(
    "risk.correlation.compute",
    "Correlations are computed.",
    "correlation_analysis_engine",
    CORRELATION_PAIRS,
    CORRELATION_WINDOW,
    PORTFOLIO_ID,
)
STRESS_TEST = span(
    "risk.stress_test",
    "A scenario is played through.",
    "stress_testing_engine",
    STRESS_SCENARIO,
    STRESS_LOSS,
    PORTFOLIO_ID,
)
OPTIMISATION = span(
    "portfolio.optimise",
    "A portfolio is optimised.",
    "portfolio_optimization_engine",
    OBJECTIVE_BEFORE,
    OBJECTIVE_AFTER,
    TURNOVER,
    PORTFOLIO_ID,
)
BACKTEST = span(
    "backtest.run",
    "A strategy is run over history.",
    "real_backtesting_engine signal_backtesting_service",
    BACKTEST_START,
    BACKTEST_END,
    BACKTEST_MISSING,
    BACKTEST_RETURN,
    BACKTEST_TRADES,
    STRATEGY_ID,
)
