"""The shape of `user/{user_id}`, for OpenAPI: each field with its sentence. Numbers are null where nothing is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from observatory.api.health_models import Provenance

_AT = "2026-01-02T03:04:05.000Z"
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

_MONEY = {
    "cost_usd": "model calls and charges together",
    "ai_usd": "list price of the model calls",
    "charged_usd": "charges for everything else",
    "input_tokens": "tokens sent to models",
    "output_tokens": "tokens that models answered with",
}
# Values of the user as a whole, by section.
NUMBERS: dict[str, dict[str, str]] = {
    "credits": {
        "balance": "credits after the newest entry of 90 days",
        "usage": "credits taken from the account in the range",
        "added": "credits that came to it",
        "entries": "entries of the ledger",
    },
    "api_costs": {
        **_MONEY,
        "calls": "model calls, each counted once",
        "charges": "charges",
        "calls_unpriced": "calls of models without a known price: not in the sum",
        "calls_untold": "calls that told no tokens: not in the sum",
        "calls_estimated": "calls whose tokens are estimated",
        "charges_unreadable": "charges without a readable amount: not in the sum",
        "violations": "calls whose token counts contradict each other: not in the sum",
    },
    "margin": {
        "paid_usd": "payments that succeeded",
        "refunded_usd": "given back",
        "revenue_usd": "paid less given back",
        "profit_share_usd": "the platform's part of the user's profits",
        "cost_usd": "as in api_costs",
        "margin_usd": "revenue and profit shares less cost; null where not all of the cost is known",
    },
    "error_experience": {
        "calls": "calls of services on the user's behalf",
        "errors": "those that failed",
        "error_rate": "errors per call",
    },
}
# Words beside the numbers of a section: type, sentence, example.
WORDS: dict[str, dict[str, tuple[Any, str, Any]]] = {
    "credits": {"balance_at": (datetime | None, "when the newest entry was made", _AT)},
    "margin": {"margin_reason": (str | None, "why the margin is not known; null where it is", "no_costs_told")},
}
_TEXT, _WHEN = (str | None, "text"), (datetime | None, _AT)
_NUMBER = (float | None, 0.5)
_COUNTS = {"calls": "calls", "errors": "those that failed"}


def _numbers(sentences: dict[str, str]) -> dict[str, tuple[Any, str, Any]]:
    return {name: (_NUMBER[0], sentence, _NUMBER[1]) for name, sentence in sentences.items()}


def _words(sentences: dict[str, str], example: Any = "text", kind: Any = str | None) -> dict[str, tuple[Any, str, Any]]:
    return {name: (kind, sentence, example) for name, sentence in sentences.items()}


def _when(name: str, sentence: str) -> dict[str, tuple[Any, str, Any]]:
    return _words({name: sentence}, *reversed(_WHEN))


# Lists, by name: type, sentence and example of each column. Those with numbers have a provenance by field too.
ROWS: dict[str, dict[str, tuple[Any, str, Any]]] = {
    "active_services": _words({"service": "id in the catalogue"})
    | _numbers(_COUNTS | {"error_rate": "errors per call"})
    | _when("last_seen", "newest call"),
    "credit_usage_by_type": _words({"type": "kind of entry"})
    | _numbers({"usage": "credits taken", "added": "credits given", "entries": "entries"})
    | _when("last_at", "newest entry"),
    "strategy_performance": _words({"strategy": "the strategy", "mode": "live or paper; null without closed trades"})
    | _when("switched_on_since", "when it was switched on; null where it is not, or nobody told")
    | _numbers(
        {
            "runs": "runs",
            "run_success_rate": "share of them that succeeded",
            "trades": "closed trades",
            "pnl_usd": "profit or loss of those after fees",
            "return_ratio": "what they returned, compounded",
            "win_rate": "share that made money",
            "max_drawdown_ratio": "deepest fall from a peak, with all equity in each trade",
        }
    )
    | _when("last_run_at", "newest run"),
    "signal_subscriptions": _words({"channel": "the channel", "plan": "the plan"}) | _when("since", "the last word"),
    "signal_deliveries": _words({"channel": "the channel"})
    | _numbers(
        {
            "attempts": "attempts to deliver",
            "deliveries": "signals sent",
            "accepted": "those that the channel accepted",
            "dead_letters": "those that were given up",
            "accepted_ratio": "accepted per sent",
            "delivered": "those with a receipt; null on a channel that gives none",
            "seen": "those seen; null on a channel that gives no receipts",
            "bounced": "those that came back; null on a channel that gives no receipts",
        }
    )
    | _when("last_at", "newest of them"),
    "costs_by_category": _words({"category": "ai, exchange, market_data, ..."}) | _numbers(_MONEY),
    "costs_by_model": _words({"provider": "the provider", "model": "the model"}) | _numbers(_MONEY),
    "costs_by_feature": _words({"feature": "the business feature; empty: nobody says"}) | _numbers(_MONEY),
    "last_errors": _when("at", "start of the call")
    | _words(
        {
            "service": "where",
            "operation": "what was called",
            "feature": "the business feature",
            "outcome": "how it ended, in business terms",
            "error_type": "class of the error; null where the span is no longer kept",
            "reason": "why, in a word",
            "trace_id": "the trace",
        }
    ),
    "recent_traces": _words({"trace_id": "the trace"}, _TRACE)
    | _when("started_at", "its start")
    | _words({"service": "where it began", "operation": "what was called", "feature": "the business feature"})
    | _numbers({"duration_ms": "how long the first call took"})
    | _words({"status": "ok or error, of the first call"}, "ok"),
}
# Lists of plain values.
PLAIN = frozenset({"signal_subscriptions", "last_errors", "recent_traces"})


class UserBase(BaseModel):
    """What is said of the user beside the sections."""

    model_config = ConfigDict(populate_by_name=True)

    user_id: str
    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    window_s: int
    seen: bool = Field(description="Whether anything at all is known of this user; false for an id that never came.")
    last_seen: datetime | None = Field(description="Newest call on the user's behalf in the range.")


def _model() -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for section, sentences in NUMBERS.items():
        columns = _numbers(sentences) | WORDS.get(section, {})
        fields[section] = (_part(f"User{_title(section)}", columns, provenance=True), ...)
    for name, columns in ROWS.items():
        row = _part(f"User{_title(name)}Row", columns, provenance=name not in PLAIN)
        fields[name] = (list[row], ...)  # type: ignore[valid-type]  # made just above
    made = create_model("UserAnswer", __base__=UserBase, __doc__="One user, in one answer.", **fields)
    made.model_config["json_schema_extra"] = {"examples": [_example()]}
    return made


def _part(name: str, columns: dict[str, tuple[Any, str, Any]], provenance: bool) -> type[BaseModel]:
    fields: dict[str, Any] = {
        column: (kind, Field(description=sentence)) for column, (kind, sentence, _) in columns.items()
    }
    if provenance:
        fields["provenance"] = (dict[str, Provenance], Field(description="By the name of the number."))
    return create_model(name, **fields)


def _title(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _example() -> dict[str, Any]:
    whence = {"unit": "1", "samples": 40, "window_s": 86_400, "as_of": _AT, "source": "fact_calls", "estimated": False}
    found: dict[str, Any] = {
        "user_id": "u-4711",
        "environment": "production",
        "from": "2026-01-01T03:04:05.000Z",
        "to": _AT,
        "window_s": 86_400,
        "seen": True,
        "last_seen": _AT,
    }
    for section, sentences in NUMBERS.items():
        words = {name: example for name, (_, _, example) in WORDS.get(section, {}).items()}
        found[section] = dict.fromkeys(sentences, 0.5) | words | {"provenance": dict.fromkeys(sentences, whence)}
    for name, columns in ROWS.items():
        row: dict[str, Any] = {column: example for column, (_, _, example) in columns.items()}
        found[name] = [row if name in PLAIN else row | {"provenance": {}}]
    return found


UserAnswer = _model()
