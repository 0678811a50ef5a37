"""What SQL cannot do for the strategies: intervals of shares, and live trading held against backtests."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.analytics import expectation, intervals
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row

_ARRAYS = ("backtest_returns", "backtest_trades", "live_returns", "live_times")


def shares(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows of `runs` out of `of`, with the share and its interval."""
    made = []
    for row in rows:
        runs, of = int(row["runs"]), int(row["of"])
        low, high = (intervals.wilson(runs / of, of) if of else None) or (None, None)
        made.append({**row, "share_ratio": runs / of if of else None, "share_ratio_low": low, "share_ratio_high": high})
    return made


def held(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a strategy and source of live returns, with where they stand in the band of its backtests."""
    return [{**{name: each for name, each in row.items() if name not in _ARRAYS}, **_held(row)} for row in rows]


def _held(row: Row) -> Row:
    live = [float(each) for each in row["live_returns"]]
    trades = [int(each) for each in row["backtest_trades"]]
    expected = expectation.expect([float(each) for each in row["backtest_returns"]], trades)
    told = (
        expectation.hold(expected.mean, expected.deviation, expected.trades, expected.backtests, live)
        if expected
        else None
    )
    return {
        "backtests": len(trades),
        "backtest_trades": sum(trades),
        "backtest_trade_return_mean": expected.mean if expected else None,
        "trades": len(live),
        "return_ratio": told.total if told else None,
        "expected_ratio": told.expected if told else None,
        "band_low_ratio": told.low if told else None,
        "band_high_ratio": told.high if told else None,
        "verdict": _verdict(told),
        "outside_since": row["live_times"][told.outside] if told and told.outside is not None else None,
    }


def _verdict(told: expectation.Standing | None) -> str:
    if told is None:
        return "not_enough_data"
    if told.outside is not None:
        return "outside"
    if told.total < told.low:
        return "below_band"
    return "above_band" if told.total > told.high else "inside"
