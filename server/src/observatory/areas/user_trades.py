"""How a user's strategies did: closed trades after fees, with what they may be by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from observatory.analytics import intervals, returns
from observatory.areas.deepdive import Row
from observatory.areas.user_measured import Measured
from observatory.model import Measurement

SOURCE = "fact_orders"
RUNS = "fact_strategy_runs"


def performance(
    trades: Sequence[Row], runs: Sequence[Row], switched_on: Sequence[Row], measured: Measured
) -> Sequence[Row]:
    """One row a strategy and mode (live, paper); of a strategy without closed trades one row without a mode."""
    by_run = {str(row["strategy"]): row for row in runs}
    since = {str(row["strategy"]): row["since"] for row in switched_on}
    rows = [(str(row["strategy"]), str(row["mode"]), row["trades"]) for row in trades]
    traded = {strategy for strategy, _, _ in rows}
    rows += [(strategy, "", []) for strategy in sorted({*by_run, *since} - traded)]
    return [
        {
            "strategy": strategy,
            "mode": mode or None,
            "switched_on_since": since.get(strategy),
            **_run(by_run.get(strategy), measured),
            **_closed([float(each[1]) for each in closed], [float(each[2]) for each in closed], measured),
        }
        for strategy, mode, closed in rows
    ]


def _run(row: Row | None, measured: Measured) -> Mapping[str, Any]:
    runs, succeeded = (int(row["runs"]), int(row["succeeded"])) if row else (0, 0)
    return {
        "runs": measured(runs, "1", runs, RUNS),
        "run_success_rate": measured.share(succeeded, runs, RUNS),
        "last_run_at": row["last_at"] if row else None,
    }


def _closed(shares: Sequence[float], profits: Sequence[float], measured: Measured) -> Mapping[str, Measurement]:
    won, fell = returns.win_rate(profits), returns.compounded_drawdown(shares)
    total, ends = _total(shares)
    count = len(shares)
    return {
        "trades": measured(count, "1", count, SOURCE),
        "pnl_usd": measured(math.fsum(profits), "usd", count, SOURCE),
        "return_ratio": measured(total, "ratio", count, SOURCE, ends),
        "win_rate": measured(won.value if won else None, "ratio", count, SOURCE, (won.low, won.high) if won else None),
        "max_drawdown_ratio": measured(
            fell.value if fell else None, "ratio", count, SOURCE, fell.interval if fell else None
        ),
    }


def _total(shares: Sequence[float]) -> tuple[float | None, tuple[float, float] | None]:
    """All trades compounded, and what the mean trade, as far as it is known, would have made of as many."""
    if not shares or min(shares) <= -1:
        return (-1.0 if shares else None), None
    logs = [math.log1p(each) for each in shares]
    ends = intervals.mean(fmean(logs), stdev(logs), len(logs)) if len(logs) > 1 else None
    total = math.expm1(math.fsum(logs))
    return total, ends and (_whole(ends[0], len(logs)), _whole(ends[1], len(logs)))


def _whole(of_one: float, trades: int) -> float:
    # A handful of wild trades leaves an interval that no float holds.
    return math.expm1(min(of_one * trades, 700.0))
