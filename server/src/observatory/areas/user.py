"""One user: what the facts of every area say of him, in one reading.

found = await read(reader, ledger, "production", "u-17", span)
found.numbers["credits"]["balance"]        # a Measurement
found.rows["active_services"]              # rows of plain values and Measurements
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from observatory.areas import select, user_costs, user_sql, user_trades
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.areas.user_measured import BACK, Measured
from observatory.costs import Ledger, Spent
from observatory.model import Measurement
from observatory.store import Reader

CALLS, CREDITS, DELIVERIES = "fact_calls", "fact_credit_entries", "fact_deliveries"
Reasons = Mapping[tuple[Any, ...], Row]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a user.

    Attributes:
        numbers: by section and field, values of the user as a whole.
        rows: by section, rows of plain values and measurements.
        words: by section and field, plain words.
        last_seen: end of the newest call on his behalf in the range; None for none.
        seen: whether anything is known of him in the range, or of a state that holds at its end.
    """

    numbers: Mapping[str, Mapping[str, Measurement]]
    rows: Mapping[str, Sequence[Row]]
    words: Mapping[str, Mapping[str, Any]]
    last_seen: datetime | None
    seen: bool


async def read(reader: Reader, ledger: Ledger, environment: str, user: str, span: Span) -> Found:
    """All that is known of a user.

    Args:
        reader: reads the telemetry store.
        ledger: reads costs.
        environment: the one environment that is looked at.
        user: the id, as the facts hold it.
        span: the range of time.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    bound = {
        "environment": environment,
        "user": user,
        "since": select.text(span.start),
        "until": select.text(span.end),
        "back": select.text(min(span.end - BACK, span.start)),
    }
    spent, tables = await asyncio.gather(
        ledger.spent(environment, span.start, span.end, user_costs.BY, only={"user": user}),
        asyncio.gather(*(reader.read(sql, bound) for sql in user_sql.ALL.values())),
    )
    told = {name: rows.dicts() for name, rows in zip(user_sql.ALL, tables, strict=True)}
    reasons = await _reasons(reader, environment, told["errors"])
    return _shape(told, reasons, spent, Measured(span))


async def _reasons(reader: Reader, environment: str, errors: Sequence[Row]) -> Reasons:
    """Why calls failed, by trace, time and service, as far as their spans are still kept."""
    named = [error for error in errors if error["trace_id"]]
    if not named:
        return {}
    bound = {
        "environment": environment,
        "first": select.text(min(error["at"] for error in named)),
        "last": select.text(max(error["at"] for error in named)),
        "operations": sorted({str(error["operation"]) for error in named}),
        "traces": sorted({str(error["trace_id"]) for error in named}),
    }
    rows = (await reader.read(user_sql.REASONS, bound)).dicts()
    return {(row["trace_id"], row["at"], row["service"]): row for row in rows}


def _shape(told: Mapping[str, Sequence[Row]], reasons: Reasons, spent: Sequence[Spent], measured: Measured) -> Found:
    margin, unknown = user_costs.margin(spent, told["payments"][0], told["fees"][0], measured)
    balance, balance_at = _balance(told["balance"], measured)
    rows = {
        "active_services": [_service(row, measured) for row in told["services"]],
        "credit_usage_by_type": [_type(row, measured) for row in told["credits"]],
        "strategy_performance": user_trades.performance(told["trades"], told["runs"], told["switched_on"], measured),
        "signal_subscriptions": [
            {"channel": row["channel"], "plan": row["plan"], "since": row["since"]} for row in told["subscriptions"]
        ],
        "signal_deliveries": [_channel(row, measured) for row in told["deliveries"]],
        "costs_by_category": user_costs.listed(spent, ("category",), measured),
        "costs_by_model": user_costs.listed([each for each in spent if each.calls], ("provider", "model"), measured),
        "costs_by_feature": user_costs.listed(spent, ("feature",), measured),
        "last_errors": [_error(row, reasons) for row in told["errors"]],
        "recent_traces": [_trace(row) for row in told["traces"]],
    }
    numbers: dict[str, Mapping[str, Measurement]] = {
        "credits": {"balance": balance, **_used(told["credits"], measured)},
        "api_costs": user_costs.total(spent, measured),
        "margin": margin,
        "error_experience": _experience(told["services"], measured),
    }
    words: dict[str, Mapping[str, Any]] = {"credits": {"balance_at": balance_at}, "margin": {"margin_reason": unknown}}
    last_seen = max((row["last_seen"] for row in told["services"]), default=None)
    brought = int(told["payments"][0]["payments"]) + int(told["fees"][0]["shares"])
    seen = bool(spent or brought or balance.samples or any(rows.values()))
    return Found(numbers, rows, words, last_seen, seen)


def _service(row: Row, measured: Measured) -> Row:
    calls, errors, seen = int(row["calls"]), int(row["errors"]), int(row["seen"])
    estimated = bool(row["estimated"])
    return {
        "service": row["service"],
        "calls": measured(calls, "1", seen, CALLS, estimated=estimated),
        "errors": measured(errors, "1", seen, CALLS, estimated=estimated),
        "error_rate": measured.share(errors, calls, CALLS, estimated=estimated),
        "last_seen": row["last_seen"],
    }


def _experience(services: Sequence[Row], measured: Measured) -> Mapping[str, Measurement]:
    calls, errors, seen = (sum(int(row[name]) for row in services) for name in ("calls", "errors", "seen"))
    estimated = any(row["estimated"] for row in services)
    return {
        "calls": measured(calls, "1", seen, CALLS, estimated=estimated),
        "errors": measured(errors, "1", seen, CALLS, estimated=estimated),
        "error_rate": measured.share(errors, calls, CALLS, estimated=estimated),
    }


def _balance(rows: Sequence[Row], measured: Measured) -> tuple[Measurement, datetime | None]:
    if not rows:
        return measured(None, "{credit}", 0, CREDITS, back=True), None
    row = rows[0]
    return measured(Decimal(str(row["balance"])), "{credit}", int(row["entries"]), CREDITS, back=True), row["at"]


def _used(rows: Sequence[Row], measured: Measured) -> Mapping[str, Measurement]:
    entries = sum(int(row["entries"]) for row in rows)
    estimated = any(row["unreadable"] for row in rows)
    used, added = (sum((Decimal(str(row[name])) for row in rows), Decimal(0)) for name in ("used", "added"))
    return {
        "usage": measured(used, "{credit}", entries, CREDITS, estimated=estimated),
        "added": measured(added, "{credit}", entries, CREDITS, estimated=estimated),
        "entries": measured(entries, "1", entries, CREDITS),
    }


def _type(row: Row, measured: Measured) -> Row:
    entries, estimated = int(row["entries"]), bool(row["unreadable"])
    return {
        "type": row["type"],
        "usage": measured(Decimal(str(row["used"])), "{credit}", entries, CREDITS, estimated=estimated),
        "added": measured(Decimal(str(row["added"])), "{credit}", entries, CREDITS, estimated=estimated),
        "entries": measured(entries, "1", entries, CREDITS),
        "last_at": row["last_at"],
    }


def _channel(row: Row, measured: Measured) -> Row:
    deliveries, receipts = int(row["deliveries"]), int(row["receipts"])
    counts = {name: int(row[name]) for name in ("attempts", "deliveries", "accepted", "dead_letters")}
    # A channel without receipts leaves it unknown whether anything came through.
    receipt = {name: int(row[name]) for name in ("delivered", "seen", "bounced")}
    return {
        "channel": row["channel"],
        **{name: measured(value, "1", deliveries, DELIVERIES) for name, value in counts.items()},
        "accepted_ratio": measured.share(counts["accepted"], deliveries, DELIVERIES),
        **{name: measured(value, "1", receipts, DELIVERIES) for name, value in receipt.items()},
        "last_at": row["last_at"],
    }


def _error(row: Row, reasons: Reasons) -> Row:
    why = reasons.get((row["trace_id"], row["at"], row["service"]), {})
    return {
        "at": row["at"],
        "service": row["service"],
        "operation": row["operation"],
        "feature": row["feature"] or None,
        "outcome": row["outcome"] or None,
        "error_type": why.get("error_type") or None,
        "reason": why.get("reason") or None,
        "trace_id": row["trace_id"] or None,
    }


def _trace(row: Row) -> Row:
    return {
        "trace_id": row["trace_id"],
        "started_at": row["at"],
        "service": row["service"],
        "operation": row["operation"],
        "feature": row["feature"] or None,
        "duration_ms": row["duration_ms"],
        "status": "error" if row["failed"] else "ok",
    }
