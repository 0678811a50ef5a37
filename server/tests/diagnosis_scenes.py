"""A small platform whose telemetry carries a cause that the test knows."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.areas import select
from observatory.otlp.signals import Signal

VENUES = ("binance", "kraken", "coinbase")
PROVIDERS = ("openai", "anthropic", "google")
MODELS = {"openai": "gpt-4o", "anthropic": "claude-3-5-sonnet", "google": "gemini-1.5-pro"}


@dataclass
class Wrong:
    """What is wrong from some minutes before the end on; all as it should be without.

    Attributes:
        since_min: minutes before the end.
        until_min: minutes before the end at which it was over.
        slow: by what is slow (`binance`, `openai`, a service), how many times as slow.
        fails: by what fails, the share of its calls.
        version: by service, the version deployed then.
        pool: whether a pool of connections leaks.
    """

    since_min: float = 10
    until_min: float = 0
    slow: dict[str, float] = field(default_factory=dict)
    fails: dict[str, float] = field(default_factory=dict)
    version: dict[str, str] = field(default_factory=dict)
    pool: bool = False


class Platform:
    """Sends the telemetry of an hour and a half."""

    def __init__(self, insert: Callable[..., Any], environment: str, at: datetime, seed: int = 7) -> None:
        self.environment, self.at = environment, at
        self.insert = insert
        self.arrives = at
        self._random = random.Random(seed)
        self._ids = 0

    def live(self, wrong: Wrong | None = None, minutes: float = 80, per_minute: float = 8) -> None:
        """Chats, each of which asks a model, places an order on a venue and sends a message that nobody waits for."""
        wrong = wrong or Wrong()
        request = ExportTraceServiceRequest()
        holders: dict[str, Any] = {}
        count = int(minutes * per_minute)
        for nth in range(count):
            ago_s = (count - nth - self._random.random()) / per_minute * 60
            self._chat(request, holders, ago_s, wrong)
        self.insert(Signal.TRACES, request.SerializeToString(), select.nanoseconds(self.arrives))
        self._pool(wrong, minutes)

    def log(self, name: str, ago_s: float, **values: str) -> None:
        """One log event."""
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        group.resource.attributes.extend(attributes(self._resource("1.0.0")))
        at = select.nanoseconds(self.at - timedelta(seconds=ago_s))
        record = group.scope_logs.add().log_records.add(event_name=name, time_unix_nano=at)
        record.attributes.extend(attributes({key.replace("__", "."): value for key, value in values.items()}))
        self.insert(Signal.LOGS, request.SerializeToString(), select.nanoseconds(self.arrives))

    def _resource(self, version: str) -> dict[str, Any]:
        return {
            "service.name": "cryptouniverse-backend",
            "service.version": version,
            "deployment.environment.name": self.environment,
        }

    def _chat(self, request: Any, holders: dict[str, Any], ago_s: float, wrong: Wrong) -> None:
        on = wrong.until_min * 60 <= ago_s < wrong.since_min * 60
        pick, venue, provider = self._random, self._random.choice(VENUES), self._random.choice(PROVIDERS)

        def took(name: str, ms: float) -> float:
            return ms * pick.lognormvariate(0, 0.2) * (wrong.slow.get(name, 1.0) if on else 1.0)

        def fails(name: str) -> bool:
            return on and pick.random() < wrong.fails.get(name, 0.0)

        model_ms, venue_ms, own_ms = took(provider, 400), took(venue, 90), took("trade_execution_service", 10)
        if wrong.pool and on:
            own_ms += 600 * pick.random()
        rejected, refused = fails(venue), fails(provider)
        broken = fails("trade_execution_service")
        start, nth_user = ago_s * 1e3, pick.randrange(40)
        trace = uuid.UUID(int=pick.getrandbits(128)).bytes
        order_ms = venue_ms + own_ms
        engine_ms = model_ms + took("ai_consensus_engine", 15)
        total = engine_ms + order_ms + took("ai_chat_engine", 20)

        def span(service: str, name: str, parent: bytes, begins: float, ms: float, failed: bool, **more: Any) -> bytes:
            version = wrong.version.get(service, "1.0.0") if ago_s < wrong.since_min * 60 else "1.0.0"
            if version not in holders:
                group = request.resource_spans.add()
                group.resource.attributes.extend(attributes(self._resource(version)))
                holders[version] = group.scope_spans.add().spans
            self._ids += 1
            made = holders[version].add(name=name, kind=more.pop("kind", 1), trace_id=trace)
            made.span_id, made.parent_span_id = self._ids.to_bytes(8), parent
            begun = self.at - timedelta(milliseconds=start - begins)
            made.start_time_unix_nano = select.nanoseconds(begun)
            made.end_time_unix_nano = made.start_time_unix_nano + int(ms * 1e6)
            values = {
                "observatory.service": service,
                "observatory.feature": "chat",
                "user.id": f"u{nth_user}",
            }
            made.attributes.extend(attributes({**values, **{k.replace("__", "."): v for k, v in more.items()}}))
            made.status.code = 2 if failed else 0
            return bytes(made.span_id)

        chat, engine, trade = "ai_chat_engine", "ai_consensus_engine", "trade_execution_service"
        bad, by_chat = rejected or refused or broken, {"observatory__caller": chat}
        root = span(chat, "chat.reply", b"", 0, total, bad, kind=2, observatory__caller="external")
        decision = span(engine, "decide", root, 5, engine_ms, refused, **by_chat)
        model = {
            "gen_ai__operation__name": "chat",
            "gen_ai__provider__name": provider,
            "gen_ai__request__model": MODELS[provider],
            "gen_ai__response__model": MODELS[provider],
            "gen_ai__usage__input_tokens": 900,
            "gen_ai__usage__output_tokens": 200,
            **({"error__type": "500"} if refused else {}),
        }
        span(engine, f"chat {MODELS[provider]}", decision, 10, model_ms, refused, kind=3, **model)
        begins = 8 + engine_ms
        order = span(trade, "execute", root, begins, order_ms, rejected or broken, **by_chat)
        call = {"exchange__id": venue, "exchange__operation": "create_order"}
        call["http__response__status_code"] = "400" if rejected else "200"
        span(trade, "POST", order, begins + own_ms, venue_ms, rejected, kind=3, **call)
        placed = {
            "exchange__id": venue,
            "order__mode": "live",
            "order__status": "rejected" if rejected else "filled",
            "order__client_id": f"o{self._ids}",
            "order__symbol": pick.choice(("BTC/USDT", "ETH/USDT")),
            "order__side": "buy",
        }
        span(trade, "order.execute", order, begins, order_ms, rejected, **placed)
        span("telegram_core", "send", root, total + 5, took("telegram_core", 60), False, kind=5, **by_chat)

    def _pool(self, wrong: Wrong, minutes: float) -> None:
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.extend(attributes(self._resource("1.0.0")))
        points: Any = group.scope_metrics.add().metrics.add(name="db.client.connection.count").sum
        points.aggregation_temporality = 2
        for ago_s in range(int(minutes * 60), 0, -15):
            leaked = wrong.pool and ago_s < wrong.since_min * 60
            used = 4 + self._random.randrange(3) + (min(30.0, (wrong.since_min * 60 - ago_s) / 10) if leaked else 0)
            point = points.data_points.add(time_unix_nano=select.nanoseconds(self.at - timedelta(seconds=ago_s)))
            point.as_double = used
            named = {"db.client.connection.state": "used", "db.client.connection.pool.name": "orders"}
            point.attributes.extend(attributes({**named, "observatory.service": "trade_execution_service"}))
        self.insert(Signal.METRICS, request.SerializeToString(), select.nanoseconds(self.arrives))
