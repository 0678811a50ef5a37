"""What the rows of the market data's deep dive need beyond SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from observatory.analytics import quiet
from observatory.areas.assess import Span
from observatory.areas.market_data import judge

Row = Mapping[str, Any]

MINUTE_S = 60
_BROKEN_FIRST = (quiet.Verdict.BROKEN, quiet.Verdict.UNKNOWN, quiet.Verdict.QUIET, quiet.Verdict.FLOWING)


def verdicts(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """Quiet or broken, feed by feed; the broken ones first."""
    found = [_verdict(row) for row in rows]
    return sorted(found, key=lambda row: (_BROKEN_FIRST.index(row["verdict"]), -row["staleness_s"]))


def _verdict(row: Row) -> Row:
    gap_s = float(row["staleness_s"])
    usual_s = row["usual_gap_s"]
    judgement = quiet.judge(
        gap_s, usual_s, int(row["events"]), int(row["others"]) - int(row["others_since"]), int(row["others_since"])
    )
    return {
        **row,
        "staleness_usual_gaps": judgement.usual_gaps,
        "probability": judgement.probability,
        "verdict": judgement.verdict,
        "connected": row["connected"] == 1,
        "reason": judgement.verdict.sentence,
    }


def candles(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """Minutes in which a feed brought no event, judged; the newest first.

    A minute that no feed reported on says nothing about a venue: nobody listened.
    """
    heard = {int(minute) for row in rows for minute in row["minutes"]}
    found = [_candles(each) for each in judge.candles(_minutes(rows), MINUTE_S) if _heard(each, heard)]
    return sorted(found, key=lambda row: row["start"], reverse=True)


def _minutes(rows: Sequence[Row]) -> Iterator[Row]:
    for row in rows:
        for minute, events in zip(row["minutes"], row["events"], strict=True):
            at_s = int(minute) * MINUTE_S
            yield {"exchange": row["exchange"], "symbol": row["symbol"], "time": at_s, "trades": int(events)}


def _heard(found: judge.MissingCandles, heard: set[int]) -> bool:
    minutes = range(int(found.start) // MINUTE_S, int(found.end) // MINUTE_S)
    return any(minute in heard for minute in minutes)


def _candles(found: judge.MissingCandles) -> Row:
    return {
        "exchange": found.exchange,
        "symbol": found.symbol,
        "start": judge.moment(found.start),
        "end": judge.moment(found.end),
        "candles": found.candles,
        "verdict": found.verdict,
        "probability": found.probability,
        "traded_elsewhere": list(found.traded_elsewhere),
        "reason": found.reason,
    }
