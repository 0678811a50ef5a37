"""One order can be followed from the market event to the booked credit, and on to its profit."""

from typing import Any


def _trace(recording: Any, trace_id: int) -> tuple[dict[str, Any], set[str]]:
    spans = {span.name: span for span in recording.spans if span.context.trace_id == trace_id}
    events = {log.log_record.event_name for log in recording.logs if log.log_record.trace_id == trace_id}
    return spans, events


def _decided_order(recording: Any) -> Any:
    """A live order that models were asked about and that was closed again."""
    closed = {link.context.span_id for span in recording.named("order.execute") for link in span.links}
    return next(
        span
        for span in recording.named("order.execute")
        if span.attributes["order.mode"] == "live"
        and "decision.id" in span.attributes
        and span.context.span_id in closed
    )


def test_one_trace_goes_from_the_market_event_to_the_credit(minute: Any) -> None:
    order = _decided_order(minute)
    spans, events = _trace(minute, order.context.trace_id)
    way = {
        "websocket_market_data.receive",
        "market_data_coordinator.merge",
        "event_driven_services_manager.publish",
        "event_driven_services_manager.dispatch",
        "signal.generate",
        "sentiment.analyse",
        "signal.evaluate",
        "ai.consensus.decide",
        "chat gpt-4o-2024-08-06",
        "signal.bridge",
        "strategy.execute",
        "strategy.coordinate",
        "position.size",
        "risk.calculate",
        "risk.limit.check",
        "order.route",
        "exchange create_order",
        "order.execute",
        "credit_ledger.book",
    }
    assert way - spans.keys() == set()
    assert {"order.state.changed", "credit.transaction", "journal.entry"} <= events
    root = spans["websocket_market_data.receive"]
    assert root.parent is None
    assert root.attributes["observatory.caller"] == "external"


def test_signal_decision_and_order_are_named_alike_along_the_way(minute: Any) -> None:
    order = _decided_order(minute)
    spans, _ = _trace(minute, order.context.trace_id)
    signal_id, decision_id = order.attributes["signal.id"], order.attributes["decision.id"]
    assert spans["signal.generate"].attributes["signal.id"] == signal_id
    assert spans["signal.evaluate"].attributes["signal.id"] == signal_id
    assert spans["ai.consensus.decide"].attributes["decision.id"] == decision_id
    assert spans["ai.consensus.decide"].attributes["signal.id"] == signal_id
    assert spans["signal.generate"].attributes["signal.symbol"] == order.attributes["order.symbol"]
    outcomes = {outcome["decision.id"] for outcome in minute.events("ai.consensus.outcome")}
    assert decision_id in outcomes


def test_the_closing_order_points_back_at_the_opening_one(minute: Any) -> None:
    opening = _decided_order(minute)
    closing = next(
        span
        for span in minute.named("order.execute")
        if any(link.context.span_id == opening.context.span_id for link in span.links)
    )
    spans, events = _trace(minute, closing.context.trace_id)
    assert closing.links[0].context.trace_id == opening.context.trace_id != closing.context.trace_id
    assert "strategy_monitoring_service.close" in spans
    assert "real_performance_tracker.record" in spans
    assert "credit.transaction" in events


def test_each_follower_gets_an_order_of_their_own(minute: Any) -> None:
    orders = [span.attributes for span in minute.named("order.execute")]
    assert len({order["order.id"] for order in orders}) == len(orders)
    assert len({order["order.client_id"] for order in orders}) == len(orders)
    assert len({order["user.id"] for order in orders}) > 10
    assert {order["order.mode"] for order in orders} == {"live", "paper"}
