"""Sessions: a browser that has logged in. Only the SHA-256 of the cookie's value is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime
from observatory.state.tokens import TokenRow


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One open session, without its secret.

    Attributes:
        token_id: the token it was opened with; None when a login link opened it.
        digest: SHA-256 of the cookie's value, 32 bytes.
    """

    id: int
    token_id: int | None
    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime


class SessionRow(Table):
    """Table `sessions`. A session that ended is deleted; the audit log keeps that it was."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    token_id: Mapped[int | None] = mapped_column(Key, ForeignKey(TokenRow.id, ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[str] = mapped_column(String(1024))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)

    def record(self) -> SessionRecord:
        """The row as an immutable value."""
        scopes = frozenset(self.scopes.split())
        return SessionRecord(self.id, self.token_id, self.digest, scopes, self.created_at, self.expires_at)


class SessionRows:
    """Reads and writes of `sessions` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(
        self, digest: bytes, scopes: frozenset[str], token_id: int | None, now: datetime, expires_at: datetime
    ) -> SessionRecord:
        """Keep a new session; returns it with its id."""
        row = SessionRow(
            digest=digest, scopes=" ".join(sorted(scopes)), token_id=token_id, created_at=now, expires_at=expires_at
        )
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def delete(self, session_id: int) -> bool:
        """End a session; False when it had ended already."""
        statement = delete(SessionRow).where(SessionRow.id == session_id).returning(SessionRow.id)
        return (await self._session.scalars(statement)).one_or_none() is not None

    async def delete_of_token(self, token_id: int) -> list[int]:
        """End every session that was opened with the token; returns their ids."""
        statement = delete(SessionRow).where(SessionRow.token_id == token_id).returning(SessionRow.id)
        return list(await self._session.scalars(statement))

    async def in_force(self, now: datetime) -> list[SessionRecord]:
        """All sessions that have not expired."""
        rows = await self._session.scalars(select(SessionRow).where(SessionRow.expires_at > now))
        return [row.record() for row in rows]

    async def purge(self, before: datetime) -> None:
        """Delete sessions that expired before `before`."""
        await self._session.execute(delete(SessionRow).where(SessionRow.expires_at < before))
