"""What SQL cannot do for this area's deep dives: intervals, calibration, prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np

from observatory.analytics import calibration, intervals
from observatory.areas import spending
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.areas.spending import Spending, Usage
from observatory.costs.prices import Tokens

# Every one of them is priced call by call, between two other requests.
_MOST_CONVERSATIONS = 1_000
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "largest_input")


def failure_shares(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Failures with their share of the model's calls; models that never failed are no failure mode."""
    return [_shared(row) for row in rows if row["failures"]]


def _shared(row: Row) -> Row:
    ratio = row["failures"] / row["calls"]
    low, high = intervals.wilson(ratio, row["calls"]) or (None, None)
    return {**row, "ratio": ratio, "ratio_low": low, "ratio_high": high}


def voters(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Votes and decisions, folded into a row for each model."""
    return [_voter(model, votes) for model, votes in _by_model(rows)]


def _voter(model: str, votes: Sequence[Row]) -> Row:
    judged = [bool(vote["correct"]) for vote in votes if vote["correct"] is not None]
    accuracy = sum(judged) / len(judged) if judged else None
    low, high = (intervals.wilson(accuracy, len(judged)) if accuracy is not None else None) or (None, None)
    scores = calibration.score(*_pairs(votes))
    return {
        "model": model,
        "decisions": len(votes),
        "judged": len(judged),
        "confidence_mean": _mean([vote["confidence"] for vote in votes]),
        "agreement_ratio": _mean([vote["agreed"] for vote in votes]),
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "brier": scores.brier if scores else None,
        "ece": scores.ece if scores else None,
        "ece_by_chance": scores.ece_by_chance if scores else None,
        "ece_adaptive": scores.ece_adaptive if scores else None,
    }


def reliability(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Votes and decisions, folded into each model's reliability curve."""
    return [
        {
            "model": model,
            "confidence_from": each.confidence_from,
            "confidence_to": each.confidence_to,
            "confidence_mean": each.mean_confidence,
            "correct_ratio": each.correct_ratio,
            "correct_low": each.low,
            "correct_high": each.high,
            "samples": each.samples,
        }
        for model, votes in _by_model(rows)
        for each in calibration.reliability(*_pairs(votes))
    ]


def _by_model(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """The rows of each model, the consensus first."""
    ordered = sorted(rows, key=lambda row: (row["model"] != "consensus", row["model"]))
    return [(model, list(votes)) for model, votes in groupby(ordered, key=lambda row: str(row["model"]))]


def _pairs(votes: Sequence[Row]) -> tuple[list[float | None], list[bool | None]]:
    outcomes = [None if vote["correct"] is None else bool(vote["correct"]) for vote in votes]
    return [vote["confidence"] for vote in votes], outcomes


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def conversation_costs(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """One row: what a conversation costs."""
    spent = [spending for _, spending in _conversations(rows, span)]
    known = [each.usd for each in spent if each.usd is not None]
    if not spent:
        return []
    total = sum(known, Decimal(0))
    return [
        {
            "conversations": len(known),
            "total_usd": total if known else None,
            "mean_usd": total / len(known) if known else None,
            "p50_usd": _quantile(known, 0.5),
            "p95_usd": _quantile(known, 0.95),
            "unpriced_conversations": len(spent) - len(known),
            "estimated": any(each.estimated for each in spent),
        }
    ]


def top_conversations(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """A row for each conversation, the dearest first."""
    found = [_conversation(parts, spent) for parts, spent in _conversations(rows, span)]
    return sorted(found, key=lambda row: (row["cost_usd"] or Decimal(0), row["calls"]), reverse=True)


def _conversations(rows: Sequence[Row], span: Span) -> list[tuple[list[Row], Spending]]:
    """The largest conversations: the rows of each, and what it cost."""
    grouped = [list(parts) for _, parts in groupby(rows, key=lambda row: row["conversation_id"])]
    return [
        (parts, spending.total([_usage(part) for part in parts], span.end, span.window_s))
        for parts in grouped[:_MOST_CONVERSATIONS]
    ]


def _usage(row: Row) -> Usage:
    tokens = Tokens(int(row["calls"]), *(int(row[name] or 0) for name in _TOKENS))
    return Usage(str(row["name"]), tokens, int(row["untold"]), bool(row["estimated"]))


def _conversation(parts: Sequence[Row], spent: Spending) -> Mapping[str, Any]:
    return {
        "conversation_id": parts[0]["conversation_id"],
        "user_id": max(part["user_id"] for part in parts),
        "calls": spent.calls,
        "models": sorted({part["name"] for part in parts}),
        "input_tokens": _sum([part["input_tokens"] for part in parts]),
        "output_tokens": _sum([part["output_tokens"] for part in parts]),
        "cost_usd": spent.usd,
        "estimated": spent.estimated,
        "first_at": min(part["first_at"] for part in parts),
        "last_at": max(part["last_at"] for part in parts),
    }


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _quantile(values: Sequence[Decimal], share: float) -> float | None:
    return float(np.quantile([float(value) for value in values], share)) if values else None
