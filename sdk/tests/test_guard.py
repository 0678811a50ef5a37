"""The monitor never hurts the monitored."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import observatory_sdk as obs
from observatory_sdk.guard import Guard


class Broken:
    """A tracer, logger or meter that fails whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} today")


@pytest.fixture
def broken(recorded: Any, lenient: None) -> Any:
    from observatory_sdk import scope

    failing: Any = Broken()
    scope.use(scope.Scope(failing, failing, failing, failing))
    yield recorded
    scope.use(None)


def test_a_broken_sdk_leaves_the_host_alone(broken: Any) -> None:
    @obs.service("credit_ledger")
    def debit(amount: int) -> int:
        with obs.facts.payment(rail="card", amount_usd=amount) as payment:
            payment.status = "succeeded"
        obs.facts.payment(rail="card", amount_usd=1).record(start_unix_nano=1, end_unix_nano=2)
        obs.facts.journal_entry(kind="x")
        obs.outcome("success")
        return amount

    assert [debit(number) for number in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError), obs.service("credit_ledger"):
        _ = 1 / 0
    assert obs.losses() == {"service": 4, "facts": 9}


def test_strict_mode_raises_what_is_broken(broken: Any) -> None:
    obs.strict()
    with pytest.raises(RuntimeError, match="no start_span today"), obs.service("credit_ledger"):
        pass


def test_the_same_complaint_is_logged_once_a_minute(lenient: None, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "observatory_sdk"):
        for _ in range(100):
            with Guard("somewhere"):
                raise RuntimeError("again")
        with Guard("elsewhere"):
            raise RuntimeError("other")
    assert obs.losses() == {"somewhere": 100, "elsewhere": 1}
    assert len(caplog.records) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_guard_keeps_its_hands_off_the_hosts_exit(lenient: None, error: type[BaseException]) -> None:
    with pytest.raises(error), Guard("somewhere"):
        raise error
    assert obs.losses() == {}


@pytest.mark.parametrize(
    "call",
    [
        lambda: obs.service(None, 3).__enter__(),
        lambda: obs.feature(object(), user_id=object()).__enter__(),
        lambda: obs.extract(None).__enter__(),
        lambda: obs.extract({1: 2}).__enter__(),
        lambda: obs.inject(None),
        lambda: obs.outcome(None),
        lambda: obs.register(None),
        lambda: obs.facts.feed(exchange_id=1, channel=None, symbol=[]).message(event_unix_nano="x"),
        lambda: obs.facts.order(anything=1).__enter__(),
        lambda: obs.facts.order().link(None),
    ],
)
def test_senseless_arguments_do_not_raise_in_production(lenient: None, recorded: Any, call: Any) -> None:
    import contextvars

    contextvars.copy_context().run(call)
    with obs.service("credit_ledger", "debit"):
        pass
    assert "credit_ledger.debit" in [span.name for span in recorded.spans()], "what comes after is recorded as ever"
