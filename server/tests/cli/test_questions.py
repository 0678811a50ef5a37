"""Which question a sentence asks: by its words, with slips of the pen, and with the names in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.cli.questions import recognise, wording

KNOWN = {
    "service": {
        "trade execution service": "trade_execution_service",
        "ai chat engine": "ai_chat_engine",
        "credit ledger": "credit_ledger",
    },
    "feature": {"copy trades": "copy_trades"},
    "exchange": {},
}


def asked(text: str) -> tuple[str | None, dict[str, str]]:
    found = recognise(text, KNOWN)
    return (found.question.id if found.question else None), dict(found.names)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Is my system healthy right now?", "health"),
        ("is everything ok", "health"),
        ("is the platform helthy", "health"),
        ("what is the system's status", "health"),
        ("Why is feature chat slow?", "slow"),
        ("why is chat so slwo", "slow"),
        ("why does the trade execution service take so long", "slow"),
        ("diagnose ai_chat_engine", "slow"),
        ("How much is user u-0001 costing me?", "user"),
        ("how much does u-0042 cost", "user"),
        ("what does user ann@example.com cost", "user"),
        ("margin of user 4711", "user"),
        ("Which exchange is having issues?", "exchange"),
        ("wich exchagne is failing", "exchange"),
        ("is kraken in trouble", "exchange"),
        ("why is binance slow", "exchange"),
        ("Are signals being delivered?", "signals"),
        ("do the singals arrive", "signals"),
        ("are telegram deliveries arriving", "signals"),
        ("Is AI spending within budget?", "budget"),
        ("is ai spend within the buget", "budget"),
        ("are we overspending on models", "budget"),
        ("What caused the incident last night?", "incident"),
        ("what happened last night", "incident"),
        ("what went wrong yesterday", "incident"),
        ("what was the cause of the outage this morning", "incident"),
    ],
)
def test_each_question_is_known_by_its_words(text: str, question: str) -> None:
    assert asked(text)[0] == question


@pytest.mark.parametrize("each", wording().questions, ids=lambda each: each.id)
def test_each_question_is_recognised_as_it_is_listed(each: object) -> None:
    assert asked(each.ask)[0] == each.id  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("why is the AI Chat Engine slow", "service", "ai_chat_engine"),
        ("why is credit_ledger slow", "service", "credit_ledger"),
        ("why is the trade exection service slow", "service", "trade_execution_service"),
        ("why is the feature market data slow", "feature", "market_data"),
        ("why are copy-trades slow", "feature", "copy_trades"),
        ("why are conversations slow", "feature", "chat"),
        ("how much does user U-0001 cost?", "user", "U-0001"),
        ("how much does user ann cost?", "user", "ann"),
        ("how much does bob@example.com cost?", "user", "bob@example.com"),
        ("is Kraken failing", "exchange", "kraken"),
    ],
)
def test_names_are_found_in_the_sentence(text: str, kind: str, name: str) -> None:
    assert asked(text)[1].get(kind) == name


@pytest.mark.parametrize(
    "text", ["", "?", "what is the weather in Rome", "sell all bitcoin", "which", "user", "drop table users", "why"]
)
def test_other_sentences_are_none_of_them(text: str) -> None:
    assert asked(text)[0] is None


def test_a_question_without_the_name_that_it_needs_says_which_is_missing() -> None:
    found = recognise("how much is this user costing me", KNOWN)
    assert (found.question, list(found.missing)) == (None, ["user"])
    found = recognise("why is it so slow", KNOWN)
    assert (found.question, list(found.missing)) == (None, ["feature", "service"])


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_the_same_text_is_the_same_question(text: str) -> None:
    assert asked(text) == asked(text)
