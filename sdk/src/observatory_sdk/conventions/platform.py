"""The platform's own chores: onboarding, sign-in, limits, journal, messages, queues, resources."""

from __future__ import annotations

from observatory_sdk.conventions.common import MESSAGING_SYSTEM, SERVER_ADDRESS, SERVICE
from observatory_sdk.conventions.model import Instrument, Metric, event, flag, number, seconds, span, text

SUBJECT = text("platform.subject", "Whom or what it concerns, by id.")
STEP = text("onboarding.step.name", "The step.")
STEP_DURATION = seconds("onboarding.step.duration_s", "How long the step took.")
AUTH_METHOD = text("auth.method", "How the subject signs in, such as `password` or `google`.")
LIMIT_NAME = text("rate_limit.name", "The limit.")
LIMIT_ALLOWED = flag("rate_limit.allowed", "The request may pass.")
LIMIT_LIMIT = number("rate_limit.limit", "What is allowed.", minimum=0)
LIMIT_USED = number("rate_limit.used", "What is used.", minimum=0)
JOURNAL_KIND = text("journal.kind", "The kind of entry.")
CHECK_TARGET = text("health.check.target", "What is checked.")
CHECK_STATUS = text("health.check.status", "What the check says.", "healthy", "degraded", "critical", "unknown")
CHECK_DURATION = seconds("health.check.duration_s", "How long the check took.")
CONFIG_KEY = text("config.key", "The setting; never its value.")
CONFIG_ACTOR = text("config.actor", "Who changed it.")
MOCK_NAME = text("mock.name", "What was made up instead of measured or fetched.")
MESSAGE_KIND = text("message.kind", "The kind of message, such as `welcome` or `password_reset`.")
MESSAGE_STATUS = text("message.status", "What the channel answered.", "accepted", "failed")
QUEUE_NAME = text("queue.name", "The queue.")
QUEUE_OUTCOME = text("queue.outcome", "How the work on the item ended.", "success", "failure")
SOCKET_REASON = text("websocket.drop.reason", "Why it was dropped, in a fixed word.")
POOL_NAME = text("db.client.connection.pool.name", "The pool.")
POOL_STATE = text("db.client.connection.state", "What the connections do.", "idle", "used")

ONBOARDING = event(
    "onboarding.step", "A new user takes a step.", "user_onboarding_service", STEP, STEP_DURATION, SUBJECT
)
AUTH = event("auth.attempt", "Someone tries to sign in.", "oauth_service", AUTH_METHOD, SUBJECT)
RATE_LIMIT = event(
    "rate_limit.decision",
    "A request is let through or held back.",
    "rate_limit_service",
    LIMIT_NAME,
    LIMIT_ALLOWED,
    LIMIT_LIMIT,
    LIMIT_USED,
    SUBJECT,
)
JOURNAL = event("journal.entry", "An entry in the system's journal.", "system_journal", JOURNAL_KIND, SUBJECT)
HEALTH_CHECK = event(
    "health.check",
    "One of the platform's own health checks.",
    "health_monitor strategy_system_monitor",
    CHECK_TARGET,
    CHECK_STATUS,
    CHECK_DURATION,
)
CONFIG = event(
    "config.changed", "A setting changes.", "enterprise_system_optimization state_coordinator", CONFIG_KEY, CONFIG_ACTOR
)
MOCK = event("mock.served", "Made-up values were served.", "mock_data_service", MOCK_NAME, SUBJECT)
MESSAGE = span(
    "message.send",
    "A message that is no signal goes out.",
    "email_service telegram_core",
    MESSAGING_SYSTEM,
    MESSAGE_KIND,
    MESSAGE_STATUS,
)
SOCKET_CONNECTIONS = Metric(
    "websocket.connections",
    Instrument.GAUGE,
    "{connection}",
    "Clients connected over WebSocket.",
    ("websocket_service",),
    (),
)
SOCKET_DROPPED = Metric(
    "websocket.dropped",
    Instrument.COUNTER,
    "{connection}",
    "Connections or messages dropped.",
    ("websocket_service",),
    (SOCKET_REASON,),
)
_QUEUE_OWNERS = ("background_service_manager", "event_driven_services_manager", "strategy_submission_service")
QUEUE_DEPTH = Metric("queue.depth", Instrument.GAUGE, "{item}", "Items waiting.", _QUEUE_OWNERS, (QUEUE_NAME,))
QUEUE_OLDEST = Metric(
    "queue.oldest_item.age", Instrument.GAUGE, "s", "Age of the oldest item waiting.", _QUEUE_OWNERS, (QUEUE_NAME,)
)
QUEUE_PROCESSED = Metric(
    "queue.processed", Instrument.COUNTER, "{item}", "Items worked on.", _QUEUE_OWNERS, (QUEUE_NAME, QUEUE_OUTCOME)
)
_RESOURCE_OWNERS = ("resource_monitor", "system_monitoring_service")
POOL_COUNT = Metric(
    "db.client.connection.count",
    Instrument.GAUGE,
    "{connection}",
    "Connections of the pool by state.",
    _RESOURCE_OWNERS,
    (POOL_NAME, POOL_STATE),
)
POOL_MAX = Metric(
    "db.client.connection.max",
    Instrument.GAUGE,
    "{connection}",
    "Connections the pool may open.",
    _RESOURCE_OWNERS,
    (POOL_NAME,),
)
POOL_PENDING = Metric(
    "db.client.connection.pending_requests",
    Instrument.GAUGE,
    "{request}",
    "Requests waiting for a connection.",
    _RESOURCE_OWNERS,
    (POOL_NAME,),
)
# Names, units and kinds are those of the Redis receiver of OpenTelemetry's Collector.
_REDIS_OWNERS = ("resource_monitor",)
REDIS_MEMORY = Metric(
    "redis.memory.used",
    Instrument.GAUGE,
    "By",
    "Memory that Redis has allocated.",
    _REDIS_OWNERS,
    (SERVER_ADDRESS,),
)
REDIS_MAX_MEMORY = Metric(
    "redis.maxmemory",
    Instrument.GAUGE,
    "By",
    "Memory that Redis may allocate before it throws keys out or refuses to write; 0 is no limit.",
    _REDIS_OWNERS,
    (SERVER_ADDRESS,),
)
REDIS_FRAGMENTATION = Metric(
    "redis.memory.fragmentation_ratio",
    Instrument.GAUGE,
    "1",
    "Memory of Redis as the machine sees it, per byte that it has allocated.",
    _REDIS_OWNERS,
    (SERVER_ADDRESS,),
)
REDIS_HITS = Metric(
    "redis.keyspace.hits",
    Instrument.COUNTER,
    "{hit}",
    "Look-ups in Redis that found a key.",
    _REDIS_OWNERS,
    (SERVER_ADDRESS,),
)
REDIS_MISSES = Metric(
    "redis.keyspace.misses",
    Instrument.COUNTER,
    "{miss}",
    "Look-ups in Redis that found no key.",
    _REDIS_OWNERS,
    (SERVER_ADDRESS,),
)
REDIS_EVICTED = Metric(
    "redis.keys.evicted",
    Instrument.COUNTER,
    "{key}",
    "Keys that Redis threw out for want of memory.",
    _REDIS_OWNERS,
    (SERVER_ADDRESS,),
)
CPU_TIME = Metric(
    "observatory.service.cpu.time",
    Instrument.COUNTER,
    "s",
    "CPU time of a logical service, estimated by sampling which service runs.",
    _RESOURCE_OWNERS,
    (SERVICE,),
)
PROCESS_CPU = Metric("process.cpu.time", Instrument.COUNTER, "s", "CPU time of the process.", _RESOURCE_OWNERS, ())
PROCESS_MEMORY = Metric(
    "process.memory.usage", Instrument.GAUGE, "By", "Resident memory of the process.", _RESOURCE_OWNERS, ()
)
PROCESS_THREADS = Metric(
    "process.thread.count", Instrument.GAUGE, "{thread}", "Threads of the process.", _RESOURCE_OWNERS, ()
)
