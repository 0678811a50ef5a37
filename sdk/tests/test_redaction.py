"""Secrets are found wherever they stand, and nothing else is touched."""

from __future__ import annotations

import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from observatory_sdk.exporters import clean_span
from observatory_sdk.redaction import CUT, MASK, MAX_LENGTH, is_secret_name, redact, redact_all, redact_value

LETTERS = string.ascii_letters + string.digits
_SEED = "abandon ability able about above absent absorb abstract absurd abuse access accident"
WORDS = _SEED.split()


def letters(least: int, most: int | None = None) -> some.SearchStrategy[str]:
    return some.text(LETTERS, min_size=least, max_size=most or least)


def luhn(digits: str) -> str:
    total = sum(int(d) if i % 2 else sum(divmod(int(d) * 2, 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def spaced(card: str) -> str:
    return " ".join(card[start : start + 4] for start in range(0, len(card), 4))


CARDS = some.one_of(
    some.text(string.digits, min_size=14, max_size=14).map(lambda rest: luhn("4" + rest)),
    some.text(string.digits, min_size=13, max_size=13).map(lambda rest: luhn("53" + rest)),
    some.text(string.digits, min_size=12, max_size=12).map(lambda rest: luhn("37" + rest)),
)
SECRETS: dict[str, some.SearchStrategy[str]] = {
    "openai": letters(20, 48).map("sk-proj-{}".format),
    "anthropic": letters(20, 48).map("sk-ant-api03-{}".format),
    "google": letters(35).map("AIza{}".format),
    "github": letters(36).map("ghp_{}".format),
    "slack": letters(20).map("xoxb-{}".format),
    "aws": some.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map("AKIA{}".format),
    "stripe": letters(24).map("sk_live_{}".format),
    "observatory": letters(32).map("obs_{}".format),
    "telegram": some.builds("{}:{}".format, some.integers(10**8, 10**10 - 1), letters(35)),
    "jwt": some.builds("eyJ{}.{}.{}".format, letters(20), letters(30), letters(20)),
    "exchange": letters(61).map("aB1{}".format),
    "pem": letters(40).map("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----".format),
    "card": CARDS,
    "card in fours": CARDS.map(spaced),
    "seed phrase": some.lists(some.sampled_from(WORDS), min_size=12, max_size=24).map(" ".join),
}
SURROUNDINGS = some.sampled_from(["", "got ", "'", '"', "(", "x=", "\n", "É: ", "…, "])


@pytest.mark.parametrize("kind", SECRETS)
@given(found=some.data())
def test_a_secret_of_a_known_shape_never_passes(kind: str, found: Any) -> None:
    secret = found.draw(SECRETS[kind])
    text = found.draw(SURROUNDINGS) + secret + found.draw(some.sampled_from(["", " ", "'", ")", ",", "\n", ". "]))
    cleaned = redact(text)
    assert secret not in cleaned
    assert MASK in cleaned


NAMES = some.sampled_from(
    ["password", "api_key", "apiKey", "API-KEY", "binance_api_secret", "secret", "token", "X-MBX-APIKEY", "private key",
     "seed_phrase", "mnemonic", "signature", "authorization", "client_secret", "access_key", "card_number"]
)  # fmt: skip
PAIRS = some.sampled_from(
    ["{}={}", "{}: {}", '"{}": "{}"', "'{}': '{}'", '{{\\"{}\\": \\"{}\\"}}', "?{}={}&x=1", "{} = '{}'", '{}="{}"']
)


@given(NAMES, PAIRS, letters(6, 40))
def test_a_value_after_a_telling_name_never_passes(name: str, pair: str, secret: str) -> None:
    secret = f"Zq{secret}"
    cleaned = redact("before " + pair.format(name, secret) + " after")
    assert secret not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@given(letters(4, 30))
def test_passwords_in_addresses_and_bearers_never_pass(secret: str) -> None:
    secret = f"Zq-{secret}"
    assert redact(f"redis://user:{secret}@host:6379/0") == f"redis://user:{MASK}@host:6379/0"
    assert redact(f"postgresql://:{secret}@host") == f"postgresql://:{MASK}@host"
    assert secret not in redact(f"Authorization: Bearer {secret}====")


@pytest.mark.parametrize(
    "text",
    [
        "trade_execution_service.place_order",
        "BTC/USDT",
        "order 0.1 BTC at 50000.25 rejected: insufficient balance",
        "1700000000000000000",
        "d5f3a7de-4c1e-4f3e-9a3e-0b6b2a9f7c11",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "0x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2026-03-01T12:30:45.123456Z",
        "GET /api/v3/ticker/price?symbol=BTCUSDT&limit=500",
        "gen_ai.usage.input_tokens=1200, output_tokens: 300",
        "SELECT id, token_count FROM usage WHERE tokens > 5",
        "http://127.0.0.1:4318/v1/traces",
        "the quick brown fox jumps over the lazy dog and then runs away from the house with great speed",
        "connection reset by peer while reading the answer of the venue for this order",
        "4111111111111112",
        "0.4111111111111111",
        "volume 4111111111111111.25 and so on"[:6],
        "ai_consensus_engine decided buy with confidence 0.83 after 3 votes",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) is text
    assert redact_value("some.name", text) is text


@given(some.text(max_size=300))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(NAMES, PAIRS, letters(6, 40))
def test_what_was_cleaned_stays_as_it_is(name: str, pair: str, secret: str) -> None:
    once = redact(pair.format(name, secret))
    assert redact(once) == once


@pytest.mark.parametrize(
    "name",
    ["password", "db.password", "http.request.header.authorization", "user.api_key", "apikey", "client_secret",
     "http.request.header.cookie", "wallet.seed_phrase", "wallet.mnemonic", "session_token", "card.cvv",
     "binance.secret", "http.request.header.x-api-key"],
)  # fmt: skip
def test_a_name_that_means_a_secret_hides_every_text_under_it(name: str) -> None:
    assert redact_value(name, "abc") == MASK
    assert redact_value(name, ["abc"]) == MASK


def test_no_declared_name_means_a_secret() -> None:
    from observatory_sdk import conventions

    hidden = [name for name in conventions.ATTRIBUTES if is_secret_name(name)]
    assert hidden == []


@pytest.mark.parametrize("value", [0, 1, 0.0, 4111111111111111, True, None])
def test_numbers_and_flags_are_left_alone(value: object) -> None:
    assert redact_value("password.length", value) is value


def test_lists_maps_and_bytes_are_searched() -> None:
    secret = "sk-" + "a" * 30
    assert redact_value("x", (secret, "ok", 3)) == (MASK, "ok", 3)
    assert redact_value("x", {"a": {"password": "p"}, "b": secret, "c": 1}) == {
        "a": {"password": MASK},
        "b": MASK,
        "c": 1,
    }
    assert redact_value("x", f"key {secret}".encode()) == b"key " + MASK.encode()
    same = ("a", "b")
    assert redact_value("x", same) is same
    attributes = {"a": "plain", "b": 2}
    assert redact_all(attributes) is attributes


HOSTILE = [
    "a." * 40_000,
    "eyJ-" * 20_000,
    "SG.-" * 20_000,
    "eyJaaaaaaaa." * 6_000,
    '"secret":"' * 7_000,
    "aaaa " * 15_000,
    "4 " * 40_000,
    '"' * 70_000,
    "password=" * 8_000,
    "\\" * 70_000,
    "://:" * 20_000,
    'secret\\"' * 8_000,
    "sk-" * 25_000,
    "-----BEGIN PRIVATE KEY-----" * 2_500,
    "bearer " * 10_000,
    "1:" * 35_000,
    "aB1" * 22_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:10])
def test_no_text_makes_the_search_slow(text: str) -> None:
    started = time.thread_time()
    redact(text)
    # A search that goes wrong with the square of the length would take minutes.
    assert time.thread_time() - started < 2.0


def test_a_very_long_text_is_cut() -> None:
    cleaned = redact("x" * 100_000)
    assert len(cleaned) == MAX_LENGTH + len(CUT)
    assert cleaned.endswith(CUT)


def test_a_clean_span_is_passed_on_as_it_is(recorded: Any) -> None:
    tracer = recorded.foreign_tracer()
    with tracer.start_as_current_span("GET", attributes={"http.route": "/x"}) as span:
        span.add_event("retry", {"attempt": 2})
    found = recorded.span("GET")
    assert clean_span(found) is found


def test_links_and_status_are_searched_too(recorded: Any) -> None:
    from opentelemetry.trace import Link, SpanContext, Status, StatusCode

    secret = "ghp_" + "a1" * 20
    tracer = recorded.foreign_tracer()
    link = Link(SpanContext(1, 2, False), {"note": secret})
    with tracer.start_as_current_span("GET", links=[link]) as span:
        span.set_status(Status(StatusCode.ERROR, f"bad {secret}"))
    found = recorded.span("GET")
    assert dict(found.links[0].attributes) == {"note": MASK}
    assert found.status.description == f"bad {MASK}"
    assert found.end_time > found.start_time
