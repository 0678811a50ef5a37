"""The difference of two bills is split so that nothing is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.costs.decomposition import Part, Used, decompose

COUNTS = st.integers(0, 10**6).map(Decimal)
PRICES = st.integers(0, 10**5).map(lambda each: Decimal(each) / 10**9)


@st.composite
def calls(draw: st.DrawFn, group: str | None = None, model: str | None = None) -> Used:
    """Calls of one model, with nine kinds of tokens as the price book has them."""
    whole = draw(COUNTS), draw(COUNTS)
    parts = [min(draw(COUNTS), whole[place]) for place in (0, 0, 1, 0, 1, 0, 1)]
    units = tuple(draw(PRICES) for _ in range(10))
    name = group or draw(st.sampled_from("ab")), model or draw(st.sampled_from("xyz"))
    return Used(*name, Decimal(draw(st.integers(0, 1_000))), (*whole, *parts), units)


@st.composite
def charges(draw: st.DrawFn) -> Used:
    quantity = draw(st.none() | st.integers(0, 1_000).map(Decimal))
    usd = Decimal(draw(st.integers(0, 10**9))) / 10**6
    number = Decimal(draw(st.integers(1, 1_000)))
    return Used(draw(st.sampled_from("cd")), "", number, charged_usd=usd, quantity=quantity)


ROWS = st.lists(calls() | charges(), max_size=6)


@given(ROWS, ROWS)
@settings(deadline=None, max_examples=80)
def test_the_parts_add_up_to_the_difference_exactly(before: Sequence[Used], after: Sequence[Used]) -> None:
    found = decompose(before, after)
    assert sum(found.parts.values()) == found.difference_usd
    for part, usd in found.parts.items():
        assert usd == sum(parts.get(part, Decimal(0)) for parts in found.groups.values())


@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_what_did_not_change_has_no_parts(rows: Sequence[Used]) -> None:
    found = decompose(rows, rows)
    assert found.difference_usd == 0
    assert found.main is None
    assert not any(found.parts.values())


@given(ROWS, ROWS)
@settings(deadline=None, max_examples=30)
def test_the_way_back_is_the_way_there_with_the_other_sign(before: Sequence[Used], after: Sequence[Used]) -> None:
    there, back = decompose(before, after), decompose(after, before)
    assert {part: -usd for part, usd in back.parts.items()} == there.parts


CALLS = Used(
    *("chat", "small"),
    Decimal(100),
    tuple(map(Decimal, (100_000, 20_000, 50_000, 0))),
    tuple(map(Decimal, ("0.000002", "0.000008", "-0.0000015", "0.0000005", "0"))),
)


def changed(part: Part) -> Used:
    counts, units = list(CALLS.counts), CALLS.units or ()
    match part:
        case Part.VOLUME:
            return replace(CALLS, calls=CALLS.calls * 3, counts=tuple(each * 3 for each in counts))
        case Part.INPUT:
            return replace(CALLS, counts=(counts[0] * 3, counts[1], counts[2] * 3, counts[3]))
        case Part.OUTPUT:
            return replace(CALLS, counts=(counts[0], counts[1] * 3, *counts[2:]))
        case Part.CACHE:
            return replace(CALLS, counts=(*counts[:2], Decimal(0), Decimal(50_000)))
        case _:
            return replace(CALLS, units=tuple(each * 3 for each in units))


@pytest.mark.parametrize("part", [Part.VOLUME, Part.INPUT, Part.OUTPUT, Part.CACHE, Part.PRICE])
def test_one_factor_changed_alone_has_all_of_the_difference(part: Part) -> None:
    found = decompose([CALLS], [changed(part)])
    assert found.difference_usd > 0
    assert {each: usd for each, usd in found.parts.items() if usd} == {part: found.difference_usd}


def test_a_dearer_model_that_stands_in_is_mix() -> None:
    dear = replace(CALLS, model="large", units=tuple(each * 5 for each in CALLS.units or ()))
    found = decompose([CALLS], [dear])
    assert {each: usd for each, usd in found.parts.items() if usd} == {Part.MIX: found.difference_usd}
    assert found.difference_usd == found.before_usd * 4


def test_a_group_that_is_new_is_volume() -> None:
    found = decompose([], [CALLS])
    assert found.parts == {Part.VOLUME: found.after_usd}


@pytest.mark.parametrize(("quantity", "usd", "part"), [("10", "8", Part.CHARGE_PRICE), ("80", "8", Part.CHARGE_VOLUME)])
def test_charges_tell_price_and_quantity_apart(quantity: str, usd: str, part: Part) -> None:
    before = Used("ses", "", Decimal(10), charged_usd=Decimal(1), quantity=Decimal(10))
    after = replace(before, quantity=Decimal(quantity), charged_usd=Decimal(usd))
    assert decompose([before], [after]).parts == {part: Decimal(7)}


def test_charges_without_a_quantity_count_as_one_each() -> None:
    before = Used("ses", "", Decimal(10), charged_usd=Decimal(1))
    after = replace(before, calls=Decimal(10), charged_usd=Decimal(3), quantity=Decimal(4))
    assert decompose([before], [after]).parts == {Part.CHARGE_PRICE: Decimal(2)}


def test_two_prices_of_one_model_are_one_mean_price() -> None:
    dear = replace(CALLS, units=tuple(each * 3 for each in CALLS.units or ()))
    found = decompose([CALLS, CALLS], [CALLS, dear])
    assert found.main is Part.PRICE
    assert found.before_usd * 2 == found.after_usd
    assert found.parts[Part.PRICE] == found.difference_usd
