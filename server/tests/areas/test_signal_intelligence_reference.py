"""The signals' indicators against plain Python over random facts, each example in an environment of its own."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.analytics import intervals
from observatory.areas import select

SETTINGS = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AREA = "signal_intelligence"
# The windows are five minutes and an hour: some facts lie before them.
AGES = st.sampled_from([5.0, 40.0, 40.0, 299.0, 301.0, 3_599.0, 4_000.0])

MADE = st.fixed_dictionaries(
    {
        "ago": AGES,
        "type": st.sampled_from(["momentum", "breakout"]),
        # A clock ahead of ours, ties, and a latency of nothing.
        "latency_ns": st.sampled_from([None, -5_000_000, 0, 1_000_000, 1_000_000]) | st.integers(0, 10**10),
        "confidence": st.none() | st.floats(0, 1),
        "quality": st.none() | st.floats(0, 1),
        "failed": st.booleans(),
    }
)
JUDGED = st.fixed_dictionaries(
    {
        "ago": AGES,
        "signal": st.sampled_from(["", "a", "b", "c", "d"]),
        "type": st.sampled_from(["momentum", "breakout"]),
        "won": st.none() | st.booleans(),
        "pnl": st.none() | st.decimals(-(10**6), 10**6, places=9),
    }
)
ATTEMPT = st.fixed_dictionaries(
    {
        "ago": AGES,
        "signal": st.sampled_from(["a", "b"]),
        "user": st.sampled_from(["u1", "u2"]),
        "channel": st.sampled_from(["telegram", "email"]),
        "status": st.sampled_from(["accepted", "failed", "dead_letter", "", "sent", "ACCEPTED"]),
        "failed": st.booleans(),
        "attempt": st.integers(1, 3),
        "wait_s": st.none() | st.integers(1, 60),
    }
)
Fresh = Callable[[], Any]


@pytest.fixture
def fresh(sender: Any) -> Fresh:
    """A sender of an environment that no example had before."""

    def make() -> Any:
        sender.environment = f"test-{uuid.uuid4().hex[:12]}"
        return sender

    return make


def by(rows: list[dict[str, Any]], *keys: str) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return found


def told(view: Any, name: str, member: str = "") -> Any:
    """The value of an indicator; None when there is no such member."""
    for each in view.assessment.readings:
        if (each.indicator, each.member) == (f"{AREA}.{name}", member):
            return each.measurement.value
    return None


def same(found: Any, values: list[Any], average: Callable[[list[Any]], Any]) -> None:
    assert found == pytest.approx(float(average(values)), rel=1e-6) if values else found is None


def last_words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each named signal what was told last; all of those without a name. Equal times would leave it open."""
    named = {row["signal"]: row for row in sorted(rows, key=lambda row: -row["ago"]) if row["signal"]}
    return [*named.values(), *(row for row in rows if not row["signal"])]


@SETTINGS
@given(made=st.lists(MADE, max_size=12), judged=st.lists(JUDGED, max_size=12))
async def test_signals_and_outcomes_are_as_plain_python_has_them(
    fresh: Fresh, look: Any, made: list[dict[str, Any]], judged: list[dict[str, Any]]
) -> None:
    sender = fresh()
    for row in made:
        send_signal(sender, row)
    for place, row in enumerate(judged):
        # No two at one time, so that the last one is told by its time.
        row["ago"] += place / 1_000
        send_outcome(sender, row)
    view = await look(AREA)
    check_signals(view, [row for row in made if row["ago"] < 300])
    check_outcomes(view, last_words([row for row in judged if row["ago"] < 3_600]))


def check_signals(view: Any, near: list[dict[str, Any]]) -> None:
    good = [row for row in near if not row["failed"]]
    assert (told(view, "signals_generated") or 0) == len(good)
    assert (told(view, "signals_failed") or 0) == len(near) - len(good)
    for kind in ("momentum", "breakout"):
        assert (told(view, "signals_by_type", kind) or 0) == sum(row["type"] == kind for row in good)
    late = [row["latency_ns"] / 1e6 for row in near if row["latency_ns"] is not None and row["latency_ns"] >= 0]
    same(told(view, "latency_mean"), late, np.mean)
    for share, name in ((50, "latency_p50"), (95, "latency_p95"), (99, "latency_p99")):
        same(told(view, name), late, lambda values, share=share: np.percentile(values, share))
    for name, field in (("confidence_mean", "confidence"), ("quality_mean", "quality")):
        same(told(view, name), [row[field] for row in near if row[field] is not None], np.mean)


def check_outcomes(view: Any, rows: list[dict[str, Any]]) -> None:
    for kind, member in (("", ""), ("type_", "momentum"), ("type_", "breakout")):
        chosen = [row for row in rows if member in ("", row["type"])]
        known = [row["won"] for row in chosen if row["won"] is not None]
        same(told(view, f"{kind}win_rate", member), known, np.mean)
        priced = [row["pnl"] for row in chosen if row["pnl"] is not None]
        assert told(view, f"{kind}pnl", member) == (sum(priced, Decimal(0)) if priced else None)
    known = [row["won"] for row in rows if row["won"] is not None]
    if known:
        found = view.member(f"{AREA}.win_rate")
        assert found.interval == pytest.approx(intervals.wilson(sum(known) / len(known), len(known)))


@SETTINGS
@given(attempts=st.lists(ATTEMPT, max_size=20))
async def test_deliveries_are_as_plain_python_has_them(fresh: Fresh, look: Any, attempts: list[dict[str, Any]]) -> None:
    sender = fresh()
    for row in attempts:
        send_attempt(sender, row)
    view = await look(AREA)
    near = [row | {"status": canonical(row)} for row in attempts if row["ago"] < 300]
    assert (told(view, "subscribers_reached") or 0) == len({row["user"] for row in near})
    check_deliveries(view, by(near, "signal", "user", "channel"), "", "")
    for channel in ("telegram", "email"):
        of_channel = [row for row in near if row["channel"] == channel]
        check_deliveries(view, by(of_channel, "signal", "user"), "channel_", channel)


def canonical(row: dict[str, Any]) -> str:
    known = row["status"].lower() in ("accepted", "failed", "dead_letter")
    return row["status"].lower() if known else "failed" if row["failed"] else "unknown"


def check_deliveries(view: Any, deliveries: dict[Any, list[dict[str, Any]]], prefix: str, member: str) -> None:
    found = [{row["status"] for row in rows} for rows in deliveries.values()]
    known = [statuses for statuses in found if statuses != {"unknown"}]
    accepted = sum("accepted" in statuses for statuses in known)
    assert (told(view, f"{prefix}deliveries", member) or 0) == len(found)
    assert (told(view, f"{prefix}deliveries_accepted", member) or 0) == accepted
    assert (told(view, f"{prefix}deliveries_unknown", member) or 0) == len(found) - len(known)
    dead = sum("dead_letter" in statuses and "accepted" not in statuses for statuses in found)
    assert (told(view, f"{prefix}dead_letters", member) or 0) == dead
    waits = sum(row["wait_s"] is not None for rows in deliveries.values() for row in rows)
    assert (told(view, f"{prefix}throttled_attempts", member) or 0) == waits
    retried = sum(max(len(rows), max(row["attempt"] for row in rows)) > 1 for rows in deliveries.values())
    assert (told(view, "delivery_retries" if member else "retried_deliveries", member) or 0) == retried
    success = told(view, f"{prefix}delivery_success", member)
    same(success, ["accepted" in statuses for statuses in known], np.mean)


def send_signal(sender: Any, row: dict[str, Any]) -> None:
    named = {"signal.type": row["type"], "signal.confidence": row["confidence"], "signal.quality_score": row["quality"]}
    if row["latency_ns"] is not None:
        end_ns = select.nanoseconds(sender.at - timedelta(seconds=row["ago"]))
        named["signal.market_event.time_unix_nano"] = end_ns - row["latency_ns"]
    given = {name: value for name, value in named.items() if value is not None}
    sender.span("signal.generate", ago=row["ago"], error=row["failed"], **given)


def send_outcome(sender: Any, row: dict[str, Any]) -> None:
    named = {"signal.id": row["signal"], "signal.type": row["type"], "signal.outcome.won": row["won"]}
    named["signal.outcome.pnl_usd"] = None if row["pnl"] is None else str(row["pnl"])
    given = {name: value for name, value in named.items() if value is not None}
    sender.log("signal.outcome", ago=row["ago"], **given)


def send_attempt(sender: Any, row: dict[str, Any]) -> None:
    named = {"signal.id": row["signal"], "user.id": row["user"], "messaging.system": row["channel"]}
    named |= {"signal.delivery.attempt": row["attempt"], "signal.delivery.retry_after_s": row["wait_s"]}
    named["signal.delivery.status"] = row["status"] or None
    given = {name: value for name, value in named.items() if value is not None}
    sender.span("signal.deliver", ago=row["ago"], error=row["failed"], **given)
