"""Names that any span, log record, metric point or resource may carry."""

from __future__ import annotations

from observatory_sdk.conventions.model import Attribute, Instrument, Metric, text, texts

SERVICE = text("observatory.service", "The logical service, by its id in the catalogue.")
CALLER = text(
    "observatory.caller",
    "The id of the calling service, `external` when no service called. Stands on the entry span of a call only.",
)
FEATURE = text("observatory.feature", "The business feature at the root of the trace, such as `chat` or `autotrade`.")
OUTCOME = text(
    "observatory.outcome",
    "How it ended in business terms; `failure` counts as an error even when nothing was raised.",
    "success",
    "failure",
    "partial",
    "simulated",
)
OUTCOME_REASON = text("observatory.outcome.reason", "Why it ended so, in a few fixed words.")
INVALID = texts("observatory.invalid", "Names of attributes that were left out because their value was not allowed.")

USER_ID = text("user.id", "The user on whose behalf this happens.")
USER_COHORT = text("user.cohort", "The group the user is counted in.")
USER_PLAN = text("user.plan", "The user's plan.")

DECISION_ID = text("decision.id", "Joins a decision with what came of it, across traces.")
SIGNAL_ID = text("signal.id", "Joins a trading signal with its evaluation, delivery, orders and outcome.")
ORDER_ID = text("order.id", "Joins an order with the signal and the decision behind it.")

ERROR_TYPE = text("error.type", "The class of the error, a status code, or a fixed word. Absent on success.")
EXCHANGE_ID = text("exchange.id", "The venue, in lower case, such as `binance`.")
STRATEGY_ID = text("strategy.id", "The strategy.")
PORTFOLIO_ID = text("portfolio.id", "The portfolio.")
SERVER_ADDRESS = text("server.address", "The host that was called.")
MESSAGING_SYSTEM = text("messaging.system", "The channel, such as `telegram`, `email` or `websocket`.")

SERVICE_NAME = text("service.name", "The process.")
SERVICE_NAMESPACE = text("service.namespace", "The platform the process belongs to.")
SERVICE_VERSION = text("service.version", "The version that runs.")
SERVICE_INSTANCE_ID = text("service.instance.id", "One run of one process.")
ENVIRONMENT = text("deployment.environment.name", "The environment; staging never mixes with production.")
REDACTED = text(
    "observatory.redacted",
    "Secrets were taken out before this was sent, by these rules. Without it the server takes them out.",
)
RULES = "1"
"""The rules of this version, as they stand in `secrets`: the value of `observatory.redacted`."""

COMMON: tuple[Attribute, ...] = (
    SERVICE,
    FEATURE,
    OUTCOME,
    OUTCOME_REASON,
    INVALID,
    USER_ID,
    USER_COHORT,
    USER_PLAN,
    DECISION_ID,
    SIGNAL_ID,
    ORDER_ID,
    ERROR_TYPE,
)
"""What every fact may carry besides its own attributes."""

HEARTBEAT = Metric(
    "observatory.service.heartbeat",
    Instrument.GAUGE,
    "s",
    "Seconds since the service was registered; one point each 15 s, also when the service is idle.",
    (),
    (SERVICE,),
)
SDK_REASON = text("observatory.sdk.reason", "What went wrong inside the SDK, or why a value was refused.")
SDK_LOSSES = Metric(
    "observatory.sdk.losses",
    Instrument.COUNTER,
    "1",
    "Errors caught inside the SDK, refused values and telemetry that could not be sent.",
    (),
    (SDK_REASON,),
)
