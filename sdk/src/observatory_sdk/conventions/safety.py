"""Emergencies, breakers, failovers, deployments and security."""

from __future__ import annotations

from observatory_sdk.conventions.common import SERVICE_VERSION
from observatory_sdk.conventions.model import event, flag, seconds, text, texts

NAME = text("safety.name", "What it is about: the breaker, the emergency, the resource that failed over.")
FROM = text("safety.from", "The state or place before.")
TO = text("safety.to", "The state or place after.")
REASON = text("safety.reason", "Why, in a fixed word or a short sentence.")
DURATION = seconds("safety.duration_s", "How long the state before lasted, or how long the switch took.")
SUCCEEDED = flag("safety.succeeded", "The failover worked.")
DEPLOYMENT_ACTOR = text("deployment.actor", "Who or what deployed.")
FLAG_KEY = text("feature_flag.key", "The flag.")
FLAG_VARIANT = text("feature_flag.result.variant", "The variant that holds now.")
FLAG_REASON = text("feature_flag.result.reason", "Why it holds, such as `targeting_match`.")
SECURITY_KIND = text(
    "security.kind",
    "What was seen.",
    "login_storm",
    "key_new_origin",
    "token_abuse",
    "permission_denied_burst",
    "mock_in_production",
)
SECURITY_SUBJECT = text("security.subject", "Whom or what it concerns, by id; never a key or a token.")
SECURITY_EVIDENCE = texts("security.evidence", "What speaks for it, one short sentence each.")

EMERGENCY = event(
    "emergency.activated", "An emergency measure is taken.", "emergency_manager", NAME, FROM, TO, REASON, DURATION
)
BREAKER = event(
    "circuit_breaker.transition",
    "A circuit breaker opens, half-opens or closes.",
    "emergency_manager ai_consensus_engine",
    NAME,
    FROM,
    TO,
    REASON,
    DURATION,
)
FAILOVER = event(
    "failover",
    "Work moves to a stand-in.",
    "emergency_manager state_coordinator",
    NAME,
    FROM,
    TO,
    REASON,
    DURATION,
    SUCCEEDED,
)
DEGRADED = event(
    "service.degraded",
    "A service works with less than it should.",
    "system_monitoring_service",
    NAME,
    FROM,
    TO,
    REASON,
    DURATION,
)
DEPLOYMENT = event(
    "deployment",
    "A version goes live.",
    "system_monitoring_service",
    NAME,
    FROM,
    TO,
    REASON,
    DURATION,
    SERVICE_VERSION,
    DEPLOYMENT_ACTOR,
)
FEATURE_FLAG = event(
    "feature_flag.evaluation",
    "A flag gives another result than before.",
    "enterprise_system_optimization",
    FLAG_KEY,
    FLAG_VARIANT,
    FLAG_REASON,
    FROM,
    TO,
)
SECURITY = event(
    "security.event",
    "Something that looks like an attack or a leak.",
    "system_monitoring_service oauth_service mock_data_service",
    SECURITY_KIND,
    SECURITY_SUBJECT,
    SECURITY_EVIDENCE,
)
