"""Why one period cost more than another: the difference of two bills, split into what changed.

What calls cost is a product. Of each group of like calls:

    calls x share of the model x (tokens in per call x price, less what the cache saves + tokens out per call x price)

and of charges quantity x price of one. Each part is what its factor adds on average over all orders in which the
factors could have changed one after the other, so that no order has to be chosen and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from itertools import product
from math import factorial

# Digits of a part behind the point. The parts add up exactly: what rounding leaves over goes to the largest.
PLACES = 12
_EXACT = 60


class Part(StrEnum):
    """What a difference is made of."""

    VOLUME = "volume"
    MIX = "model_mix"
    INPUT = "input_tokens_per_call"
    OUTPUT = "output_tokens_per_call"
    CACHE = "cache_ratio"
    PRICE = "price"
    CHARGE_VOLUME = "charge_volume"
    CHARGE_PRICE = "charge_price"


@dataclass(frozen=True, slots=True)
class Used:
    """Like calls of one model, or like charges, in one period.

    Counts need not be whole: what is expected of a period is a share of a longer one.

    Attributes:
        group: calls of one group do the same work, so that one model can stand in for another.
        model: the model, with the step of its price where it has several.
        calls: calls; of charges how many there were.
        counts: of calls tokens of each kind in the order of `book.KINDS`, or the first few of them.
        units: what one more of each of `counts` costs, then the call itself; None: charges.
        charged_usd: of charges what they amount to.
        quantity: of charges how much was charged for; None when it is not known, then each charge counts as one.
    """

    group: str
    model: str
    calls: Decimal
    counts: tuple[Decimal, ...] = ()
    units: tuple[Decimal, ...] | None = None
    charged_usd: Decimal = Decimal(0)
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The difference of two bills.

    Attributes:
        before_usd, after_usd: the bills.
        parts: what each factor adds, in USD; they add up to the difference exactly.
        groups: the same of each group.
    """

    before_usd: Decimal
    after_usd: Decimal
    parts: Mapping[Part, Decimal]
    groups: Mapping[str, Mapping[Part, Decimal]]

    @property
    def difference_usd(self) -> Decimal:
        """What is paid more after than before."""
        return _sum((self.after_usd, -self.before_usd))

    @property
    def main(self) -> Part | None:
        """The part that moved the most money; None when nothing did."""
        part = max(self.parts, key=lambda each: abs(self.parts[each]), default=None)
        return part if part is not None and self.parts[part] else None


def decompose(before: Iterable[Used], after: Iterable[Used]) -> Decomposition:
    """Split the difference of two bills into its parts.

    A model that is new does what the other models of its group did: its calls are mix, or volume where the whole group
    is new. Tokens per call and prices of a model that was not asked in one of the periods are taken from the other.

    Args:
        before, after: one entry for each group and model; entries of the same group and model are added,
            those without calls left out.

    Source: L. S. Shapley, A value for n-person games (1953), over factors; exact in fractions.
    """
    old, new = _added(before), _added(after)
    bills = (_bill(old.values()), _bill(new.values()))
    groups: dict[str, dict[Part, Fraction]] = {}
    sizes = (_sizes(old), _sizes(new))
    for key in sorted({*old, *new}):
        parts = groups.setdefault(key[0], {})
        for part, usd in _parts(old.get(key), new.get(key), (sizes[0].get(key[0]), sizes[1].get(key[0]))).items():
            parts[part] = parts.get(part, Fraction(0)) + usd
    rounded = {group: {part: _decimal(usd) for part, usd in parts.items() if usd} for group, parts in groups.items()}
    _fit(rounded, _sum((bills[1], -bills[0])))
    total: dict[Part, Decimal] = {}
    for parts_of in rounded.values():
        for part, each in parts_of.items():
            total[part] = _sum((total.get(part, Decimal(0)), each))
    return Decomposition(*bills, total, rounded)


def calls_split(before: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]]) -> Mapping[str, Decimal]:
    """`decompose` for plain values, as published examples have them; the parts that are not 0."""
    found = decompose([_plain(each) for each in before], [_plain(each) for each in after])
    return {part.value: usd for part, usd in found.parts.items() if usd}


def _plain(row: Mapping[str, str]) -> Used:
    if "usd" in row:
        quantity = row.get("quantity")
        calls, usd = Decimal(row.get("charges", 1)), Decimal(row["usd"])
        return Used(row["group"], "", calls, charged_usd=usd, quantity=None if quantity is None else Decimal(quantity))
    counts = tuple(Decimal(row.get(name, 0)) for name in ("input", "output", "cached"))
    dear = [Decimal(row.get(name, 0)) / 1_000_000 for name in ("input_mtok", "output_mtok", "cached_mtok")]
    units = (dear[0], dear[1], dear[2] - dear[0], Decimal(0))
    return Used(row["group"], row["model"], Decimal(row["calls"]), counts, units)


_Key = tuple[str, str]
Rate = tuple[Fraction, ...]
# Which of the counts, in the order of the price book, are parts of the tokens in, of those out, and kept by the cache.
_IN, _OUT, _CACHED = (5, 7), (4, 6, 8), (2, 3)


def _added(rows: Iterable[Used]) -> dict[_Key, Used]:
    found: dict[_Key, Used] = {}
    for row in rows:
        if not row.calls:
            continue
        key = (row.group, row.model)
        found[key] = _both(found[key], row) if key in found else row
    return found


def _both(one: Used, other: Used) -> Used:
    quantities = None if one.quantity is None or other.quantity is None else _sum((one.quantity, other.quantity))
    counts = tuple(_sum(pair) for pair in zip(one.counts, other.counts, strict=True))
    calls, usd = _sum((one.calls, other.calls)), _sum((one.charged_usd, other.charged_usd))
    added = replace(one, calls=calls, counts=counts, charged_usd=usd, quantity=quantities)
    if one.units is None or other.units is None or one.units == other.units:
        return added
    # Calls of one model at two prices: the mean price of each kind, by what was used of it.
    weights = zip((*one.counts, one.calls), (*other.counts, other.calls), strict=True)
    prices = zip(one.units, other.units, weights, strict=True)
    return replace(added, units=tuple(_mean(*each) for each in prices))


def _mean(one: Decimal, other: Decimal, weights: tuple[Decimal, Decimal]) -> Decimal:
    with localcontext(prec=_EXACT):
        whole = weights[0] + weights[1]
        return (one * weights[0] + other * weights[1]) / whole if whole else other


def _sizes(rows: Mapping[_Key, Used]) -> dict[str, Fraction]:
    sizes: dict[str, Fraction] = {}
    for (group, _), row in rows.items():
        sizes[group] = sizes.get(group, Fraction(0)) + Fraction(row.calls)
    return sizes


def _bill(rows: Iterable[Used]) -> Decimal:
    return _decimal(sum((_cost(row) for row in rows), Fraction(0)))


def _cost(row: Used) -> Fraction:
    if row.units is None:
        return Fraction(row.charged_usd)
    used = zip((*row.counts, row.calls), row.units, strict=True)
    return sum((Fraction(count) * Fraction(unit) for count, unit in used), Fraction(0))


def _parts(
    old: Used | None, new: Used | None, sizes: tuple[Fraction | None, Fraction | None]
) -> Mapping[Part, Fraction]:
    some = old or new
    assert some is not None
    if some.units is None:
        return _shared(_charge_factors(old, new), lambda volume, price: volume * price)
    return _shared(_call_factors(old, new, sizes), _call_cost)


def _charge_factors(old: Used | None, new: Used | None) -> dict[Part, tuple[Fraction, Fraction]]:
    # A quantity that only one period knows says nothing of the other.
    known = all(each is None or each.quantity for each in (old, new))
    volumes = [
        Fraction(0) if row is None else Fraction((row.quantity if known else row.calls) or 0) for row in (old, new)
    ]
    usd = [Fraction(0) if row is None else Fraction(row.charged_usd) for row in (old, new)]
    prices = [cost / volume if volume else None for cost, volume in zip(usd, volumes, strict=True)]
    return {Part.CHARGE_VOLUME: (volumes[0], volumes[1]), Part.CHARGE_PRICE: _either(prices[0], prices[1])}


def _call_factors(
    old: Used | None, new: Used | None, sizes: tuple[Fraction | None, Fraction | None]
) -> dict[Part, tuple[object, object]]:
    rates = _rates(old or new), _rates(new or old)
    shares = [_share(row, size) for row, size in zip((old, new), sizes, strict=True)]
    volume = (sizes[0] or Fraction(0), sizes[1] or Fraction(0))
    parts = zip((Part.INPUT, Part.OUTPUT, Part.CACHE, Part.PRICE), zip(*rates, strict=True), strict=True)
    return {Part.VOLUME: volume, Part.MIX: _either(*shares)} | dict(parts)


def _share(row: Used | None, size: Fraction | None) -> Fraction | None:
    if not size:
        return None
    return Fraction(0) if row is None else Fraction(row.calls) / size


def _rates(row: Used | None) -> tuple[Rate, Rate, Rate, Rate]:
    """Of one call: tokens in and what they are, tokens out and what they are, what the cache held, and prices."""
    assert row is not None
    assert row.units is not None
    counts, calls = [Fraction(each) for each in row.counts], Fraction(row.calls)
    given, answered = counts[0], counts[1]
    return (
        (given / calls, *_of(given, counts, _IN)),
        (answered / calls, *_of(answered, counts, _OUT)),
        _of(given, counts, _CACHED),
        tuple(map(Fraction, row.units)),
    )


def _of(whole: Fraction, counts: Sequence[Fraction], places: Sequence[int]) -> Rate:
    return tuple(counts[place] / whole if whole else Fraction(0) for place in places if place < len(counts))


def _call_cost(volume: Fraction, share: Fraction, given: Rate, answered: Rate, cached: Rate, units: Rate) -> Fraction:
    calls = volume * share
    if not calls:
        return calls
    inside = units[0] + _times(given[1:], units, _IN) + _times(cached, units, _CACHED)
    return calls * (given[0] * inside + answered[0] * (units[1] + _times(answered[1:], units, _OUT)) + units[-1])


def _times(shares: Rate, units: Rate, places: Sequence[int]) -> Fraction:
    return sum((share * units[place] for share, place in zip(shares, places, strict=False)), Fraction(0))


def _either(one: Fraction | None, other: Fraction | None) -> tuple[Fraction, Fraction]:
    if one is None or other is None:
        found = one if other is None else other
        return (found or Fraction(0), found or Fraction(0))
    return one, other


def _shared(factors: Mapping[Part, tuple[object, object]], cost: Callable[..., Fraction]) -> dict[Part, Fraction]:
    """What each factor adds, averaged over all orders. Factors that did not change are left out: they add nothing."""
    moved = [part for part, (before, after) in factors.items() if before != after]
    many = len(moved)
    costs: dict[frozenset[Part], Fraction] = {}
    for choice in product((False, True), repeat=many):
        changed = frozenset(part for part, chosen in zip(moved, choice, strict=True) if chosen)
        costs[changed] = cost(*(values[part in changed] for part, values in factors.items()))
    weights = [Fraction(factorial(size) * factorial(many - size - 1), factorial(many)) for size in range(many)]
    found = dict.fromkeys(moved, Fraction(0))
    for part in moved:
        for others in (changed for changed in costs if part not in changed):
            found[part] += weights[len(others)] * (costs[others | {part}] - costs[others])
    return found


def _fit(groups: Mapping[str, dict[Part, Decimal]], difference: Decimal) -> None:
    """Add to the largest part what rounding took from all."""
    places = [(group, part) for group, parts in groups.items() for part in parts]
    left = _sum((difference, *(-groups[group][part] for group, part in places)))
    if left and places:
        group, part = max(places, key=lambda place: abs(groups[place[0]][place[1]]))
        groups[group][part] = _sum((groups[group][part], left))


def _decimal(exact: Fraction) -> Decimal:
    with localcontext(prec=_EXACT):
        return round(Decimal(exact.numerator) / Decimal(exact.denominator), PLACES)


def _sum(values: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=_EXACT):
        return sum(values, Decimal(0))
