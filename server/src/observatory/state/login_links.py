"""Login links: a code that opens one session, once, within minutes. Only the SHA-256 of a code is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import LargeBinary, String, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """One login link, without its code. `used_at` is None until it has opened its session."""

    id: int
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class LinkRow(Table):
    """Table `login_links`."""

    __tablename__ = "login_links"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[str] = mapped_column(String(1024))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)

    def record(self) -> LinkRecord:
        """The row as an immutable value."""
        return LinkRecord(self.id, frozenset(self.scopes.split()), self.created_at, self.expires_at, self.used_at)


class LinkRows:
    """Reads and writes of `login_links` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, digest: bytes, scopes: frozenset[str], now: datetime, expires_at: datetime) -> LinkRecord:
        """Keep a new link; returns it with its id."""
        row = LinkRow(digest=digest, scopes=" ".join(sorted(scopes)), created_at=now, expires_at=expires_at)
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def claim(self, digest: bytes, now: datetime) -> LinkRecord | None:
        """Mark the link used if it is unused and not expired; None otherwise.

        One conditional UPDATE decides, so of two requests at once only one gets the link.
        """
        statement = (
            update(LinkRow)
            .where(LinkRow.digest == digest, LinkRow.used_at.is_(None), LinkRow.expires_at > now)
            .values(used_at=now)
            .returning(LinkRow)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def find(self, digest: bytes) -> LinkRecord | None:
        """The link with this digest, used or not."""
        row = (await self._session.scalars(select(LinkRow).where(LinkRow.digest == digest))).one_or_none()
        return None if row is None else row.record()

    async def purge(self, before: datetime) -> None:
        """Delete links that expired before `before`."""
        await self._session.execute(delete(LinkRow).where(LinkRow.expires_at < before))
