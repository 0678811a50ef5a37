"""What was changed near the onset: deployments, settings, flags, models, strategies; and what guards did then."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from observatory.diagnose.diagnosis import Change
from observatory.diagnose.frame import RANGE, Frame
from observatory.diagnose.reading import Reads

# Looked at before the onset; what was changed long before is no news, nor is what came clearly after.
BACK = timedelta(minutes=30)
_MOST = 50
_KINDS = {
    "deployment": "deployment",
    "config.changed": "config",
    "feature_flag.evaluation": "flag",
    "circuit_breaker.transition": "breaker",
    "failover": "failover",
    "service.degraded": "degradation",
    "emergency.activated": "emergency",
    "security.event": "security",
    "activated": "strategy",
    "deactivated": "strategy",
    "model": "model",
}
# These are what guards do when something is wrong: told, and no cause.
REACTIONS = frozenset({"breaker", "failover", "degradation", "emergency", "security"})
# These tell the same again with each use: only what is new is a change.
_REPEATED = frozenset({"flag", "model"})
_WHERE = f"{RANGE} AND Environment = {{environment:String}}"
_SQL = f"""SELECT toString(Event) AS Event, toString(Name) AS Name, toString(FromState) AS FromState,
    toString(ToState) AS ToState, argMin(toString(Service), Timestamp) AS Of,
    argMin(toString(Actor), Timestamp) AS Who,
    argMin(toString(Reason), Timestamp) AS Why, min(Timestamp) AS At, count() AS Times
FROM fact_safety WHERE {_WHERE}
GROUP BY Event, Name, FromState, ToState, toStartOfInterval(Timestamp, toIntervalMinute(10))
ORDER BY At, Event, Name, ToState LIMIT 1000
UNION ALL
SELECT toString(Event), StrategyId, '', toString(Status), toString(Service), UserId, toString(Reason),
    min(Timestamp) AS At, count()
FROM fact_strategy_events WHERE {_WHERE} AND UserId = '' AND Event IN ('activated', 'deactivated')
GROUP BY Event, StrategyId, Status, Service, UserId, Reason ORDER BY At LIMIT 200
UNION ALL
SELECT 'model', toString(if(ResponseModel = '', RequestModel, ResponseModel)) AS Model, '', Model,
    argMin(toString(Service), Timestamp), '', '', min(Timestamp) AS At, count()
FROM fact_ai_calls WHERE {_WHERE} AND NOT Failed GROUP BY Model HAVING Model != '' ORDER BY At LIMIT 200"""


async def read(reader: Reads, environment: str, frame: Frame) -> list[Mapping[str, Any]]:
    """Everything that was told in a frame, oldest first.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    rows = await reader.read(_SQL, {"environment": environment, **frame.bound})
    return sorted(rows.dicts(), key=lambda row: (row["At"], row["Event"], row["Name"], row["ToState"]))


def near(
    rows: Iterable[Mapping[str, Any]], onset: datetime, begun: datetime, services: Container[str]
) -> tuple[Change, ...]:
    """The changes from half an hour before the onset to the end, those nearest to the onset first.

    Args:
        rows: what was told, oldest first.
        onset: when the trouble began.
        begun: when telemetry began: what it says for the first time then was so before.
        services: the known ones: what has the name of one is of that one.
    """
    settled = begun + (onset - begun) / 5
    seen: set[tuple[str, str, str]] = set()
    found = []
    for row in rows:
        kind = _KINDS.get(row["Event"], row["Event"])
        at = row["At"].astimezone(UTC)
        key = (kind, row["Name"], row["ToState"])
        again = kind in _REPEATED and key in seen
        seen.add(key)
        # What a flag says, or a model, at the beginning of what is looked at was so before.
        if again or (kind in _REPEATED and at <= settled) or at < onset - BACK:
            continue
        before_s = round((onset - at).total_seconds(), 3)
        name = row["Name"] or row["Of"]
        of = name if name in services else row["Of"] if row["Of"] in services else ""
        found.append(Change(kind, name, of, at, _sentence(kind, row), before_s, int(row["Times"])))
    found.sort(key=lambda each: (each.kind in REACTIONS, abs(each.before_onset_s), each.kind, each.subject))
    return tuple(found[:_MOST])


def _sentence(kind: str, row: Mapping[str, Any]) -> str:
    name, came, went = row["Name"] or "without a name", row["FromState"], row["ToState"]
    step = f" from {came} to {went}" if came and went else f" to {went}" if went else ""
    words = {
        "deployment": f"deployment of {name}{step}",
        "config": f"setting {name} changed",
        "flag": f"flag {name}{step}",
        "breaker": f"circuit breaker {name}{step}",
        "failover": f"failover {name}{step}",
        "degradation": f"{row['Of'] or name} degraded{step}",
        "strategy": f"strategy {name} {row['Event']}",
        "model": f"model {name} answered for the first time",
    }
    who = f" by {row['Who']}" if row["Who"] and kind != "strategy" else ""
    why = f": {row['Why']}" if row["Why"] else ""
    return f"{words.get(kind, f'{kind} {name}')}{who}{why}"
