"""A user is taken out of every column of every table; everybody else stays as they were."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from observatory.errors import StoreError
from observatory.model.person import Mode, Person, mode_of
from observatory.store import Kept, People, Point, Store, erase

TEXTS = """SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND default_kind != 'ALIAS'
    AND position(type, 'String') > 0
    AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0)"""


def places(store: Store, user: str) -> list[str]:
    """Every column of every table that has the id somewhere, looked at as plain text."""
    found = []
    for table, column, _ in store.rows(TEXTS):
        ((rows,),) = store.rows(f"SELECT countIf(position(toString(`{column}`), '{user}') > 0) FROM {table}")
        if rows:
            found.append(f"{table}.{column}")
    return sorted(found)


def send_everything(sender: Any, store: Store, user: str) -> None:
    """Telemetry of every kind that names the user in every place where a user can be named."""
    named = {"user.id": user, "user.cohort": "trial"}
    sender.span("signal.deliver", **named, **{"signal.id": f"s-{user}", "messaging.system": "telegram"})
    sender.span("order.execute", **named, **{"order.client_id": f"{user}:1", "strategy.id": "grid"})
    sender.span("strategy.execute", **named, **{"strategy.id": f"private-{user}"})
    sender.span(
        f"GET /users/{user}", **named, **{"observatory.service": "chat_service", "observatory.caller": "external"}
    )
    sender.span("chat", **named, **{"gen_ai.operation.name": "chat", "gen_ai.conversation.id": f"{user}/7"})
    sender.span("payment.process", **named, **{"payment.amount_usd": "9.99", "payment.status": "succeeded"})
    sender.log("credit.transaction", **named, **{"credit.amount": "-1", "credit.idempotency_key": f"k-{user}"})
    sender.log(
        "security.event",
        **{"security.kind": "login_storm", "security.subject": user, "security.evidence": f"of '{user}'"},
    )
    sender.log("cost.charge", **named, **{"cost.amount_usd": "0.5", "cost.category": "exchange"})
    sender.log("signal.subscription.changed", **named, **{"signal.subscription.action": "subscribed"})
    sender.gauge("queue.depth", 3.0, **{"queue.name": f"inbox of {user}"})
    sender.flush()
    at = datetime.now(UTC)
    store.history.record(at, [Point(sender.environment, "credits.spent", user, 1.0, 1, 300, False)])
    store.history.keep(at, [Kept(sender.environment, f'{{"user":"{user}"}}', "[]", "{}")])


@pytest.fixture
def user() -> str:
    return f"u-{uuid.uuid4().hex}"


@pytest.fixture
def forgotten(store: Store) -> Callable[[str], Person]:
    """Erases as the server does."""

    def run(user: str) -> Person:
        erase.remember(store, People(), user)
        mode = mode_of(user, held_by_another=erase.held_by_another(store, user))
        person = Person(user, f"erased-{uuid.uuid4().hex[:12]}", mode)
        _, left = erase.erase(store, person)
        assert set(left.values()) == {0}
        return person

    return run


def test_no_column_of_any_table_names_an_erased_user(store: Store, sender: Any, user: str, forgotten: Any) -> None:
    send_everything(sender, store, user)
    named = places(store, user)
    assert {place.split(".")[0] for place in named} >= {
        *("otel_traces", "otel_logs", "otel_metrics_gauge", "fact_calls", "fact_points", "fact_orders", "fact_safety"),
        *("fact_ai_calls", "fact_credit_entries", "fact_cost_charges", "indicator_history", "snapshots"),
    }
    counted = [f"SELECT count() FROM {place.split('.')[0]}" for place in named]
    before = [store.rows(sql) for sql in counted]
    person = forgotten(user)
    assert person.mode is Mode.ANYWHERE
    assert places(store, user) == []
    assert [store.rows(sql) for sql in counted] == before, "no row is lost, none is doubled"
    assert len(places(store, person.pseudonym)) == len(named)
    ((told,),) = store.rows("SELECT countIf(position(command, 'u-') > 0) FROM system.mutations")
    assert told == 0, "the text of a mutation stays on disk"


def test_what_still_arrives_of_an_erased_user_is_not_stored(
    store: Store, sender: Any, user: str, forgotten: Any
) -> None:
    send_everything(sender, store, user)
    forgotten(user)
    sender.span("order.execute", **{"user.id": user, "order.client_id": "late"})
    sender.log("credit.transaction", **{"user.id": user, "credit.amount": "-1"})
    sender.gauge("signal.subscriptions.active", 1.0, **{"user.id": user})
    sender.span("order.execute", **{"user.id": "somebody else", "order.client_id": "late"})
    sender.flush()
    assert places(store, user) == []
    ((late,),) = store.rows(
        f"SELECT count() FROM fact_orders WHERE ClientId = 'late' AND Environment = '{sender.environment}'"
    )
    assert late == 1


def test_a_user_whose_id_has_the_erased_one_in_it_stays(store: Store, sender: Any, user: str, forgotten: Any) -> None:
    other = f"{user}-2"
    sender.span("order.execute", **{"user.id": user, "order.client_id": f"of {user} {user}"})
    sender.span("order.execute", **{"user.id": other, "order.client_id": f"of {other}"})
    sender.flush()
    person = forgotten(user)
    assert person.mode is Mode.WORD
    rows = store.rows(
        f"SELECT UserId, ClientId FROM fact_orders WHERE Environment = '{sender.environment}' ORDER BY UserId"
    )
    hidden = person.pseudonym
    assert [tuple(row) for row in rows] == [(hidden, f"of {hidden} {hidden}"), (other, f"of {other}")]


def test_a_short_id_is_erased_where_it_names_a_user_and_not_where_it_is_a_number(
    store: Store, sender: Any, forgotten: Any
) -> None:
    sender.span(
        "order.execute", **{"user.id": "77q", "order.client_id": "77q", "order.owner": "77q", "text": "77q 77q"}
    )
    sender.flush()
    person = forgotten("77q")
    assert person.mode is Mode.WHOLE
    sql = f"SELECT SpanAttributes, UserId FROM otel_traces WHERE Environment = '{sender.environment}'"
    ((attributes, user_id),) = store.rows(sql)
    assert (attributes["user.id"], attributes["order.owner"], user_id) == (person.pseudonym,) * 3
    assert (attributes["order.client_id"], attributes["text"]) == ("77q", "77q 77q")


def test_ids_with_signs_that_mean_something_are_found_too(store: Store, sender: Any, forgotten: Any) -> None:
    user = f"o'neil-\\d+(x) 名前 \"c{{d}}%s;--{uuid.uuid4().hex[:6]}"
    sender.span("order.execute", **{"user.id": user, "note": f"<{user}>"})
    sender.log("credit.transaction", **{"user.id": user, "credit.amount": "1"})
    sender.flush()
    person = forgotten(user)
    rows = store.rows(
        f"SELECT UserId, SpanAttributes['note'] FROM otel_traces WHERE Environment = '{sender.environment}'"
    )
    assert [tuple(row) for row in rows] == [(person.pseudonym, f"<{person.pseudonym}>")]


def test_a_table_that_comes_later_is_looked_at_as_well(store: Store, user: str, forgotten: Any) -> None:
    store.command(
        "CREATE TABLE later (Who LowCardinality(Nullable(String)), Deep Array(Map(String, Array(String))), N UInt8, "
        "Made String MATERIALIZED concat('made of ', ifNull(Who, ''))) ENGINE = MergeTree ORDER BY N"
    )
    try:
        store.command(
            f"INSERT INTO later (Who, Deep, N) VALUES ('{user}', [{{'k': ['{user}', 'x']}}], 1), (NULL, [], 2)"
        )
        person = forgotten(user)
        rows = store.rows("SELECT Who, Deep, Made FROM later ORDER BY N")
        hidden = person.pseudonym
        assert tuple(rows[0]) == (hidden, [{"k": [hidden, "x"]}], f"made of {hidden}")
    finally:
        store.command("DROP TABLE later SYNC")


def test_a_text_that_cannot_be_rewritten_is_an_error_and_not_overlooked(
    store: Store, user: str, forgotten: Any
) -> None:
    store.command("CREATE TABLE odd (Pair Tuple(a String, b UInt8)) ENGINE = MergeTree ORDER BY tuple()")
    try:
        store.command(f"INSERT INTO odd VALUES (('{user}', 1))")
        with pytest.raises(StoreError, match=r"odd\.Pair"):
            forgotten(user)
    finally:
        store.command("DROP TABLE odd SYNC")


def test_what_a_crash_left_half_done_is_ended_by_the_next_attempt(
    store: Store, sender: Any, user: str, forgotten: Any
) -> None:
    at = datetime.now(UTC)
    store.history.record(at, [Point(sender.environment, "credits.spent", user, 1.0, 1, 300, False)])
    store.command("CREATE TABLE erasing_indicator_history AS indicator_history")
    store.command(
        "INSERT INTO erasing_indicator_history SELECT * REPLACE ('erased-old' AS Member) FROM indicator_history "
        f"WHERE Member = '{user}'"
    )
    # Once before the rows were deleted, and once after.
    forgotten(user)
    mine = f"SELECT count() FROM indicator_history WHERE Environment = '{sender.environment}'"
    assert store.rows(mine)[0][0] == 1
    store.command("CREATE TABLE erasing_indicator_history AS indicator_history")
    mine_alone = f"Environment = '{sender.environment}'"
    store.command(f"INSERT INTO erasing_indicator_history SELECT * FROM indicator_history WHERE {mine_alone}")
    store.command(
        f"ALTER TABLE indicator_history DELETE WHERE Environment = '{sender.environment}' SETTINGS mutations_sync = 2"
    )
    forgotten(user)
    assert store.rows(mine)[0][0] == 1
    assert store.rows("EXISTS TABLE erasing_indicator_history")[0][0] == 0


def test_who_was_erased_and_came_back_is_known_again(store: Store, sender: Any, user: str, forgotten: Any) -> None:
    forgotten(user)
    store.command(
        f"INSERT INTO fact_orders (Timestamp, Environment, UserId) VALUES (now64(9), '{sender.environment}', '{user}')"
    )
    assert user in erase.returned(store, People())
    forgotten(user)
    assert user not in erase.returned(store, People())
