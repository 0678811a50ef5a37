"""Lists in pages: `{"items": [...], "next": cursor}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

Cursor = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items of one page.")]


class Numbered(BaseModel):
    """An item that a page can end with: its id is the cursor."""

    id: int


Item = TypeVar("Item", bound=Numbered)


class Listing(BaseModel, Generic[Item]):
    """One page of a list, newest first. `next` is null on the last page."""

    items: list[Item]
    next: str | None


def cut(items: Sequence[Item], limit: int) -> Listing[Item]:
    """A page of `limit` items from one more than that: the one more tells that there is a next page."""
    page = list(items[:limit])
    return Listing(items=page, next=str(page[-1].id) if len(items) > limit else None)
