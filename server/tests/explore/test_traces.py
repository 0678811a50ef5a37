"""Traces, found and drawn, at the real server."""

from __future__ import annotations

from typing import Any

import pytest
from explore_world import MONITORING, Sent, World


def chat(**values: Any) -> list[Sent]:
    """A call that waits for a model and sets off a message, which a consumer takes later."""
    root = Sent("ai_chat_engine", "chat.answer", 0, 100, kind="Server", values=values)
    model = Sent("ai_chat_engine", "chat gpt-4o", 10, 60, root, kind="Client")
    memory = Sent("chat_memory_service", "search", 75, 15, root)
    send = Sent("ai_chat_engine", "publish", 92, 3, root, kind="Producer")
    taken = Sent("email_service", "deliver", 150, 40, send, kind="Consumer")
    return [root, model, memory, send, taken]


def ids(found: Any) -> list[str]:
    return [each["trace_id"] for each in found["items"]]


def test_a_trace_is_found_by_what_any_of_its_spans_is(world: World) -> None:
    spans = chat(**{"observatory.feature": "chat", "user.id": "u-1", "signal.id": "s-1", "tenant": "north"})
    spans[1].values = {"gen_ai.request.model": "gpt-4o", "gen_ai.conversation.id": "c-1"}
    spans[2].values = {"order.client_id": "o-1", "decision.id": "d-1", "exchange.id": "kraken"}
    wanted = world.trace(*spans)
    world.trace(Sent("risk_service", "risk.calculate", 0, 5, failed=True), ago=60)
    for query in (
        {"service": "ai_chat_engine"},
        {"operation": "search"},
        {"feature": "chat"},
        {"user": "u-1"},
        {"signal": "s-1"},
        {"order": "o-1"},
        {"decision": "d-1"},
        {"conversation": "c-1"},
        {"model": "gpt-4o"},
        {"exchange": "kraken"},
        {"attribute": "tenant=north"},
        {"attribute": "tenant"},
        {"attribute": ["tenant=north", "signal.id=s-1"]},
        {"from_ms": 90},
        {"from_ms": 90, "to_ms": 110, "status": "ok"},
        {"trace": wanted},
        {"trace": wanted[:8].upper()},
    ):
        found = world.get("traces", **query)
        assert ids(found) == [wanted], query
        assert found["total"] == {"at_least": 1, "complete": True}, query
    item = world.get("traces", signal="s-1")["items"][0]
    assert (item["service"], item["operation"]) == ("ai_chat_engine", "chat.answer")
    assert (item["spans"], item["errors"]) == (5, 0)
    assert item["duration_ms"] == pytest.approx(190)
    assert item["services"] == ["ai_chat_engine", "chat_memory_service", "email_service"]
    for query in ({"signal": "s-2"}, {"attribute": "tenant=south"}, {"status": "error", "service": "ai_chat_engine"}):
        assert ids(world.get("traces", **query)) == [], query
    assert len(ids(world.get("traces", status="error"))) == 1


def test_what_failed_within_a_call_that_did_not_is_found(world: World) -> None:
    trade = Sent("trade_execution_service", "trade_execution_service.open", 0, 20, kind="Server")
    order = Sent("trade_execution_service", "order.execute", 5, 10, trade, values={"observatory.outcome": "failure"})
    wanted = world.trace(trade, order)
    world.trace(Sent("trade_execution_service", "trade_execution_service.open", 0, 20, kind="Server"))
    for query in ({"status": "error"}, {"outcome": "failure"}, {"status": "error", "sort": "slowest"}):
        assert ids(world.get("traces", **query)) == [wanted], query
        assert ids(world.get("traces", service="trade_execution_service", **query)) == [wanted], query
    assert world.get("traces", status="error")["items"][0]["errors"] == 1


def test_pages_follow_each_other_without_a_trace_twice_or_lost(world: World) -> None:
    sent = [world.trace(Sent("api", "get", 0, 5 + n), Sent("api", "get", 20, 2), ago=20 + n * 5) for n in range(7)]
    for sort, wanted in (("newest", sent), ("slowest", sent[::-1])):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = world.get("traces", sort=sort, limit=2, service="api", **cursor)
            found += ids(page)
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == wanted, sort


def test_a_trace_of_thousands_of_spans_hides_no_other(world: World) -> None:
    older = world.trace(Sent("bulk", "get", 0, 5), ago=60)
    large = world.trace(*(Sent("bulk", "step", n / 100, 1) for n in range(2_300)))
    for query in ({"service": "bulk"}, {"sort": "slowest", "service": "bulk"}):
        found: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(5):
            page = world.get("traces", **query, **cursor)
            found += ids(page)
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert sorted(found) == sorted([older, large]), query
        assert page["total"]["complete"] is True


def test_a_trace_is_drawn_with_its_critical_path_over_the_message(world: World) -> None:
    trace = world.trace(*chat())
    world.log("asked again", trace=trace, service="ai_chat_engine")
    found = world.get(f"traces/{trace}")
    assert [(each["operation"], each["depth"]) for each in found["waterfall"]] == [
        ("chat.answer", 0),
        ("chat gpt-4o", 1),
        ("search", 1),
        ("publish", 1),
        ("deliver", 2),
    ]
    assert (found["partial"], found["truncated"], found["missing_parents"]) == (False, False, 0)
    path = {each["operation"]: (each["hop"], each["self_ms"], each["wait_ms"]) for each in found["critical_path"]}
    assert path["deliver"] == ("message", pytest.approx(40), pytest.approx(55))
    assert path["chat gpt-4o"] == ("call", pytest.approx(60), 0)
    assert path["chat.answer"] == ("root", pytest.approx(10 + 5 + 2), 0)
    assert sum(each["share_ratio"] for each in found["critical_path"]) == pytest.approx(1)
    assert [each["body"] for each in found["logs"]] == ["asked again"]
    deep = next(each for each in found["flame"] if len(each["place"]) == 3)
    assert deep["place"][-1] == "email_service: deliver"
    assert "logs.body" in found["untrusted"]


def test_a_trace_whose_parents_are_missing_is_marked(world: World) -> None:
    spans = chat()
    trace = world.trace(spans[2], spans[4])
    found = world.get(f"traces/{trace}")
    assert (found["partial"], found["missing_parents"]) == (True, 2)
    assert all(each["missing_parent"] for each in found["waterfall"])


def test_clocks_that_differ_are_noticed_and_set_right(world: World) -> None:
    call = Sent("api", "call", 0, 100, kind="Client")
    answer = Sent("venue", "answer", -500, 80, call, kind="Server", instance="two")
    inner = Sent("venue", "inner", -490, 10, answer, instance="two")
    found = world.get(f"traces/{world.trace(call, answer, inner)}")
    assert [(each["caller"], each["callee"], round(each["offset_ms"])) for each in found["clock_skew"]] == [
        ("api", "venue", -510)
    ]
    offsets = {each["operation"]: each["offset_ms"] for each in found["waterfall"]}
    assert offsets == {"call": 0, "answer": pytest.approx(10), "inner": pytest.approx(20)}
    assert found["duration_ms"] == pytest.approx(100)


def test_the_path_goes_back_into_the_trace_that_a_span_links_to(world: World) -> None:
    signal = Sent("signal_generation_engine", "signal.generate", 0, 50)
    first = world.trace(signal, ago=40)
    order = Sent("trade_execution_service", "order.execute", 0, 30, links=[signal])
    second = world.trace(order, ago=39)
    found = world.get(f"traces/{second}")
    assert found["linked_traces"] == [first]
    generated, executed = found["critical_path"]
    assert (generated["trace_id"], executed["trace_id"], executed["hop"]) == (first, second, "link")
    assert 900 < executed["wait_ms"] < 10_000
    alone = world.get(f"traces/{second}", follow="none")
    assert [each["operation"] for each in alone["critical_path"]] == ["order.execute"]


def test_model_calls_of_a_trace_are_priced_and_counted_once(world: World) -> None:
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 100,
    }
    outer = Sent("ai_chat_engine", "chat gpt-4o", 0, 100, kind="Client", values=told)
    inner = Sent("ai_chat_engine", "chat gpt-4o", 10, 80, outer, kind="Client", values=told)
    found = world.get(f"traces/{world.trace(outer, inner)}")["model_calls"]
    assert (found["calls"], found["input_tokens"], found["output_tokens"], found["unpriced"]) == (1, 1_000, 100, 0)
    assert found["cost_usd"] == pytest.approx(0.0035)


def test_more_spans_than_asked_for_are_said_to_be_there(world: World) -> None:
    root = Sent("api", "get", 0, 100)
    trace = world.trace(root, *(Sent("api", "step", n, 1, root) for n in range(9)))
    found = world.get(f"traces/{trace}", limit=4)
    assert (found["spans"], found["truncated"], found["partial"]) == (4, True, True)


def test_a_user_sees_only_what_is_his(world: World) -> None:
    mine, others = {"user.id": "u-7"}, {"user.id": "u-8"}
    root = Sent("api", "get", 0, 100, values=mine)
    inner = Sent("api", "mine", 10, 5, root, values=mine)
    trace = world.trace(root, inner, Sent("api", "other", 20, 5, root, values=others))
    foreign = world.trace(Sent("api", "get", 0, 9, values=others))
    world.log("for eight", trace=trace, user__id="u-8")
    token = world.token("user:u-7")
    assert ids(world.get("traces", user="u-7", headers=token)) == [trace]
    assert ids(world.get("traces", trace=foreign, user="u-7", headers=token)) == []
    found = world.get(f"traces/{trace}", user="u-7", headers=token)
    assert sorted(each["operation"] for each in found["waterfall"]) == ["get", "mine"]
    assert found["logs"] == []
    world.get(f"traces/{foreign}", expect=404, user="u-7", headers=token)
    for path in ("traces", f"traces/{trace}", "traces/compare"):
        world.get(path, expect=403, headers=token)
        world.get(path, expect=403, user="u-8", headers=token)
    world.get("traces/compare", expect=403, user="u-7", headers=token)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"from_ms": 5, "to_ms": 1}, "from_ms"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"attribute": "=x"}, "attribute"),
        ({"window": "never"}, "window"),
        ({"trace": "xyz"}, "trace"),
        ({"status": "fine"}, "status"),
        ({"limit": 0}, "limit"),
        ({"sort": "best"}, "sort"),
    ],
)
def test_a_bad_parameter_is_named(plain: World, query: dict[str, Any], named: str) -> None:
    problem = plain.get("traces", expect=422, **query)
    assert named in str(problem)


def test_nothing_found_is_an_empty_list_and_an_unknown_trace_is_none(plain: World) -> None:
    found = plain.get("traces", service="nobody")
    assert (found["items"], found["next"], found["total"]) == ([], None, {"at_least": 0, "complete": True})
    plain.get(f"traces/{'0' * 31}1", expect=404)
    plain.get("traces", expect=404, environment="never-seen")
    assert MONITORING in plain.get("traces/xyz", expect=422)["instance"]


def test_a_secret_is_not_shown_that_was_sent(world: World) -> None:
    key = "sk-proj-" + "a1B2" * 10
    trace = world.trace(Sent("api", "get", 0, 5, values={"http.request.header.authorization": f"Bearer {key}"}))
    assert key not in str(world.get(f"traces/{trace}"))
