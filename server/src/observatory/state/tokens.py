"""Tokens: who may send or read telemetry. Only the SHA-256 of a token is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import LargeBinary, String, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One token, without its secret.

    Attributes:
        id: never reused.
        name: what people call it.
        digest: SHA-256 of the token, 32 bytes.
        scopes: what it may do.
        expires_at: None when it does not expire.
        revoked_at: None while it is in force.
        last_used_at: as of the last refresh; None when never used.
    """

    id: int
    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class TokenRow(Table):
    """Table `tokens`."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[str] = mapped_column(String(1024))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(160))
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)

    def record(self) -> TokenRecord:
        """The row as an immutable value."""
        return TokenRecord(
            self.id,
            self.name,
            self.digest,
            frozenset(self.scopes.split()),
            self.created_at,
            self.created_by,
            self.expires_at,
            self.revoked_at,
            self.last_used_at,
        )


class TokenRows:
    """Reads and writes of `tokens` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(
        self,
        name: str,
        digest: bytes,
        scopes: frozenset[str],
        created_by: str,
        now: datetime,
        expires_at: datetime | None,
    ) -> TokenRecord:
        """Keep a new token; returns it with its id."""
        row = TokenRow(
            name=name,
            digest=digest,
            scopes=" ".join(sorted(scopes)),
            created_by=created_by,
            created_at=now,
            expires_at=expires_at,
        )
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def revoke(self, token_id: int, now: datetime) -> TokenRecord | None:
        """End a token that is not yet revoked; None when there is no such token."""
        statement = (
            update(TokenRow)
            .where(TokenRow.id == token_id, TokenRow.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(TokenRow)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def in_force(self, now: datetime) -> list[TokenRecord]:
        """All tokens that are neither revoked nor expired."""
        alive = or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > now)
        rows = await self._session.scalars(select(TokenRow).where(TokenRow.revoked_at.is_(None), alive))
        return [row.record() for row in rows]

    async def page(self, before: int | None, limit: int) -> Sequence[TokenRecord]:
        """Tokens, newest first, revoked and expired ones too; `before` is the last id of the page before."""
        statement = select(TokenRow).order_by(TokenRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(TokenRow.id < before)
        return [row.record() for row in await self._session.scalars(statement)]

    async def touch(self, used: Mapping[int, datetime]) -> None:
        """Keep when each token (by id) was last used."""
        for token_id, at in used.items():
            await self._session.execute(update(TokenRow).where(TokenRow.id == token_id).values(last_used_at=at))
