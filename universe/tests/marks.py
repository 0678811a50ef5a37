"""How each fault shows in the telemetry: one function per kind, by what was told during the fault and well before it.

A mark that cannot be there without its fault needs nothing from before. `target` is what the fault was aimed at.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from evidence import Evidence, Span, median_ms, share

Mark = Callable[[Evidence, Evidence, str | None], bool]

# What one, two or three calls show may be chance.
_FEW = 4

MARKS: dict[str, Mark] = {}


def _mark(kind: str) -> Callable[[Mark], Mark]:
    def keep(mark: Mark) -> Mark:
        MARKS[kind] = mark
        return mark

    return keep


def _slower(now: list[Span], before: list[Span], times: float, few: int = _FEW) -> bool:
    return len(now) >= few and bool(before) and median_ms(now) > times * median_ms(before)


@_mark("ai_provider_slow")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return _slower(now.model_calls(target), before.model_calls(target), 2.5)


@_mark("ai_provider_errors")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    failed = [call for call in now.model_calls(target) if call.is_error]
    return bool(failed) and any("ai.fallback.from" in call.attributes for call in now.model_calls())


@_mark("ai_silent_fallback")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    served = [call for call in now.model_calls(target) if "gen_ai.response.model" in call.attributes]
    return any(c.attributes["gen_ai.response.model"] != c.attributes["gen_ai.request.model"] for c in served)


@_mark("ai_token_loop")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    by_parent: dict[str, list[Span]] = {}
    for call in sorted(now.model_calls(), key=lambda call: call.start_ns):
        if call.service == "ai_chat_engine":
            by_parent.setdefault(call.parent_id, []).append(call)
    tokens = [[c.attributes.get("gen_ai.usage.input_tokens", 0) for c in calls] for calls in by_parent.values()]
    return any(len(turn) > 3 and sorted(turn) == turn for turn in tokens)  # type: ignore[type-var]


@_mark("ai_cache_ratio_drop")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    def long(seen: Evidence) -> list[Span]:
        return [c for c in seen.model_calls(target) if _number(c, "gen_ai.usage.input_tokens") > 1_200]

    def hits(call: Span) -> bool:
        return _number(call, "gen_ai.usage.cache_read.input_tokens") > 0

    def asked(call: Span) -> tuple[object, object]:
        return call.service, call.attributes["gen_ai.request.model"]

    # A service begins all its prompts for a model alike: what a provider that keeps them saw once, it has kept.
    keepers = {call.attributes["gen_ai.provider.name"] for call in long(before) if hits(call)}
    kept = {asked(call) for call in long(before) if call.attributes["gen_ai.provider.name"] in keepers}
    again = [call for call in long(now) if asked(call) in kept]
    return bool(again) and share(again, hits) < 0.5


def _number(span: Span, attribute: str) -> int:
    return int(str(span.attributes.get(attribute, 0)))


@_mark("ai_miscalibrated")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    sure = [
        float(str(span.attributes["ai.consensus.confidence"]))
        for span in now.named("ai.consensus.decide")
        if "ai.consensus.confidence" in span.attributes
    ]
    return bool(sure) and max(sure) > 0.95 and sum(sure) / len(sure) > 0.9


@_mark("ai_memory_loss")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    looked = [span for span in now.spans if "ai.memory.hit" in span.attributes]
    # A conversation without any turn before has nothing to find, and retains all of it.
    return any(s.attributes["ai.memory.hit"] is False and s.attributes["ai.memory.retained_ratio"] == 0 for s in looked)


@_mark("signal_generator_stall")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    asked = now.named("signal_generation_engine.generate")
    return len(asked) >= 2 and not now.named("signal.generate")


@_mark("telegram_429_burst")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    failed = now.named("signal.deliver", messaging_system="telegram", signal_delivery_status="failed")
    return any("signal.delivery.retry_after_s" in span.attributes for span in failed)


@_mark("smtp_down")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    sent = now.named("signal.deliver", messaging_system="email")
    return share(sent, lambda span: span.attributes["signal.delivery.status"] != "accepted") > 0.3


@_mark("websocket_drop")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return now.growth("websocket.dropped") > 0


@_mark("dead_letters")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.named("signal.deliver", messaging_system="telegram", signal_delivery_status="dead_letter"))


@_mark("signal_quality_decay")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    made = {span.attributes["signal.id"] for span in now.named("signal.generate")}
    outcomes = [event for event in now.told("signal.outcome") if event.attributes["signal.id"] in made]
    return len(outcomes) >= _FEW and share(outcomes, lambda event: event.attributes["signal.outcome.won"] is True) < 0.4


@_mark("exchange_slow")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return _slower(now.exchange_calls(target), before.exchange_calls(target), 3)


@_mark("exchange_rejects")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    orders = [s for s in now.named("order.execute", order_mode="live") if target in (None, s.attributes["exchange.id"])]
    return share(orders, lambda span: span.attributes["order.status"] == "rejected") > 0.2


@_mark("order_unknown_state")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    orders = now.named("order.execute", order_status="unknown")
    return any(target in (None, order.attributes["exchange.id"]) for order in orders)


@_mark("order_duplicate")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    # The order that closes a position has the other side; one that is tried again after a refusal comes later.
    starts: dict[object, list[int]] = {}
    for span in now.named("order.execute", order_mode="live"):
        order = span.attributes
        key = (order.get("signal.id"), order.get("user.id"), order["order.side"])
        starts.setdefault(key, []).append(span.start_ns)
    return any(len(times) > 1 and max(times) - min(times) < 4e9 for times in starts.values())


@_mark("slippage_regime")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    slippages = [
        _slippage_bps(span)
        for span in now.named("order.execute", order_mode="live")
        if "order.average_price" in span.attributes and target in (None, span.attributes["exchange.id"])
    ]
    return bool(slippages) and sorted(slippages)[len(slippages) // 2] > 12


def _slippage_bps(span: Span) -> float:
    sign = 1 if span.attributes["order.side"] == "buy" else -1
    average, mid = float(str(span.attributes["order.average_price"])), float(str(span.attributes["order.arrival_mid"]))
    return sign * (average / mid - 1) * 10_000


@_mark("paper_live_drift")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    slippages = [
        _slippage_bps(span)
        for span in now.named("order.execute", order_mode="paper")
        if "order.average_price" in span.attributes
    ]
    return bool(slippages) and sorted(slippages)[len(slippages) // 2] < -10


@_mark("simulated_for_live")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    simulated = now.named("order.execute", order_mode="live", order_simulated=True)
    called = {span.parent_id for span in now.exchange_calls()}
    return bool(simulated) and not any(span.span_id in called for span in simulated)


@_mark("exchange_rate_limit_ban")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    calls = now.exchange_calls(target)
    shut_out = [c for c in calls if str(c.attributes.get("http.response.status_code")) in ("418", "429")]
    return any("exchange.rate_limit.retry_after_s" in call.attributes for call in shut_out)


@_mark("sizing_bug")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    sized = [span.attributes for span in now.named("position.size") if "position.size.allowed" in span.attributes]
    return any(float(str(s["position.size.allowed"])) > float(str(s["position.size.intended"])) for s in sized)


_MESSAGES = "market_data.messages"


@_mark("feed_frozen")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    times_ns = [p.time_ns for p in now.points if (p.metric, p.attributes.get("exchange.id")) == (_MESSAGES, target)]
    newest_ns, oldest_ns = max(times_ns, default=0), min(times_ns, default=0)
    lately = now.within(newest_ns - 4 * 10**9, newest_ns + 1)
    is_up = now.last("market_data.connection.up", exchange_id=target) == 1
    return is_up and newest_ns - oldest_ns > 3e9 and lately.growth(_MESSAGES, exchange_id=target) == 0


@_mark("feed_gap")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.told("market_data.gap")) and now.growth("market_data.sequence_gaps", exchange_id=target) > 0


@_mark("feed_clock_skew")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    lags = [
        p.value for p in now.points if p.metric == "market_data.lag.least" and p.attributes["exchange.id"] == target
    ]
    return bool(lags) and min(lags) < -0.2


@_mark("feed_bad_tick")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return any(target in (None, tick.attributes["exchange.id"]) for tick in now.told("market_data.bad_tick"))


@_mark("risk_guard_dead")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    checks = Counter(span.attributes["risk.limit.name"] for span in now.named("risk.limit.check"))
    return checks.total() >= _FEW and not checks[target]


@_mark("risk_breach_storm")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.named("risk.limit.check", risk_limit_breached=True))


@_mark("risk_correlation_stale")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.named("portfolio_risk_service.rebalance")) and not now.named("risk.correlation.compute")


@_mark("risk_stress_slow")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    # There are few of them, and slow ones are fewer.
    return _slower(now.named("risk.stress_test"), before.named("risk.stress_test"), 4, few=2)


@_mark("ledger_drift")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return any(
        _money(event.attributes["credit.balance_before"]) + _money(event.attributes["credit.amount"])
        != _money(event.attributes["credit.balance_after"])
        for event in now.told("credit.transaction")
    )


def _money(value: object) -> Decimal:
    return Decimal(str(value))


@_mark("negative_balance")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return any(_money(event.attributes["credit.balance_after"]) < 0 for event in now.told("credit.transaction"))


@_mark("double_charge")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    keys = Counter(event.attributes["credit.idempotency_key"] for event in now.told("credit.transaction"))
    return max(keys.values(), default=0) > 1


@_mark("payment_outage")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    declined = now.named("payment.process", payment_status="declined", payment_decline_reason="rail_down")
    return any(target in (None, payment.attributes["payment.rail"]) for payment in declined)


@_mark("profit_share_wrong")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return any(
        abs(
            _money(event.attributes["profit_share.profit_usd"]) * _money(event.attributes["profit_share.ratio"])
            - _money(event.attributes["profit_share.amount_usd"])
        )
        > Decimal("0.000001")
        for event in now.told("profit_share.distributed")
    )


@_mark("strategy_test_stall")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return (now.last("queue.oldest_item.age", queue_name="strategy_submissions") or 0) > 3


@_mark("strategy_failing")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    failed = now.named("strategy.execute", observatory_outcome_reason="strategy_error")
    return any(target in (None, run.attributes["strategy.id"]) for run in failed)


@_mark("price_change")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    def unit_prices(seen: Evidence) -> dict[object, Decimal]:
        charges = [event.attributes for event in seen.told("cost.charge") if event.attributes.get("cost.quantity")]
        return {
            (c["cost.provider"], c["cost.unit"]): _money(c["cost.amount_usd"]) / _money(c["cost.quantity"])
            for c in charges
        }

    usual = unit_prices(before)
    return any(price > Decimal("1.4") * usual[what] for what, price in unit_prices(now).items() if usual.get(what))


@_mark("user_runaway")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    users = Counter(call.attributes.get("user.id") for call in now.named("chat_integration_service.receive"))
    return users.total() > 8 and max(users.values()) > 0.6 * users.total()


@_mark("breaker_flap")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    names = Counter(event.attributes["safety.name"] for event in now.told("circuit_breaker.transition"))
    return max(names.values(), default=0) >= 3


@_mark("failover_fails")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.told("failover", safety_succeeded=False))


@_mark("login_storm")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    failed = now.told("auth.attempt", observatory_outcome="failure")
    subjects = Counter(event.attributes["platform.subject"] for event in failed)
    told = {event.attributes["security.subject"] for event in now.told("security.event", security_kind="login_storm")}
    return any(subjects[subject] >= 10 for subject in told)


@_mark("key_new_origin")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.told("security.event", security_kind="key_new_origin"))


@_mark("mock_in_production")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.told("security.event", security_kind="mock_in_production"))


@_mark("redis_eviction")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return now.growth("redis.keys.evicted") > 0


@_mark("pool_leak")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    used = now.last("db.client.connection.count", db_client_connection_state="used") or 0
    return used >= 0.8 * (now.last("db.client.connection.max") or float("inf"))


@_mark("memory_leak")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return now.growth("process.memory.usage") > 40 * 2**20


@_mark("queue_backlog")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return (now.last("queue.oldest_item.age", queue_name="background") or 0) > 2


@_mark("cpu_hog")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return now.growth("observatory.service.cpu.time", observatory_service="enterprise_system_optimization") > 0.3


@_mark("dependency_slow")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    mine = [span for span in now.spans if str(span.name).startswith(f"{target}.")]
    earlier = [span for span in before.spans if str(span.name).startswith(f"{target}.")]
    return len(mine) >= _FEW and median_ms(mine) > median_ms(earlier) + 300


@_mark("retry_storm")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    def from_analysis(seen: Evidence) -> list[Span]:
        return seen.named("real_market_data_service.candles", observatory_caller="market_analysis_service")

    failed = share(from_analysis(now), lambda span: span.is_error)
    return failed > 0.4 and len(from_analysis(now)) > 1.5 * len(now.named("market_analysis_service.analyse"))


@_mark("deployment_regression")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    calls = [span for span in now.spans if str(span.name).startswith(f"{target}.")]
    return bool(now.told("deployment")) and share(calls, lambda span: span.is_error) > 0.15


@_mark("quiet_market")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return 0 < now.rate(_MESSAGES) < 0.7 * before.rate(_MESSAGES)


@_mark("planned_deployment")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return bool(now.told("deployment"))


@_mark("traffic_growth")
def _(now: Evidence, before: Evidence, target: str | None) -> bool:
    return _seconds(now) > 10 and _begun_by_users(now) > 1.5 * _begun_by_users(before)


_USERS_BEGIN_WITH = {
    "chat_integration_service.receive",
    "crypto_payment_service.pay",
    "oauth_service.sign_in",
    "signal_channel_service.subscribe",
    "strategy_marketplace_service.browse",
    "strategy_submission_service.submit",
    "user_onboarding_service.onboard",
    "user_opportunity_discovery.scan",
}


def _begun_by_users(seen: Evidence) -> float:
    """How many things users begin in a second."""
    begun = [span for span in seen.spans if not span.parent_id and span.name in _USERS_BEGIN_WITH]
    return len(begun) / max(_seconds(seen), 1.0)


def _seconds(seen: Evidence) -> float:
    times_ns = [span.start_ns for span in seen.spans]
    return (max(times_ns) - min(times_ns)) / 1e9 if times_ns else 0.0
