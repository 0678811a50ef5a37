"""Emergencies, breakers, failovers, deployments and security. All of them are events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Unpack

from observatory_sdk.conventions import Attribute, common, safety
from observatory_sdk.facts.checks import Number
from observatory_sdk.facts.event_fact import Common, emit


def _change(
    name: str, from_: str | None, to: str | None, reason: str | None, duration_s: Number | None
) -> Mapping[Attribute, object]:
    return {
        safety.NAME: name,
        safety.FROM: from_,
        safety.TO: to,
        safety.REASON: reason,
        safety.DURATION: duration_s,
    }


def emergency_activated(
    *,
    name: str,
    reason: str,
    from_: str | None = None,
    to: str | None = None,
    duration_s: Number | None = None,
    **also: Unpack[Common],
) -> None:
    """An emergency measure is taken, such as `trading_halt`."""
    emit(safety.EMERGENCY, _change(name, from_, to, reason, duration_s), {"severity": "critical", **also})


def breaker_transition(
    *,
    name: str,
    from_: Literal["closed", "open", "half_open"],
    to: Literal["closed", "open", "half_open"],
    reason: str | None = None,
    duration_s: Number | None = None,
    **also: Unpack[Common],
) -> None:
    """A circuit breaker opens, half-opens or closes; `duration_s` in the state before."""
    emit(safety.BREAKER, _change(name, from_, to, reason, duration_s), {"severity": "warning", **also})


def failover(
    *,
    name: str,
    from_: str,
    to: str,
    succeeded: bool,
    reason: str | None = None,
    duration_s: Number | None = None,
    **also: Unpack[Common],
) -> None:
    """Work moves to a stand-in, or fails to."""
    values = {**_change(name, from_, to, reason, duration_s), safety.SUCCEEDED: succeeded}
    emit(safety.FAILOVER, values, {"severity": "warning", **also})


def service_degraded(
    *,
    name: str,
    reason: str,
    from_: str | None = None,
    to: str | None = None,
    duration_s: Number | None = None,
    **also: Unpack[Common],
) -> None:
    """A service works with less than it should, or, with `to="healthy"`, does so no longer."""
    emit(safety.DEGRADED, _change(name, from_, to, reason, duration_s), {"severity": "warning", **also})


def deployment(
    *,
    name: str,
    version: str,
    from_: str | None = None,
    to: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
    duration_s: Number | None = None,
    **also: Unpack[Common],
) -> None:
    """A version goes live; `from_` and `to` are versions."""
    values = {
        **_change(name, from_, to or version, reason, duration_s),
        common.SERVICE_VERSION: version,
        safety.DEPLOYMENT_ACTOR: actor,
    }
    emit(safety.DEPLOYMENT, values, also)


def flag_evaluation(
    *,
    key: str,
    variant: str,
    reason: str | None = None,
    from_: str | None = None,
    **also: Unpack[Common],
) -> None:
    """A feature flag gives another result than before: `from_` one variant to `variant`."""
    values = {
        safety.FLAG_KEY: key,
        safety.FLAG_VARIANT: variant,
        safety.FLAG_REASON: reason,
        safety.FROM: from_,
        safety.TO: variant,
    }
    emit(safety.FEATURE_FLAG, values, also)


def security_event(
    *,
    kind: Literal["login_storm", "key_new_origin", "token_abuse", "permission_denied_burst", "mock_in_production"],
    subject: str,
    evidence: Sequence[str],
    **also: Unpack[Common],
) -> None:
    """Something that looks like an attack or a leak; one short sentence each in `evidence`, never a secret."""
    values = {safety.SECURITY_KIND: kind, safety.SECURITY_SUBJECT: subject, safety.SECURITY_EVIDENCE: evidence}
    emit(safety.SECURITY, values, {"severity": "critical", **also})
