"""Names and addresses are never stored; users that were erased stay away."""

from __future__ import annotations

from typing import Any

from observatory.store import People, Store

MAIL = "alice.jones+crypto@example.co.uk"


def _texts(store: Store, table: str, environment: str) -> list[Any]:
    return list(store.rows(f"SELECT *, UserId FROM {table} WHERE Environment = '{environment}'"))


def test_an_address_as_user_id_is_stored_as_its_pseudonym(store: Store, sender: Any) -> None:
    sender.span(
        "login", **{"user.id": MAIL, "user.email": MAIL, "user.full_name": "Alice Jones", "enduser.id": "ajones"}
    )
    sender.log("chat.turn", **{"user.id": MAIL, "user.name": "Alice Jones", "note": f"wrote to {MAIL} twice"})
    sender.flush()
    expected = People().known_as(MAIL)
    assert expected.startswith("p-")
    for table in ("otel_traces", "otel_logs"):
        (row,) = _texts(store, table, sender.environment)
        assert row[-1] == expected
        for word in ("alice", "Alice", "ajones", "example.co.uk"):
            assert word not in str(row), table
