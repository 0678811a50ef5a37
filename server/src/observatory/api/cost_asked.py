"""What the requests about costs share: dimensions, filters, and rows of the ledger as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field

from observatory.api import health_json
from observatory.api.ranges import Range
from observatory.costs import DIMENSIONS, Ledger, Spent
from observatory.errors import InvalidRequest

SOURCE = "cost ledger: fact_ai_calls and fact_cost_charges"
MOST_DIMENSIONS = 3
Value = Annotated[str | None, Query(min_length=1, max_length=200, description="Keep what this one caused.")]
By = Annotated[
    str,
    Query(
        max_length=100,
        description=f"Up to {MOST_DIMENSIONS} of {', '.join(DIMENSIONS)}, commas between; the last three over 8 days.",
        examples=["user,model"],
    ),
]


class CostCounts(BaseModel):
    """What was spent, exactly. Nulls: no amount is known. A price is applied when it is read."""

    cost_usd: float | None = Field(description="Model calls and charges together.")
    cost_exact_usd: str | None = Field(description="The same with every place.")
    ai_usd: float | None
    charged_usd: float | None
    calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    charges: int
    calls_unpriced: int = Field(description="Calls of models without a known price.")
    calls_untold: int = Field(description="Successful calls that told no tokens.")
    calls_estimated: int
    charges_unreadable: int = Field(description="Charges without an amount that can be read, or a price.")
    violations: int = Field(description="Calls whose counts contradict each other; never priced.")


class CostProvenance(BaseModel):
    """Where every number of an answer comes from."""

    samples: int
    window_s: int
    as_of: str
    source: str
    estimated: bool


class Filters:
    """A dependency: one value of each dimension that is asked for, and which parameters are known."""

    async def __call__(
        self,
        request: Request,
        category: Value = None,
        provider: Value = None,
        model: Value = None,
        service: Value = None,
        feature: Value = None,
        user: Value = None,
        cohort: Value = None,
        strategy: Value = None,
        conversation: Value = None,
        trace: Value = None,
        signal: Value = None,
    ) -> Mapping[str, str]:
        """The filters.

        Raises:
            InvalidRequest: a parameter that is none.
        """
        given = {name: request.query_params.get(name) for name in DIMENSIONS}
        only = {name: value for name, value in given.items() if value is not None}
        people = getattr(request.app.state, "people", None)
        if "user" in only and people is not None:
            only["user"] = people.known_as(only["user"])
        return only


def expect_only(request: Request, known: set[str]) -> None:
    """Raise InvalidRequest for a parameter that is not among `known`."""
    for name in request.query_params:
        if name not in known:
            raise InvalidRequest(f"query parameter {name[:64]}: not known here; there are {', '.join(sorted(known))}")


def dimensions(by: str) -> tuple[str, ...]:
    """The dimensions of `by`.

    Raises:
        InvalidRequest: one is none, named twice, or they are too many.
    """
    names = tuple(by.split(",")) if by else ()
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown or len(set(names)) < len(names) or len(names) > MOST_DIMENSIONS:
        raise InvalidRequest(
            f"query parameter by: must be up to {MOST_DIMENSIONS} different of {', '.join(DIMENSIONS)}, commas between"
        )
    return names


def counts(spent: Spent | None) -> Mapping[str, Any]:
    """One row's amounts and counts; without a row nothing is known and nothing was counted."""
    numbers = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    doubts = ("calls_unpriced", "calls_untold", "calls_estimated", "charges_unreadable", "violations")
    return {
        "cost_usd": usd(spent.usd if spent else None),
        "cost_exact_usd": exact(spent.usd if spent else None),
        "ai_usd": usd(spent.ai_usd if spent else None),
        "charged_usd": usd(spent.charged_usd if spent else None),
        **{name: getattr(spent, name) if spent else 0 for name in ("calls", *numbers, "charges", *doubts)},
    }


def provenance(asked: Range, rows: Sequence[Spent], source: str = SOURCE) -> Mapping[str, Any]:
    """Where the numbers of these rows come from."""
    return {
        "samples": sum(each.calls + each.charges for each in rows),
        "window_s": asked.window_s,
        "as_of": health_json.moment(asked.end),
        "source": source,
        "estimated": any(doubtful(each) for each in rows),
    }


def doubtful(spent: Spent) -> bool:
    """True when the amount is not all that was spent, or rests on a sender's own counting."""
    doubts = (spent.calls_unpriced, spent.calls_untold, spent.calls_estimated, spent.charges_unreadable)
    return any((*doubts, spent.violations))


async def whole(ledger: Ledger, environment: str, asked: Range, only: Mapping[str, str]) -> Spent | None:
    """All that was spent in a range; None: nothing."""
    found = await ledger.spent(environment, asked.start, asked.end, only=only)
    return found[0] if found else None


def usd(amount: Decimal | None) -> float | None:
    """An amount as a JSON number."""
    return None if amount is None else float(amount)


def exact(amount: Decimal | None) -> str | None:
    """An amount with every place."""
    return None if amount is None else f"{amount:f}"


def share(part: Decimal | int | None, of: Decimal | int | None) -> float | None:
    """A part of a whole; None where either is not known or the whole is nothing."""
    return None if part is None or not of else float(part / of)
