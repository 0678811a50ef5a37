"""Replies are the messages that OTLP names, in the sender's encoding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.rpc.status_pb2 import Status

from observatory.otlp import replies
from observatory.otlp.messages import REPLIES
from observatory.otlp.signals import Signal

FIELDS = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}


@pytest.mark.parametrize("signal", Signal)
def test_full_success_leaves_partial_success_unset(signal: Signal) -> None:
    assert replies.success(signal, 0, "", as_json=False) == b""
    assert json.loads(replies.success(signal, 0, "", as_json=True)) == {}


@pytest.mark.parametrize("signal", Signal)
def test_a_rejection_names_its_count_in_the_field_of_the_signal(signal: Signal) -> None:
    reply = json.loads(replies.success(signal, 3, "too old", as_json=True))
    assert reply == {"partialSuccess": {FIELDS[signal]: "3", "errorMessage": "too old"}}
    decoded: Any = REPLIES[signal].FromString(replies.success(signal, 3, "too old", as_json=False))
    assert decoded.partial_success.error_message == "too old"


def test_a_reason_without_a_count_is_a_warning() -> None:
    decoded: Any = REPLIES[Signal.TRACES].FromString(replies.success(Signal.TRACES, 0, "late", as_json=False))
    assert (decoded.partial_success.rejected_spans, decoded.partial_success.error_message) == (0, "late")


def test_a_refusal_is_a_status() -> None:
    assert json.loads(replies.status(3, "naïve", as_json=True)) == {"code": 3, "message": "naïve"}
    assert Status.FromString(replies.status(14, "full", as_json=False)) == Status(code=14, message="full")


def test_the_reply_is_of_the_kind_of_the_request() -> None:
    assert replies.content_type(as_json=True) == "application/json"
    assert replies.content_type(as_json=False) == "application/x-protobuf"
