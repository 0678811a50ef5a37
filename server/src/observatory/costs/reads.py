"""The ledger's two reads: which prices are needed, and what was spent at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from observatory.costs import sources
from observatory.costs.book import EXACT, Book, Units
from observatory.costs.hours import Standing
from observatory.costs.sources import COLUMNS, COUNTS, TOKENS, Asked

# What a price is multiplied with: tokens of each kind, the calls that told them, quantities of charges.
PRICED = (*TOKENS, "Counted", "Billed")
PLACES = 24
# Which price holds: for what, the size of the calls, and between which changes of any price.
_PRICE = """cityHash64(toString(Provider), toString(Model), toString(Item), Band,
    arrayCount(change -> toUnixTimestamp(At) >= change, {changes:Array(UInt32)}),
    {slots:Array(UInt8)}[intDiv(toUnixTimestamp(At) % 86400, 1800) + 1])"""
_NUMBERS = {
    "calls": "sum(Calls)",
    "input_tokens": "sum(Input)",
    "output_tokens": "sum(Output)",
    "cache_read_tokens": "sum(CacheRead)",
    "cache_write_tokens": "sum(CacheWrite)",
    "reasoning_tokens": "sum(Reasoning)",
    "charges": "sum(Charges)",
    "calls_unpriced": "sumIf(Counted, vector <= 0)",
    "calls_untold": "sum(Untold)",
    "calls_estimated": "sum(Estimated)",
    "charges_unreadable": "sum(Unreadable) + sumIf(Asking, vector <= 0)",
    "violations": "sum(Violations)",
}
NUMBERS = tuple(_NUMBERS)
"""The counts of what was spent, as they are named in a row."""


def rows(asked: Asked, standing: Standing | None, book: Book) -> str:
    """All that is asked for: whole hours where they stand, facts for the rest; empty where neither has anything."""
    gaps = [(asked.since, asked.until)] if standing is None else standing.gaps(asked.since, asked.until)
    fine = standing is None
    parts = [sources.facts(gaps, book.steps, "Environment = {environment:String}", fine)] if gaps else []
    if asked.signals:
        parts = [sources.with_signals(part, gaps) for part in parts]
    if standing is not None and standing.rolls:
        parts.append(sources.hours(asked.since, asked.until, asked.users))
    if not parts:
        return ""
    kept = " AND ".join(f"{COLUMNS[name]} = {{only_{name}:String}}" for name, _ in asked.only)
    return f"SELECT * FROM ({sources.joined(parts)}) WHERE {kept or '1'}"


def bound(asked: Asked, standing: Standing | None, book: Book) -> dict[str, object]:
    """Values of the parameters of both reads, but for the prices."""
    return {
        "environment": asked.environment,
        "changes": [int(at.timestamp()) for at in book.changes],
        # By half hour of the day, how many changes of the daily prices lie behind it.
        "slots": [sum(minute <= slot * 30 for minute in book.minutes) for slot in range(48)],
        "rolls": [] if standing is None else list(standing.rolls.values()),
        **{f"only_{name}": value for name, value in asked.only},
    }


def prices(found: str) -> str:
    """Which prices the rows need: provider, model, item, band, a time at which it holds, the number it goes by."""
    return (
        f"SELECT toString(any(Provider)), toString(any(Model)), toString(any(Item)), any(Band), min(At), "
        f"{_PRICE} AS price FROM ({found}) WHERE Calls > 0 OR Asking > 0 GROUP BY price"
    )


def priced(places: dict[int, int], vectors: Iterable[Units]) -> dict[str, object]:
    """Values of the parameters that hand prices in: by its number, the place of a price (0: none) among `vectors`."""
    made = list(vectors)
    units = {f"unit_{kind}": ["0", *(f"{each[kind]:.{PLACES}f}" for each in made)] for kind in range(len(PRICED))}
    return {"seen": list(places), "vectors": list(places.values()), **units}


def spent(found: str, asked: Asked, most: int | None = None) -> str:
    """What the rows cost. Amounts have 24 places, and so has every sum."""
    keys = [f"key_{place}" for place in range(len(asked.by))]
    named = [f"toString({COLUMNS[name]}) AS {key}" for name, key in zip(asked.by, keys, strict=True)]
    if asked.step_s:
        keys.insert(0, "start")
        named.insert(0, f"toDateTime(intDiv(toUnixTimestamp(At), {asked.step_s}) * {asked.step_s}, 'UTC') AS start")
    listed = "".join(f"{key}, " for key in keys)
    nameless = [f"{keys[0]} = '' DESC"] if most and keys else []
    order = [*nameless, *(["start"] if asked.step_s else []), "ifNull(charged_usd, 0) + ifNull(ai_usd, 0) DESC", *keys]
    return f"""WITH {_handed_in()}
SELECT {listed}
    if(sum(Charges) > charges_unreadable,
        sum(ifNull(ChargedUsd, toDecimal256(0, 24))) + sumIf(billed, vector > 0), NULL) AS charged_usd,
    if(sumIf(Counted, vector > 0) + sum(Failures) > 0, sumIf(cost, vector > 0), NULL) AS ai_usd,
    {", ".join(f"{sql} AS {name}" for name, sql in _NUMBERS.items())},
    max((Calls > 0 OR Asking > 0) AND vector = -1) AS unseen
FROM ({_costed(found, named, keys)})
{f"GROUP BY {', '.join(keys)}" if keys else "HAVING calls + charges > 0"}
ORDER BY {", ".join(order)}{f" LIMIT {most}" if most else ""}"""


def _handed_in() -> str:
    return ", ".join(
        f"arrayMap(x -> toDecimal256(x, {PLACES}), {{unit_{kind}:Array(String)}}) AS u{kind}"
        for kind in range(len(PRICED))
    )


def _costed(found: str, named: Sequence[str], keys: Sequence[str]) -> str:
    # Grouped by price first: a product for each of the few prices of a key, and not for each call.
    cost = " + ".join(f"{name} * u{kind}[place]" for kind, name in enumerate(PRICED[:-1]))
    sums = ", ".join(f"toInt64(sum(r.{name})) AS {name}" for name in COUNTS)
    number = f"transform({_PRICE}, {{seen:Array(UInt64)}}, {{vectors:Array(Int32)}}, toInt32(-1))"
    return f"""SELECT *, greatest(vector, 0) + 1 AS place, {cost} AS cost,
        toInt256(ifNull(Billed, 0) * 1000000000) * u{len(PRICED) - 1}[place] / 1000000000 AS billed
    FROM (
        SELECT {"".join(f"{each}, " for each in named)} if(r.Calls > 0 OR r.Asking > 0, {number}, 0) AS vector,
            {sums}, sum(r.Billed) AS Billed, toDecimal256(sum(r.ChargedUsd), {PLACES}) AS ChargedUsd
        FROM ({found}) AS r
        GROUP BY {", ".join((*keys, "vector"))}
    )"""


def plain(usd: Decimal) -> Decimal:
    """An amount without the zeros that the store fills it up with."""
    digits = usd.normalize(EXACT)
    return digits if int(digits.as_tuple().exponent) <= 0 else digits.quantize(Decimal(1), context=EXACT)


def added(parts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = Decimal(0)
    for part in parts:
        total = EXACT.add(total, part)
    return plain(total)
