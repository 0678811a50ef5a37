"""Calls of logical services: who calls whom, in one process and across them, and how they end."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import observatory_sdk as obs
from observatory_sdk import frame

SERVICE, CALLER = "observatory.service", "observatory.caller"


def test_a_call_from_nowhere_is_external(recorded: Any) -> None:
    with obs.service("credit_ledger", "debit"):
        pass
    span = recorded.span("credit_ledger.debit")
    assert dict(span.attributes) == {SERVICE: "credit_ledger", CALLER: "external"}
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET


def test_a_call_knows_its_caller_and_inner_spans_do_not_count_as_calls(recorded: Any) -> None:
    tracer = recorded.foreign_tracer()
    with (
        obs.service("trade_execution_service", "place"),
        obs.service("credit_ledger", "debit"),
        tracer.start_as_current_span("SELECT"),
    ):
        pass
    call, inner = recorded.span("credit_ledger.debit"), recorded.span("SELECT")
    assert call.attributes[CALLER] == "trade_execution_service"
    assert inner.attributes[SERVICE] == "credit_ledger"
    assert CALLER not in inner.attributes


def test_a_service_that_calls_itself_is_one_call(recorded: Any) -> None:
    with obs.service("credit_ledger", "debit"), obs.service("credit_ledger", "lock"):
        pass
    assert CALLER not in recorded.span("credit_ledger.lock").attributes
    assert recorded.span("credit_ledger.lock").parent is not None


def test_what_an_instrumentation_says_about_its_service_stands(recorded: Any) -> None:
    tracer = recorded.foreign_tracer()
    said = {SERVICE: "another"}
    with obs.service("credit_ledger"), obs.feature("chat"), tracer.start_as_current_span("x", attributes=said):
        pass
    assert recorded.span("x").attributes == {SERVICE: "another", "observatory.feature": "chat"}


def test_features_and_users_reach_all_inner_spans_and_end_with_their_block(recorded: Any) -> None:
    tracer = recorded.foreign_tracer()
    with (
        obs.feature("autotrade", user_id="u1", user_cohort="beta", user_plan="pro"),
        obs.service("credit_ledger", "debit"),
        tracer.start_as_current_span("inside"),
    ):
        pass
    with tracer.start_as_current_span("after"):
        pass
    carried = {
        "observatory.feature": "autotrade",
        "user.id": "u1",
        "user.cohort": "beta",
        "user.plan": "pro",
    }
    assert dict(recorded.span("inside").attributes) == {SERVICE: "credit_ledger", **carried}
    assert dict(recorded.span("credit_ledger.debit").attributes) == {
        SERVICE: "credit_ledger",
        CALLER: "external",
        **carried,
    }
    assert not recorded.span("after").attributes


def test_an_exception_is_written_down_and_goes_on_untouched(recorded: Any) -> None:
    error = KeyError("gone")

    @obs.service("credit_ledger")
    def debit() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        debit()
    assert caught.value is error
    span = recorded.span("credit_ledger.debit")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "KeyError"
    assert [event.name for event in span.events] == ["exception"]


def test_a_failure_by_outcome_fails_the_span_without_an_exception(recorded: Any) -> None:
    with obs.service("trade_execution_service", "place"):
        with obs.service("credit_ledger", "debit"):
            obs.outcome("failure", reason="insufficient_credits")
        obs.outcome("partial")
    inner, outer = recorded.span("credit_ledger.debit"), recorded.span("trade_execution_service.place")
    assert inner.attributes["observatory.outcome"] == "failure"
    assert inner.attributes["observatory.outcome.reason"] == "insufficient_credits"
    assert inner.status.status_code is StatusCode.ERROR
    assert inner.events == ()
    assert outer.attributes["observatory.outcome"] == "partial"
    assert outer.status.status_code is StatusCode.UNSET


def test_an_outcome_of_nothing_is_nothing(recorded: Any) -> None:
    obs.outcome("failure", reason="nobody is at work")
    assert recorded.spans() == []


def test_an_outcome_that_does_not_exist_is_refused(recorded: Any) -> None:
    with obs.service("credit_ledger"), pytest.raises(ValueError, match="success, failure, partial, simulated"):
        obs.outcome("splendid")


async def test_a_coroutine_keeps_its_call_across_awaits_and_into_its_tasks(recorded: Any) -> None:
    @obs.service("credit_ledger")
    async def debit() -> str | None:
        await asyncio.sleep(0)
        return frame.current().service

    @obs.service("trade_execution_service")
    async def place() -> list[str | None]:
        together = await asyncio.gather(debit(), asyncio.create_task(debit()))
        return [*together, frame.current().service]

    assert inspect.iscoroutinefunction(place)
    assert await place() == ["credit_ledger", "credit_ledger", "trade_execution_service"]
    assert frame.current().service is None
    callers = [span.attributes[CALLER] for span in recorded.spans() if span.name == "credit_ledger.debit"]
    assert callers == ["trade_execution_service"] * 2


async def test_calls_that_run_beside_each_other_do_not_mix(recorded: Any) -> None:
    async def one(service: str) -> None:
        async with obs.feature(f"feature of {service}"), obs.service(service, "run"):
            for _ in range(5):
                await asyncio.sleep(0)
                assert frame.current().service == service
            async with obs.service("credit_ledger", service):
                await asyncio.sleep(0)

    await asyncio.gather(*(one(f"service_{number}") for number in range(20)))
    for number in range(20):
        inner = recorded.span(f"credit_ledger.service_{number}")
        assert inner.attributes[CALLER] == f"service_{number}"
        assert inner.attributes["observatory.feature"] == f"feature of service_{number}"


def test_a_thread_starts_empty_unless_it_is_given_the_context(recorded: Any) -> None:
    def at_work() -> str | None:
        return frame.current().service

    with ThreadPoolExecutor(1) as pool, obs.service("credit_ledger"):
        assert pool.submit(at_work).result() is None
        assert pool.submit(contextvars.copy_context().run, at_work).result() == "credit_ledger"
    assert asyncio.run(to_thread(at_work)) == "credit_ledger"


async def to_thread(function: Any) -> Any:
    with obs.service("credit_ledger"):
        return await asyncio.to_thread(function)


def test_a_generator_is_at_work_only_while_it_runs(recorded: Any) -> None:
    @obs.service("market_data_coordinator")
    def ticks() -> Iterator[str | None]:
        for _ in range(2):
            yield frame.current().service

    seen = []
    for service in ticks():
        seen.append(service)
        assert frame.current().service is None
    assert seen == ["market_data_coordinator"] * 2
    assert recorded.span("market_data_coordinator.ticks").attributes[CALLER] == "external"


def test_a_generator_gives_and_takes_as_if_it_were_bare(recorded: Any) -> None:
    closed = []

    @obs.service("market_data_coordinator")
    def echo() -> Any:
        try:
            given = yield "first"
            try:
                yield given
            except ValueError as error:
                yield str(error)
            return "end"
        finally:
            closed.append(True)

    running = echo()
    assert next(running) == "first"
    assert running.send("second") == "second"
    assert running.throw(ValueError("third")) == "third"
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == "end"
    early = echo()
    next(early)
    early.close()
    assert closed == [True, True]
    assert [span.status.status_code for span in recorded.spans()] == [StatusCode.UNSET] * 2


async def test_an_asynchronous_generator_is_at_work_only_while_it_runs(recorded: Any) -> None:
    closed = []

    @obs.service("websocket_market_data")
    async def ticks() -> AsyncIterator[str | None]:
        try:
            for _ in range(3):
                await asyncio.sleep(0)
                yield frame.current().service
        finally:
            closed.append(frame.current().service)

    seen = []
    async for service in ticks():
        seen.append(service)
        assert frame.current().service is None
    early = ticks()
    await anext(early)
    await early.aclose()
    assert seen == ["websocket_market_data"] * 3
    assert closed == ["websocket_market_data"] * 2
    assert len(recorded.spans()) == 2


async def test_an_error_in_an_asynchronous_generator_is_written_down(recorded: Any) -> None:
    @obs.service("websocket_market_data")
    async def ticks() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError, match="cut"):
        async for _ in ticks():
            pass
    assert recorded.span("websocket_market_data.ticks").attributes["error.type"] == "ConnectionError"


def test_a_decorated_function_keeps_its_name_signature_and_answer(recorded: Any) -> None:
    @obs.service("credit_ledger", "charge")
    def debit(amount: int, *, user: str = "x") -> tuple[int, str]:
        """Take credits."""
        return amount, user

    assert debit(3, user="y") == (3, "y")
    assert debit.__name__ == "debit"
    assert debit.__doc__ == "Take credits."
    assert list(inspect.signature(debit).parameters) == ["amount", "user"]
    assert recorded.span("credit_ledger.charge")


def test_methods_can_be_decorated(recorded: Any) -> None:
    class Ledger:
        @obs.service("credit_ledger")
        def debit(self, amount: int) -> int:
            return amount

    assert Ledger().debit(4) == 4
    assert recorded.span("credit_ledger.debit")


def test_headers_carry_caller_feature_and_user(recorded: Any) -> None:
    headers: dict[str, str] = {}
    with obs.feature("chat", user_id="ü 1", user_plan="pro"), obs.service("ai_chat_engine", "ask"):
        obs.inject(headers)
    assert set(headers) == {"traceparent", "baggage"}
    assert frame.current() == frame.EMPTY
    shouted = {name.upper(): value for name, value in headers.items()}
    with obs.extract(shouted), obs.service("chat_memory_service", "search"):
        pass
    asked, searched = recorded.span("ai_chat_engine.ask"), recorded.span("chat_memory_service.search")
    assert searched.attributes[CALLER] == "ai_chat_engine"
    assert searched.attributes["observatory.feature"] == "chat"
    assert searched.attributes["user.id"] == "ü 1"
    assert searched.attributes["user.plan"] == "pro"
    assert searched.parent.span_id == asked.context.span_id


def test_a_request_is_the_senders_own_and_nothing_of_the_receiver_leaks_into_it(recorded: Any) -> None:
    with obs.feature("chat", user_id="u1"), obs.service("ai_chat_engine", "ask"):
        with obs.extract({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}), obs.service("chat_memory_service", "search"):
            pass
        with obs.extract({"baggage": "observatory.caller=remote"}), obs.service("credit_ledger", "debit"):
            pass
    inside, remote = recorded.span("chat_memory_service.search"), recorded.span("credit_ledger.debit")
    assert dict(inside.attributes) == {SERVICE: "chat_memory_service", CALLER: "external"}
    assert dict(remote.attributes) == {SERVICE: "credit_ledger", CALLER: "remote"}
    assert remote.parent is None


def test_a_propagator_that_is_handed_a_context_keeps_what_the_headers_do_not_say(recorded: Any) -> None:
    from opentelemetry import context

    from observatory_sdk.propagation import PROPAGATOR

    with obs.feature("chat", user_id="u1"), obs.service("ai_chat_engine", "ask"):
        here = context.get_current()
        assert frame.current(PROPAGATOR.extract({}, here)).service == "ai_chat_engine"
        there = frame.current(PROPAGATOR.extract({"baggage": "observatory.caller=remote"}, here))
    assert (there.service, there.caller, dict(there.carried)) == (None, "remote", {})


async def test_a_cancelled_call_is_named_but_is_no_error_by_itself(recorded: Any) -> None:
    @obs.service("real_market_data_service")
    async def fetch() -> None:
        with obs.facts.exchange_call(exchange_id="binance", operation="fetch_ticker"):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(fetch(), 0.01)
    for name in ("real_market_data_service.fetch", "exchange fetch_ticker"):
        span = recorded.span(name)
        assert span.attributes["error.type"] == "CancelledError"
        assert span.status.status_code is StatusCode.UNSET


def test_the_caller_of_the_caller_goes_no_further(recorded: Any) -> None:
    with obs.extract({"baggage": "observatory.caller=first"}):
        headers: dict[str, str] = {}
        obs.inject(headers)
        assert "first" not in headers.get("baggage", "")
        with obs.service("second"):
            obs.inject(headers)
    assert "observatory.caller=second" in headers["baggage"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "rubbish", "baggage": "====;;;,,,"},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
        {"baggage": "observatory.feature=" + "x" * 3000},
        {"baggage": "user.id=%ff%fe"},
    ],
)
def test_headers_of_strangers_do_no_harm(recorded: Any, headers: dict[str, str]) -> None:
    with obs.extract(headers), obs.service("credit_ledger", "debit"):
        pass
    span = recorded.span("credit_ledger.debit")
    assert span.attributes[CALLER] == "external"
    assert all(len(value) <= frame.MAX_CARRIED for value in span.attributes.values())


CHILD = """
import json, sys
import observatory_sdk as obs
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
spans = InMemorySpanExporter()
quiet = ConsoleMetricExporter(out=sys.stderr)
telemetry = obs.configure(
    service_name="child", exporters=obs.Exporters(spans, InMemoryLogRecordExporter(), quiet, quiet)
)
with obs.extract(json.loads(sys.argv[1])), obs.service("credit_ledger", "debit"):
    pass
telemetry.flush()
(span,) = spans.get_finished_spans()
print(json.dumps({"attributes": dict(span.attributes), "trace_id": span.context.trace_id}))
"""


def test_another_process_knows_who_called_it(recorded: Any) -> None:
    headers: dict[str, str] = {}
    with obs.feature("autotrade", user_id="u7"), obs.service("trade_execution_service", "place"):
        obs.inject(headers)
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, json.dumps(headers)], capture_output=True, check=True, text=True
    )
    child = json.loads(answer.stdout)
    assert child["attributes"] == {
        SERVICE: "credit_ledger",
        CALLER: "trade_execution_service",
        "observatory.feature": "autotrade",
        "user.id": "u7",
    }
    assert child["trace_id"] == recorded.span("trade_execution_service.place").context.trace_id
