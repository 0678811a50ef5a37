"""The server finds the secrets of senders that know nothing of it, by the SDK's rules, and leaves the rest alone."""

from __future__ import annotations

import base64
import random
import re
import string
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from observatory.otlp.frames import all_marked
from observatory.otlp.signals import Signal
from observatory.store import Store, Stored
from observatory.store import redaction as sql
from observatory_sdk.conventions import common
from observatory_sdk.redaction import is_secret_name, redact
from observatory_sdk.secrets import MASK

from . import requests

Insert = Callable[[Signal, bytes, int], Stored]
LETTERS = string.ascii_letters + string.digits
SEED = "abandon ability able about above absent absorb abstract absurd abuse access accident"
MARK = common.REDACTED.name.encode()


def secrets(chance: random.Random) -> list[str]:
    def letters(count: int, of: str = LETTERS) -> str:
        return "".join(chance.choices(of, k=count))

    return [
        f"sk-proj-{letters(40)}", f"sk-ant-api03-{letters(60)}", f"AIza{letters(35)}", f"ghp_{letters(36)}",
        f"github_pat_{letters(40)}", f"glpat-{letters(20)}", f"xoxb-{letters(24)}", f"sk_live_{letters(24)}",
        f"AKIA{letters(16, string.ascii_uppercase + string.digits)}", f"SG.{letters(22)}.{letters(43)}",
        f"obs_{letters(32)}", f"gsk_{letters(40)}", f"{chance.randrange(10**8, 10**10)}:{letters(35)}",
        f"xprv{letters(100)}", f"eyJ{letters(20)}.{letters(40)}.{letters(30)}", f"aB1{letters(61)}",
        f"-----BEGIN EC PRIVATE KEY-----\n{letters(64)}\n-----END EC PRIVATE KEY-----",
        luhn(f"4{letters(14, string.digits)}"), luhn(f"53{letters(13, string.digits)}"),
        luhn(f"37{letters(12, string.digits)}"), " ".join(chance.sample(SEED.split(), 12)),
        f"password={letters(12)}", f'"api_key": "{letters(20)}"', f"Authorization: Bearer {letters(30)}",
        f"redis://user:{letters(16)}@host:6379/0", f"token: {letters(24)}",
    ]  # fmt: skip


def luhn(digits: str) -> str:
    total = sum(int(d) if i % 2 else sum(divmod(int(d) * 2, 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def ordinary(chance: random.Random) -> list[str]:
    """What telemetry of a trading platform is full of."""
    return [
        str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        f"{chance.getrandbits(128):032x}",
        f"{chance.getrandbits(64):016x}",
        f"0x{chance.getrandbits(160):040x}",
        f"0x{chance.getrandbits(256):064x}",
        f"{chance.getrandbits(256):064x}",
        str(chance.randrange(10**9, 10**11)),
        str(time.time_ns() - chance.randrange(10**15)),
        str(1_700_000_000_000 + chance.randrange(10**11)),
        f"{chance.uniform(0, 100_000):.8f}",
        f"ord-{chance.randrange(10**6)}-{chance.getrandbits(32):08x}",
        f"2026-01-{chance.randrange(10, 28)}T12:30:45.{chance.randrange(10**6):06d}Z",
        f"GET /api/v3/order?symbol=BTCUSDT&orderId={chance.randrange(10**10)}",
        f"order {chance.randrange(10**10)} of user-{chance.randrange(10**5)} filled at {chance.uniform(1, 9):.4f}",
        "the order was placed at the venue and the answer came back after some time without any error in it",
        "https://api.binance.com/api/v3/ticker/price?symbol=ETHUSDT",
        "SELECT id, token_count FROM usage WHERE tokens > 5",
        "gen_ai.usage.input_tokens=1200, output_tokens: 300",
    ]


async def cleaned(store: Store, texts: Sequence[str]) -> list[tuple[str, bool]]:
    found = await store.reader.read(
        f"SELECT {sql.cleaned('texts')}, arrayMap(v -> {sql.found('[v]')}, texts) "
        "FROM (SELECT {texts:Array(String)} AS texts)",
        {"texts": list(texts)},
    )
    ((after, suspect),) = found.rows
    return list(zip(after, map(bool, suspect), strict=True))


async def test_the_store_takes_out_what_the_sdk_takes_out(store: Store) -> None:
    chance = random.Random(11)
    texts = [
        before + secret + after
        for _ in range(12)
        for secret in secrets(chance)
        for before, after in (("", ""), ("got ", " here"), ("x=", "\n"), ("['", "', 1]"))
    ]
    for text, (after, suspect) in zip(texts, await cleaned(store, texts), strict=True):
        assert after == redact(text), text
        assert suspect, text
        assert MASK in after, text


async def test_what_was_taken_out_stays_as_it_is(store: Store) -> None:
    once = [redact(f"a {secret} b") for secret in secrets(random.Random(12))]
    assert [after for after, _ in await cleaned(store, once)] == once


async def test_ordinary_ids_survive(store: Store) -> None:
    chance = random.Random(13)
    texts = [text for _ in range(400) for text in ordinary(chance)]
    changed = [text for text, (after, _) in zip(texts, await cleaned(store, texts), strict=True) if after != text]
    assert changed == []


async def test_numbers_of_a_cards_length_are_taken_for_cards_one_time_in_ten(store: Store) -> None:
    chance = random.Random(14)
    texts = [f"4{chance.randrange(10**15):015d}" for _ in range(2_000)]
    hidden = [text for text, (after, _) in zip(texts, await cleaned(store, texts), strict=True) if after != text]
    assert 130 < len(hidden) < 270
    assert hidden == [text for text in texts if redact(text) != text]


async def test_names_that_mean_a_secret_are_the_sdks(store: Store) -> None:
    names = ["password", "db.password", "http.request.header.authorization", "user.api_key", "session_token", "id",
             "card.cvv", "gen_ai.usage.input_tokens", "token_count", "secretary", "monkey", "API_KEY", "keyboard",
             "http.request.header.cookie", "wallet.seed_phrase", "order.id", "passenger"]  # fmt: skip
    found = await store.reader.read(
        f"SELECT {sql.cleaned_values('names', 'names')}, arrayMap(n -> {sql.named('[n]')}, names) "
        "FROM (SELECT {names:Array(String)} AS names)",
        {"names": names},
    )
    ((after, suspect),) = found.rows
    assert [name for name, now in zip(names, after, strict=True) if now == MASK] == list(filter(is_secret_name, names))
    assert list(map(bool, suspect)) == list(map(is_secret_name, names))


_RUNS = re.compile(r"[A-Za-z0-9+/]{16,}(?![A-Za-z0-9+/])")
KEY = "sk-proj-" + "Zq9" * 12
PASSWORD = "hunter2hunter2"


def secret_traces(environment: str, now: int, mark: bool) -> Any:
    request = requests.traces(environment, [now], {"note": f"used {KEY}", "db.password": PASSWORD, "kept": "BTC/USDT"})
    group = request.resource_spans[0]
    told = {"process.command_line": f"run --api-key={KEY}", "process.command_args": ["run", f"--api-key={KEY}"]}
    group.resource.attributes.extend(requests.pairs(told))
    if mark:
        group.resource.attributes.extend(requests.pairs({common.REDACTED.name: common.RULES}))
    span = group.scope_spans[0].spans[0]
    span.name, span.status.message = f"call {KEY}", f"refused {KEY}"
    span.events.add(name="sent", attributes=requests.pairs({"body": {"password": PASSWORD, "key": [KEY]}}))
    span.links.add(attributes=requests.pairs({"from": KEY, "kept": 1}))
    return request


def holds_secrets(found: Any) -> bool:
    """Whether a secret stands anywhere, as it is or as base64, at whichever of its three alignments."""
    text = repr(found)
    plain = [text, *(base64.b64decode(run + "=" * (-len(run) % 4)).decode("latin-1") for run in _RUNS.findall(text))]
    return any(secret in each for secret in (KEY, PASSWORD) for each in plain)


async def row(store: Store, columns: str, table: str, environment: str) -> Any:
    found = await store.reader.read(
        f"SELECT {columns} FROM {table} WHERE Environment = {{environment:String}}", {"environment": environment}
    )
    (only,) = found.rows
    return only


async def test_secrets_of_a_foreign_span_are_in_no_column(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    insert(Signal.TRACES, secret_traces(environment, now, False).SerializeToString(), now)
    span = await row(store, "*, Redacted", "otel_traces", environment)
    assert not holds_secrets(span)
    columns = "SpanName, StatusMessage, SpanAttributes, `Events.Attributes`, `Links.Attributes`, Redacted"
    name, message, values, events, links, redacted = await row(store, columns, "otel_traces", environment)
    assert (name, message, redacted) == (f"call {MASK}", f"refused {MASK}", 1)
    assert dict(values) == {"note": f"used {MASK}", "db.password": MASK, "kept": "BTC/USDT"}
    assert events == [{"body": f'{{"password":{MASK},"key":"{MASK}"}}'}]
    assert links == [{"from": MASK, "kept": "1"}]


async def test_secrets_of_a_foreign_log_record_are_in_no_column(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    request = requests.logs(environment, [(now, now)])
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.body.CopyFrom(requests.value({"event": f"login with {PASSWORD=}", "token": KEY}))
    deep = {"request": {"headers": {"authorization": PASSWORD}, "kept": {"a": 1}, "tried": [KEY]}, "raw": KEY.encode()}
    record.attributes.extend(requests.pairs({"header": f"Bearer {KEY}", "session_token": PASSWORD, "deep": deep}))
    insert(Signal.LOGS, request.SerializeToString(), now)
    whole = await row(store, "*, Redacted", "otel_logs", environment)
    assert not holds_secrets(whole)
    body, redacted = await row(store, "Body, Redacted", "otel_logs", environment)
    assert (redacted, body.count(MASK)) == (1, 2)


async def test_a_row_without_secrets_is_not_counted(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    insert(
        Signal.TRACES,
        requests.traces(environment, [now], {"a": luhn("400000000000000")[:-1] + "0"}).SerializeToString(),
        now,
    )
    values, redacted = await row(store, "SpanAttributes, Redacted", "otel_traces", environment)
    assert (dict(values)["a"], redacted) == (luhn("400000000000000")[:-1] + "0", 0)


async def test_what_carries_the_sdks_mark_is_not_searched_again(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    insert(Signal.TRACES, secret_traces(environment, now, True).SerializeToString(), now)
    values, redacted = await row(store, "SpanAttributes, Redacted", "otel_traces", environment)
    assert (dict(values)["note"], redacted) == (f"used {KEY}", 0)


async def test_a_foreign_group_in_a_batch_of_marked_ones_is_searched(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    marked = secret_traces(f"{environment}-marked", now, True).SerializeToString()
    insert(Signal.TRACES, marked + secret_traces(environment, now, False).SerializeToString() + marked, now)
    values, redacted = await row(store, "SpanAttributes, Redacted", "otel_traces", environment)
    assert (dict(values)["note"], redacted) == (f"used {MASK}", 1)


@pytest.mark.parametrize("place", ["span", "nowhere"])
def test_only_a_resource_carries_the_mark(environment: str, place: str) -> None:
    request = requests.traces(environment, [1], {})
    group = request.resource_spans[0]
    mark = KeyValue(key=common.REDACTED.name)
    if place == "span":
        group.scope_spans[0].spans[0].attributes.append(mark)
    body = request.SerializeToString()
    assert not all_marked(body, MARK)
    group.resource.attributes.append(mark)
    assert all_marked(request.SerializeToString(), MARK)
    assert not all_marked(request.SerializeToString() + body, MARK)
    assert all_marked(b"", MARK)
