"""What each scope allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.auth import scopes
from observatory.errors import InvalidRequest

ALL = ("ingest", "read", "operate", "admin", "user:u-1", "user:u-2")
ALLOWED = {
    "ingest": {"ingest"},
    "read": {"read", "user:u-1", "user:u-2"},
    "operate": {"operate", "read", "user:u-1", "user:u-2"},
    "admin": set(ALL),
    "user:u-1": {"user:u-1"},
    "user:u-2": {"user:u-2"},
}


@pytest.mark.parametrize("held", ALL)
def test_a_scope_allows_what_it_implies_and_nothing_else(held: str) -> None:
    assert {wanted for wanted in ALL if scopes.allows(frozenset({held}), wanted)} == ALLOWED[held]


@given(st.frozensets(st.sampled_from(ALL)), st.sampled_from(ALL))
def test_several_scopes_allow_exactly_what_each_allows(held: frozenset[str], wanted: str) -> None:
    assert scopes.allows(held, wanted) == any(wanted in ALLOWED[scope] for scope in held)


@pytest.mark.parametrize(
    "bad", [[], ["root"], ["read", ""], ["user:"], ["user:a b"], ["user:" + "x" * 129], ["READ"], ["user:\n"]]
)
def test_scopes_that_do_not_exist_are_refused(bad: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="scopes: "):
        scopes.parse(bad)


def test_more_scopes_than_fit_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="between 1 and 7"):
        scopes.parse(f"user:{number}" for number in range(8))


def test_the_most_and_longest_scopes_fit_their_column() -> None:
    longest = scopes.parse(f"user:{number}{'x' * 127}" for number in range(7))
    assert len(" ".join(longest)) <= 1_024
