"""What a program may put into telemetry is bounded, and what goes beyond is counted."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import observatory_sdk as obs
from observatory_sdk import budgets, conventions, facts, frame
from observatory_sdk.budgets import Names
from observatory_sdk.facts import readings
from observatory_sdk.facts.readings import Board


@pytest.fixture(autouse=True)
def _names(monkeypatch: Any) -> None:
    fresh = Names()
    plain = budgets.bounded_span
    monkeypatch.setattr("observatory_sdk.exporters.bounded_span", lambda span: plain(span, fresh))


def test_attributes_are_bounded_in_number_and_length_and_the_cut_ones_are_counted(recorded: Any) -> None:
    with recorded.foreign_tracer().start_as_current_span("page") as span:
        for number in range(budgets.ATTRIBUTES + 7):
            span.set_attribute(f"a{number}", number)
        span.set_attribute("long", "x" * (budgets.ATTRIBUTE_LENGTH + 1))
        for _ in range(budgets.EVENTS + 3):
            span.add_event("again")
    found = recorded.span("page")
    assert len(found.attributes) == budgets.ATTRIBUTES
    assert len(found.attributes["long"]) == budgets.ATTRIBUTE_LENGTH
    assert len(found.events) == budgets.EVENTS
    assert obs.losses() == {"attributes over budget": 8, "span events over budget": 3, "attribute values cut": 1}
    assert recorded.metrics()["observatory.sdk.losses"].data.data_points


@pytest.mark.filterwarnings("ignore:Log record attributes were dropped")
def test_log_records_are_bounded_and_the_cut_ones_are_counted(recorded: Any) -> None:
    logger = recorded.telemetry.providers.logger.get_logger("host")
    many = {f"a{number}": number for number in range(budgets.ATTRIBUTES + 2)}
    logger.emit(body="b" * 70_000, attributes=many)
    logger.emit(body="b", attributes={"long": "x" * 100_000})
    first, second = recorded.logs()
    assert len(first.log_record.attributes) == budgets.ATTRIBUTES
    assert len(first.log_record.body) < 66_000
    assert len(second.log_record.attributes["long"]) == budgets.ATTRIBUTE_LENGTH
    assert obs.losses() == {"attributes over budget": 2, "log bodies cut": 1, "attribute values cut": 1}


def test_the_hosts_environment_does_not_lift_the_bounds(monkeypatch: Any) -> None:
    for name in ("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT",
                 "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                 "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"):  # fmt: skip
        monkeypatch.setenv(name, "1000000")
    limits = budgets.span_limits()
    assert (limits.max_span_attributes, limits.max_events, limits.max_links) == (128, 128, 128)
    assert limits.max_span_attribute_length == limits.max_attribute_length == budgets.ATTRIBUTE_LENGTH
    assert budgets.log_limits().max_log_record_attributes == budgets.ATTRIBUTES


IDS = some.one_of(
    some.uuids().map(str),
    some.uuids().map(lambda found: f"0x{found.hex}"),
    some.integers(100_000, 10**18).map(str),
)


@given(IDS, some.sampled_from(["GET /orders/{}", "job {}", "orders/{}/fills", "task:{}", "{}"]))
def test_ids_in_names_are_one_name(found: str, name: str) -> None:
    assert Names().of("service", name.format(found)) == name.format("{id}")


@pytest.mark.parametrize(
    "name",
    ["GET /api/v3/orders", "trade_execution_service.place_order", "SELECT trades", "chat gpt-4o-2024-08-06", "HTTP 404",
     "sha256", "decade", "deadbeefdeadbeefdeadbeef", "POST /v1/chat/completions", "block 2026-01-02", "x100000"],
)  # fmt: skip
def test_what_is_no_id_stays_in_a_name(name: str) -> None:
    assert Names().of("service", name) == name


def test_a_number_that_is_a_whole_part_of_a_path_is_an_id() -> None:
    assert Names().of("service", "GET /users/7/orders/12?page=2") == "GET /users/{id}/orders/{id}?page=2"


def test_names_are_bounded_for_each_service_and_so_are_services() -> None:
    names = Names()
    words = [f"{chr(97 + first)}{chr(97 + second)}" for first in range(26) for second in range(26)]
    sent = [names.of("a", word) for word in words]
    assert len(set(sent)) == Names.EACH + 1
    assert sent.count(budgets.OTHER) == len(words) - Names.EACH
    assert names.of("b", words[-1]) == words[-1]
    assert names.of("a", words[0]) == words[0]
    assert obs.losses() == {"span names over budget": len(words) - Names.EACH}
    for number in range(3 * Names.SERVICES):
        names.of(f"service {number}", "x")
    assert len(names._names) <= Names.SERVICES + 1


def test_what_is_remembered_of_names_is_bounded() -> None:
    names = Names()
    for _ in range(Names._CACHED + 500):
        assert names.of("service", f"job {uuid.uuid4()}") == "job {id}"
    assert len(names._known) == Names._CACHED


def test_spans_go_out_under_names_of_few_values_and_facts_under_their_own(recorded: Any) -> None:
    tracer = recorded.foreign_tracer()
    for _ in range(3):
        with tracer.start_as_current_span(f"GET /orders/{uuid.uuid4()}"):
            pass
    with tracer.start_as_current_span("chat gpt-20240806", attributes={"gen_ai.request.model": "gpt-20240806"}):
        pass
    with facts.RiskCalculation(kind="var"):
        pass
    names = [span.name for span in recorded.spans()]
    assert sorted(names) == ["GET /orders/{id}"] * 3 + ["chat gpt-20240806", "risk.calculate"]


def test_series_beyond_the_limit_are_one_series(recorded: Any, lenient: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(readings, "MAX_SERIES", 3)
    for number in range(8):
        facts.queue(f"q{number}").processed("success", 2)
    points = recorded.metrics()["queue.processed"].data.data_points
    told = {
        str(point.attributes.get("queue.name", point.attributes.get(readings.OVERFLOW))): point.value
        for point in points
    }
    assert told == {"q0": 2, "q1": 2, "q2": 2, "True": 10}
    assert obs.losses() == {"too many metric series": 5}


def test_totals_beyond_the_limit_grow_each_from_its_own(lenient: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(readings, "MAX_SERIES", 0)
    board = Board()
    one, other = (board.cell(conventions.platform.REDIS_EVICTED, {"redis.name": name}) for name in "ab")
    for total in (100, 103):
        one.total(total)
    for total in (7, 8, 1):
        other.total(total)
    (shared,) = board._cells[conventions.platform.REDIS_EVICTED.name].values()
    assert (shared.value, shared.attributes) == (3 + 1 + 1, {readings.OVERFLOW: True})
    board.drop(conventions.platform.REDIS_EVICTED, one)
    assert len(board._cells[conventions.platform.REDIS_EVICTED.name]) == 1


def test_baggage_of_ours_is_as_long_as_an_id_and_no_longer(recorded: Any, caplog: Any) -> None:
    carrier: dict[str, str] = {}
    with caplog.at_level(logging.WARNING), obs.feature("chat", user_id="u" * 50_000):
        obs.inject(carrier)
    assert len(carrier["baggage"]) < 400
    assert "observatory.feature=chat" in carrier["baggage"]
    assert f"user.id={'u' * frame.MAX_CARRIED}" in carrier["baggage"]
    assert caplog.messages == []


def test_a_header_of_any_length_says_no_more_than_ids(recorded: Any) -> None:
    huge = ",".join(f"k{number}={'v' * 1_000}" for number in range(500))
    for header in (f"user.id={'u' * 4_000},observatory.feature={'f' * 300}", huge):
        with obs.extract({"baggage": header}), obs.service("credit_ledger", "debit"):
            pass
    for span in recorded.spans():
        assert all(len(str(value)) <= frame.MAX_CARRIED for value in span.attributes.values())
