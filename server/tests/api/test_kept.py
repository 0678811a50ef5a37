"""Answers kept until the next round: one at a time, none that failed, no more than there is room for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from observatory.api.kept import LONGEST, Kept

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Maker:
    """Makes answers, counts them, and fails when told to."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False

    async def __call__(self) -> int:
        self.made += 1
        await asyncio.sleep(0.01)
        if self.fails:
            raise ValueError("refused")
        return self.made


async def test_those_who_ask_at_once_share_one_answer() -> None:
    kept, make, round_ = Kept(), Maker(), object()
    answers = await asyncio.gather(*(kept.of("page", round_, NOW, make) for _ in range(20)))
    assert (set(answers), make.made) == ({1}, 1)
    assert await kept.of("other page", round_, NOW, make) == 2


async def test_the_next_round_has_its_own_answer() -> None:
    kept, make = Kept(), Maker()
    assert [await kept.of("page", each, NOW, make) for each in (object(), object())] == [1, 2]


@pytest.mark.parametrize("later", [LONGEST + timedelta(seconds=1), -timedelta(seconds=1)])
async def test_an_answer_gets_no_older_than_that(later: timedelta) -> None:
    kept, make, round_ = Kept(), Maker(), object()
    assert [await kept.of("page", round_, at, make) for at in (NOW, NOW + LONGEST, NOW + later)][:2] == [1, 1]
    assert make.made == 2


async def test_what_failed_is_made_again_and_all_who_waited_are_told() -> None:
    kept, make, round_ = Kept(), Maker(), object()
    make.fails = True
    asked = (kept.of("page", round_, NOW, make) for _ in range(3))
    assert [str(each) for each in await asyncio.gather(*asked, return_exceptions=True)] == ["refused"] * 3
    make.fails = False
    assert await kept.of("page", round_, NOW, make) == 2


async def test_one_who_goes_away_does_not_take_the_answer_with_him() -> None:
    kept, make, round_ = Kept(), Maker(), object()
    gone = asyncio.ensure_future(kept.of("page", round_, NOW, make))
    await asyncio.sleep(0)
    stays = asyncio.ensure_future(kept.of("page", round_, NOW, make))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays, make.made) == (1, 1)


async def test_the_answer_asked_for_longest_ago_goes_first() -> None:
    kept, make, round_ = Kept(most=2), Maker(), object()
    for page in ("a", "b", "a", "c"):
        await kept.of(page, round_, NOW, make)
    assert make.made == 3
    await kept.of("a", round_, NOW, make)
    assert make.made == 3
    await kept.of("b", round_, NOW, make)
    assert make.made == 4
