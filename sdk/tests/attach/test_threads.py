"""Who is at work goes with the work into tasks and threads, and nothing else of the host's is changed."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

import observatory_sdk as obs
from observatory_sdk import frame
from observatory_sdk.attach import threads

IDS = {"observatory.feature": "chat", "user.id": "u1", "user.plan": "pro", "decision.id": "d1"}
HOSTS = contextvars.ContextVar("hosts", default="none")


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    switch_off = threads.switch_on()
    yield
    switch_off()


def work() -> None:
    with obs.service("ledger", "book"):
        pass


def in_thread() -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)


class Own(threading.Thread):
    """A thread with a `run` of its own."""

    def run(self) -> None:
        work()


def in_thread_of_its_own_kind() -> None:
    thread = Own()
    thread.start()
    thread.join(60)


def in_timer() -> None:
    timer = threading.Timer(0.001, work)
    timer.start()
    timer.join(60)


def in_executor() -> None:
    with ThreadPoolExecutor(1) as executor:
        executor.submit(work).result(10)


def in_map_of_executor() -> None:
    with ThreadPoolExecutor(1) as executor:
        list(executor.map(lambda _: work(), range(1)))


def in_task() -> None:
    async def run() -> None:
        async def inner() -> None:
            work()

        await asyncio.create_task(inner())

    asyncio.run(run())


def in_executor_of_loop() -> None:
    async def run() -> None:
        await asyncio.get_running_loop().run_in_executor(None, work)

    asyncio.run(run())


def in_thread_of_asyncio() -> None:
    asyncio.run(asyncio.to_thread(work))


def in_call_soon() -> None:
    async def run() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: (work(), done.set()))
        await done.wait()

    asyncio.run(run())


WAYS: list[Callable[[], None]] = [
    in_thread,
    in_thread_of_its_own_kind,
    in_timer,
    in_executor,
    in_map_of_executor,
    in_task,
    in_executor_of_loop,
    in_thread_of_asyncio,
    in_call_soon,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_trace_caller_feature_user_and_decision_are_found_on_the_far_side(recorded: Any, way: Any) -> None:
    with obs.feature("chat", user_id="u1", user_plan="pro", decision_id="d1"), obs.service("desk", "act"):
        way()
    found, root = recorded.span("ledger.book"), recorded.span("desk.act")
    assert dict(found.attributes) == {**IDS, "observatory.service": "ledger", "observatory.caller": "desk"}
    assert found.parent.span_id == root.context.span_id


def test_a_decision_joins_feature_and_user_that_are_there_already(recorded: Any) -> None:
    with obs.feature("chat", user_id="u1"):
        with obs.decision("d1"):
            in_thread()
        work()
    inside, after = recorded.spans()
    assert (inside.attributes["decision.id"], inside.attributes["user.id"]) == ("d1", "u1")
    assert "decision.id" not in after.attributes


def test_a_decision_crosses_processes_by_headers(recorded: Any) -> None:
    headers: dict[str, str] = {}
    with obs.feature("chat"), obs.decision("d1"):
        obs.inject(headers)
    with obs.extract(headers):
        work()
    assert recorded.span("ledger.book").attributes["decision.id"] == "d1"


def test_jobs_of_one_pool_do_not_see_each_other_and_its_threads_begin_with_nothing(recorded: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        with obs.feature("chat", user_id="u1"):
            executor.submit(work).result(10)
        with obs.feature("signals", user_id="u2"):
            executor.submit(work).result(10)
        assert executor.submit(context.get_current).result(10) == {}
    assert [span.attributes["user.id"] for span in recorded.spans()] == ["u1", "u2"]


def test_a_thread_that_begins_inside_a_recorded_call_is_not_silent_for_its_life(recorded: Any) -> None:
    heard: list[bool] = []
    with obs.facts.ModelCall(provider="openai", request_model="gpt", operation="chat"):
        assert not is_instrumentation_enabled()
        with ThreadPoolExecutor(1) as executor:
            # The job is part of the call; what the thread does later is not.
            assert not executor.submit(is_instrumentation_enabled).result(10)
        thread = threading.Thread(target=lambda: heard.append(is_instrumentation_enabled()))
        thread.start()
        thread.join(60)
    assert heard == [True]


def test_ids_that_go_into_no_header_go_into_none_from_a_thread_either(recorded: Any) -> None:
    seen: list[Any] = []
    known = context.set_value(frame.KEY, frame.current().with_carried({"user.id": "u1"}))
    token = context.attach(known)
    thread = threading.Thread(target=lambda: seen.extend([frame.current().carried["user.id"], baggage.get_all()]))
    thread.start()
    thread.join(60)
    context.detach(token)
    assert seen == ["u1", {}]


def test_the_hosts_own_context_variables_stay_those_of_the_thread(recorded: Any) -> None:
    def prepare() -> None:
        HOSTS.set("of the thread")
        decimal.getcontext().prec = 5

    def look() -> tuple[str, int]:
        return HOSTS.get(), decimal.getcontext().prec

    HOSTS.set("of the caller")
    with obs.feature("chat"), ThreadPoolExecutor(1, initializer=prepare) as executor:
        assert executor.submit(look).result(10) == ("of the thread", 5)


def test_tracebacks_of_jobs_and_threads_hold_no_frame_of_ours(
    recorded: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise LookupError("the host's own")

    hook = threading.excepthook
    threading.excepthook = lambda args: traceback.print_exception(args.exc_value)
    try:
        with obs.feature("chat"), ThreadPoolExecutor(1) as executor:
            error = executor.submit(fail).exception(10)
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join(60)
    finally:
        threading.excepthook = hook
    printed = "".join(traceback.format_exception(error)) + capsys.readouterr().err
    assert printed.count("the host's own") >= 2
    assert "observatory_sdk" not in printed


def test_without_anything_at_work_nothing_is_wrapped_and_switched_off_everything_is_as_before() -> None:
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(trace.get_current_span).result(10) is trace.INVALID_SPAN
    threads.switch_on()()
    assert threading.Thread.start.__module__ == "threading"
    assert "observatory_sdk" in threading.Thread.start.__code__.co_filename  # the fixture's
