"""Silences: which alerts they mute and when, tried in every order beside a model."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from scenes import AT

from observatory.alerting import silences
from observatory.alerting.silences import Standing
from observatory.model.alert import Alert, Phase, Severity, fingerprint
from observatory.state import SilenceRecord, SilenceTerms, State, open_store


def an_alert(**fields: Any) -> Alert:
    plain = Alert(
        fingerprint("production", "market_data.feed_frozen.critical", "binance/BTCUSDT"),
        "production",
        "market_data.feed_frozen.critical",
        "binance/BTCUSDT",
        Severity.CRITICAL,
        Phase.FIRING,
        *(AT, AT, AT, None, AT),
        1,
        None,
        "",
        "frozen",
        "market_data",
        ("market_data_feeds", "websocket_market_data"),
        {"exchange": "binance"},
        "",
        (),
        False,
    )
    return replace(plain, **fields)


def a_silence(*matchers: tuple[str, str, str], environment: str = "", lasts_s: float = 60) -> SilenceRecord:
    found = tuple({"name": name, "op": op, "value": value} for name, op, value in matchers)
    terms = SilenceTerms("silence", environment, found, AT, AT + timedelta(seconds=lasts_s), "why")
    return SilenceRecord(1, terms, AT, "token:1", None, "")


@pytest.mark.parametrize(
    ("matcher", "fits"),
    [
        (("rule", "=", "market_data.feed_frozen.critical"), True),
        (("rule", "=", "market_data.feed_frozen"), False),
        (("rule", "like", "market_data.*"), True),
        (("rule", "not like", "market_data.*"), False),
        (("member", "like", "*/BTC*"), True),
        (("severity", "=", "critical"), True),
        (("severity", "!=", "critical"), False),
        (("area", "=", "market_data"), True),
        (("service", "=", "websocket_market_data"), True),
        (("service", "!=", "websocket_market_data"), False),
        (("service", "=", "oauth_service"), False),
        (("exchange", "=", "binance"), True),
        (("exchange", "=", "kraken"), False),
        (("desk", "=", ""), True),
        (("desk", "!=", "a"), True),
        (("environment", "=", "production"), True),
    ],
)
def test_a_matcher_fits_names_that_every_alert_has_and_labels(matcher: tuple[str, str, str], fits: bool) -> None:
    assert silences.matches(a_silence(matcher), an_alert()) is fits


def test_all_matchers_must_fit() -> None:
    both = a_silence(("area", "=", "market_data"), ("exchange", "=", "kraken"))
    assert not silences.matches(both, an_alert())


def test_a_silence_of_another_environment_mutes_nothing() -> None:
    assert not silences.matches(a_silence(("area", "=", "market_data"), environment="staging"), an_alert())
    assert silences.matches(a_silence(environment="production"), an_alert())


def test_a_silence_of_nothing_mutes_nothing() -> None:
    assert not silences.matches(a_silence(), an_alert())


def test_a_muted_alert_says_by_whom_until_when_and_why() -> None:
    muted = silences.mutes([a_silence(("area", "=", "market_data"))], an_alert(), AT)
    assert muted is not None
    assert muted.reason == "silence 1 by token:1 until 2026-03-04 05:07:07 UTC: why"


def test_its_end_does_not_belong_to_it() -> None:
    silence = a_silence(("area", "=", "market_data"), lasts_s=60)
    assert silences.standing(silence, AT - timedelta(microseconds=1)) is Standing.PENDING
    assert silences.standing(silence, AT) is Standing.ACTIVE
    assert silences.standing(silence, AT + timedelta(seconds=59.9)) is Standing.ACTIVE
    assert silences.standing(silence, AT + timedelta(seconds=60)) is Standing.EXPIRED


@given(text=st.text("ab/", max_size=12), pattern=st.text("ab/*", max_size=8))
@settings(max_examples=300, deadline=None)
def test_patterns_mean_what_those_of_a_shell_mean(text: str, pattern: str) -> None:
    assert silences.like(text, pattern) is fnmatchcase(text, pattern)


def test_no_pattern_takes_long() -> None:
    assert not silences.like("a" * 100_000, "*a" * 100 + "*b")


class AnyOrder(RuleBasedStateMachine):
    """Silences in the real control store, made, ended and outlived in any order."""

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.state: State = self.run(open_store(f"sqlite+aiosqlite:///{Path(self.folder.name) / 'state.db'}"))
        self.now = AT
        self.model: dict[int, tuple[Any, Any, str]] = {}

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @rule(target=made, starts_s=st.integers(-20, 40), lasts_s=st.integers(1, 60), area=st.sampled_from("ab"))
    def make(self, starts_s: int, lasts_s: int, area: str) -> int:
        starts = self.now + timedelta(seconds=starts_s)
        ends = starts + timedelta(seconds=lasts_s)
        matchers = ({"name": "area", "op": "=", "value": area},)
        terms = SilenceTerms("silence", "", matchers, starts, ends, "why")

        async def insert() -> int:
            async with self.state.writing() as rows:
                return int((await rows.silences.insert(terms, "token:1", self.now)).id)

        found = self.run(insert())
        self.model[found] = (starts, ends, area)
        return int(found)

    @rule(silence=made)
    def end(self, silence: int) -> None:
        async def stop() -> SilenceRecord | None:
            async with self.state.writing() as rows:
                return await rows.silences.end(silence, "token:2", self.now)

        ended = self.run(stop())
        starts, ends, area = self.model[silence]
        assert (ended is not None) is (ends > self.now)
        self.model[silence] = (starts, min(ends, self.now), area)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def an_alert_is_muted_exactly_while_one_of_them_is_in_force(self) -> None:
        async def living() -> Any:
            async with self.state.reading() as rows:
                return await rows.silences.living(self.now)

        found = self.run(living())
        for area in "ab":
            expected = any(starts <= self.now < ends and area == of for starts, ends, of in self.model.values())
            assert (silences.mutes(found, an_alert(area=area), self.now) is not None) is expected

    def teardown(self) -> None:
        self.run(self.state.close())
        self.loop.close()
        self.folder.cleanup()


AnyOrder.TestCase.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
TestAnyOrder = AnyOrder.TestCase
