"""Cost anomalies as JSON: the document that is kept of each, and what is added when it is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from observatory.api import health_json
from observatory.costs.anomalies import AS_EXPECTED, SENTENCES, SOURCE, CostAnomaly, is_expected
from observatory.costs.blame import Behind, Evidence
from observatory.costs.decomposition import Part
from observatory.state import AnomalyRecord, FeedbackRecord


def encode(anomaly: CostAnomaly) -> str:
    """The document that is kept."""
    account = anomaly.account
    length_s = round(((anomaly.ended_at or anomaly.as_of) - anomaly.began_at).total_seconds())
    values = {
        "pattern": anomaly.pattern,
        "sentence": sentence(anomaly),
        "scope": dict(account.scope),
        "factors": [part.value for part in anomaly.factors],
        "main_factor": account.main.value if account.main else None,
        "excess_usd": _text(account.excess_usd),
        "excess_low_usd": _text(account.low_usd),
        "excess_high_usd": _text(account.high_usd),
        "usd_per_hour": _text(anomaly.usd_per_hour),
        "expected_usd": _text(account.expected_usd),
        "actual_usd": _text(account.actual_usd),
        "parts": {part.value: _text(account.parts.get(part, Decimal(0))) for part in Part},
        "groups": {group: _text(usd) for group, usd in sorted(account.groups.items(), key=lambda each: -each[1])[:50]},
        "evidence": _evidence(anomaly.evidence),
        "provenance": {
            "samples": sum(each.calls for each in anomaly.evidence.behind if each.dimension == "feature"),
            "window_s": length_s,
            "as_of": health_json.moment(anomaly.as_of),
            "source": SOURCE,
            "estimated": True,
        },
    }
    return json.dumps(values)


def sentence(anomaly: CostAnomaly) -> str:
    """What happened, in words."""
    where = ", ".join(f"{name} {value}" for name, value in anomaly.account.scope.items()) or "several providers"
    text = f"{SENTENCES[anomaly.kind]} ({where}): ${anomaly.account.excess_usd:,.4f} above the expected"
    named = anomaly.named
    if named is not None:
        found = anomaly.evidence.most(named[0])
        assert found is not None
        usual = f"usually {found.usual_calls_per_min:.2f}"
        text += f"; {named[0]} {named[1]} makes {found.calls_per_min:.1f} calls a minute, {usual}"
    if anomaly.evidence.requested and anomaly.kind.value == "silent_fallback":
        text += f"; asked for {anomaly.evidence.requested}, answered by {anomaly.evidence.served}"
    return text


def item(record: AnomalyRecord, said: FeedbackRecord | None) -> Mapping[str, Any]:
    """One anomaly as it is shown in a list; `said` is what people said last of its pattern."""
    kept = json.loads(record.document)
    numbers = ("excess_usd", "excess_low_usd", "excess_high_usd", "usd_per_hour", "expected_usd", "actual_usd")
    rate = Decimal(kept["usd_per_hour"])
    return {
        "id": record.id,
        "environment": record.environment,
        "kind": record.kind,
        "state": "closed" if record.ended_at else "open",
        "began_at": health_json.moment(record.began_at),
        "found_at": health_json.moment(record.found_at),
        "ended_at": health_json.moment(record.ended_at),
        **{name: kept[name] for name in ("sentence", "scope", "factors", "main_factor")},
        **{name: float(kept[name]) for name in numbers},
        "parts_usd": {part: float(usd) for part, usd in kept["parts"].items()},
        "counted": not is_expected(said, rate),
        "feedback": None if said is None else feedback(said),
        "provenance": kept["provenance"],
    }


def whole(record: AnomalyRecord, said: FeedbackRecord | None, all_said: Sequence[FeedbackRecord]) -> Mapping[str, Any]:
    """One anomaly with all that is known of it; money as exact text too."""
    kept = json.loads(record.document)
    return {
        **item(record, said),
        "excess_exact_usd": kept["excess_usd"],
        "parts_exact_usd": kept["parts"],
        "groups_usd": {group: float(usd) for group, usd in kept["groups"].items()},
        "evidence": kept["evidence"],
        "feedbacks": [feedback(each) for each in all_said],
    }


def feedback(said: FeedbackRecord) -> Mapping[str, Any]:
    """What somebody said."""
    return {
        "anomaly_id": said.anomaly_id,
        "expected": said.expected,
        "reason": said.reason,
        "actor": said.actor,
        "at": health_json.moment(said.at),
        "up_to_usd_per_hour": float(AS_EXPECTED * said.usd_per_hour),
    }


def _evidence(evidence: Evidence) -> Mapping[str, Any]:
    return {
        "behind": [_behind(each) for each in evidence.behind],
        "calls_per_trace": _rounded(evidence.calls_per_trace),
        "usual_calls_per_trace": _rounded(evidence.usual_calls_per_trace),
        "substituted_ratio": _rounded(evidence.substituted_ratio),
        "usual_substituted_ratio": _rounded(evidence.usual_substituted_ratio),
        "requested_model": evidence.requested,
        "served_model": evidence.served,
        "trace_id": evidence.trace,
        "conversation_id": evidence.conversation,
        "user_id": evidence.user,
        "input_tokens_by_call": list(evidence.tokens),
    }


def _behind(behind: Behind) -> Mapping[str, Any]:
    return {
        "dimension": behind.dimension,
        "value": behind.value,
        "spent_usd": float(behind.usd),
        "usual_usd": float(behind.usual_usd),
        "calls": behind.calls,
        "usual_calls": health_json.rounded(behind.usual_calls),
        "share_ratio": _rounded(behind.share_ratio),
        "calls_per_min": health_json.rounded(behind.calls_per_min),
        "usual_calls_per_min": health_json.rounded(behind.usual_calls_per_min),
        "others_calls_per_min": _rounded(behind.others_calls_per_min),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else health_json.rounded(value)


def _text(usd: Decimal) -> str:
    return f"{usd:.12f}"
