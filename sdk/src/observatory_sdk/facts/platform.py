"""The platform's own chores: onboarding, sign-in, limits, journal, messages."""

from __future__ import annotations

from typing import Literal, Unpack

from opentelemetry import trace

from observatory_sdk.conventions import common, platform
from observatory_sdk.facts.checks import Number
from observatory_sdk.facts.event_fact import Common, emit
from observatory_sdk.facts.span_fact import SpanFact, of


class Message(SpanFact):
    """A message that is no signal goes out."""

    fact = platform.MESSAGE
    span_kind = trace.SpanKind.PRODUCER

    channel: str = of(common.MESSAGING_SYSTEM)
    kind: str = of(platform.MESSAGE_KIND)
    status: Literal["accepted", "failed"] | None = of(platform.MESSAGE_STATUS, default=None)


def onboarding_step(
    *, step: str, duration_s: Number | None = None, subject: str | None = None, **also: Unpack[Common]
) -> None:
    """A new user takes a step; how it went is `outcome`."""
    emit(
        platform.ONBOARDING, {platform.STEP: step, platform.STEP_DURATION: duration_s, platform.SUBJECT: subject}, also
    )


def auth_attempt(*, method: str, subject: str | None = None, **also: Unpack[Common]) -> None:
    """Someone tries to sign in; how it went is `outcome`. `subject`: an id, never a password or token."""
    emit(platform.AUTH, {platform.AUTH_METHOD: method, platform.SUBJECT: subject}, also)


def rate_limit_decision(
    *,
    name: str,
    allowed: bool,
    limit: Number | None = None,
    used: Number | None = None,
    subject: str | None = None,
    **also: Unpack[Common],
) -> None:
    """A request is let through or held back."""
    values = {
        platform.LIMIT_NAME: name,
        platform.LIMIT_ALLOWED: allowed,
        platform.LIMIT_LIMIT: limit,
        platform.LIMIT_USED: used,
        platform.SUBJECT: subject,
    }
    emit(platform.RATE_LIMIT, values, also)


def journal_entry(*, kind: str, subject: str | None = None, **also: Unpack[Common]) -> None:
    """An entry in the system's journal."""
    emit(platform.JOURNAL, {platform.JOURNAL_KIND: kind, platform.SUBJECT: subject}, also)


def health_check(
    *,
    target: str,
    status: Literal["healthy", "degraded", "critical", "unknown"],
    duration_s: Number | None = None,
    **also: Unpack[Common],
) -> None:
    """One of the platform's own health checks."""
    values = {platform.CHECK_TARGET: target, platform.CHECK_STATUS: status, platform.CHECK_DURATION: duration_s}
    emit(platform.HEALTH_CHECK, values, also)


def config_changed(*, key: str, actor: str | None = None, **also: Unpack[Common]) -> None:
    """A setting changes: its name, never its value."""
    emit(platform.CONFIG, {platform.CONFIG_KEY: key, platform.CONFIG_ACTOR: actor}, also)


def mock_served(*, name: str, subject: str | None = None, **also: Unpack[Common]) -> None:
    """Made-up values were served instead of measured ones."""
    emit(platform.MOCK, {platform.MOCK_NAME: name, platform.SUBJECT: subject}, {"severity": "warning", **also})
