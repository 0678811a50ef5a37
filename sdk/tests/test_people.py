"""User ids that are e-mail addresses never leave the process as such."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory_sdk import frame, losses, people
from observatory_sdk.redaction import is_secret_name, redact, redact_value

LOCAL = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789._%+-", min_size=1, max_size=64)
DOMAIN = st.from_regex(re.compile(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}\.[a-z]{2,10}"), fullmatch=True)


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "pseudonym.key"
    path.write_text("00" * 32)
    monkeypatch.setitem(os.environ, people.KEY_FILE, str(path))
    people._key.cache_clear()
    people._named.cache_clear()
    yield path
    people._key.cache_clear()
    people._named.cache_clear()


@given(local=LOCAL, domain=DOMAIN, before=st.sampled_from(["", "to ", "<", "mailto:", '"']))
def test_no_address_is_left_in_a_text(local: str, domain: str, before: str) -> None:
    assert f"@{domain}" not in redact(f"{before}{local}@{domain} was told")


def test_an_address_as_user_id_becomes_the_same_pseudonym_each_time(key: Path) -> None:
    first = redact_value("user.id", "alice@example.com")
    assert first == redact_value("user.id", "alice@example.com") == people.pseudonym("alice@example.com", bytes(32))
    assert first != redact_value("user.id", "bob@example.com")
    assert "alice" not in first
    assert redact_value("user.id", "u-4711") == "u-4711"


def test_another_key_makes_another_pseudonym() -> None:
    assert people.pseudonym("alice@example.com", bytes(32)) != people.pseudonym("alice@example.com", bytes([1] * 32))


def test_the_pseudonym_travels_with_the_request_and_the_address_does_not(key: Path) -> None:
    with frame.feature("chat", user_id="alice@example.com"):
        carried = dict(frame.current().carried)
    assert carried["user.id"].startswith(people.PREFIX)


def test_without_a_key_such_an_id_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(os.environ, people.KEY_FILE, raising=False)
    people._named.cache_clear()
    assert redact_value("user.id", "carol@example.com") == ""
    assert losses()["user ids that are e-mail addresses left out"] >= 1
    with frame.feature("chat", user_id="carol@example.com"):
        assert "user.id" not in frame.current().carried


@pytest.mark.parametrize("text", ["", "zz", "00"])
def test_a_file_that_holds_no_key_leaves_the_id_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "bad.key"
    path.write_text(text)
    monkeypatch.setitem(os.environ, people.KEY_FILE, str(path))
    people._named.cache_clear()
    people._key.cache_clear()
    assert people.opaque("dave@example.com") == ""


def test_names_of_persons_are_known_by_the_names_of_their_attributes() -> None:
    for name in ("user.email", "user.full_name", "user.name", "enduser.id", "enduser.email", "username", "first_name"):
        assert is_secret_name(name), name
    for name in ("user.id", "user.cohort", "user.plan", "email.template", "messaging.system", "service.name"):
        assert not is_secret_name(name), name
