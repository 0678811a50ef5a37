"""Tokens: issued once, kept as a digest, checked from memory on every request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from observatory.auth import codes, scopes
from observatory.auth.principal import Principal
from observatory.auth.ring import Key, Ring
from observatory.auth.sessions import Sessions
from observatory.clock import Clock
from observatory.errors import InvalidRequest, NotFound, StateError, Unauthenticated
from observatory.state import AuditEntry, AuditWanted, State, TokenRecord

SERVER = "server"

_log = logging.getLogger(__name__)
_MOST_TOKENS = 10_000
_NAME_CHARACTERS = 128
_LONGEST_S = 10 * 366 * 86_400


class Tokens:
    """All tokens in force, and through `sessions` all login links and sessions.

    `check` is synchronous, takes about a microsecond and may be called from any thread; everything else belongs to
    the event loop. Call `load` before the first check, and run `refresh` beside the server.

    Args:
        state: the control store.
        clock: tells what has expired.
        session_s: how long a session lasts, in seconds.
    """

    def __init__(self, state: State, clock: Clock, session_s: int = 43_200) -> None:
        self._state = state
        self._clock = clock
        # Held round each write together with its change in memory: a reload between the two would undo the change.
        self._lock = asyncio.Lock()
        self._ring = Ring()
        self._used: dict[int, datetime] = {}
        self.sessions = Sessions(state, clock, self._lock, session_s)

    async def load(self) -> None:
        """Read everything in force from the control store, and keep there when each token was last used.

        Raises:
            StateError: the control store failed; what was in force stays in force.
        """
        now = self._clock.now()
        async with self._lock:
            # A copy, because another thread may still be writing into the old one.
            used, self._used = dict(self._used), {}
            async with self._state.writing() as rows:
                await rows.tokens.touch(used)
                await self.sessions.purge(rows, now)
            async with self._state.reading() as rows:
                tokens = await rows.tokens.in_force(now)
                sessions = await rows.sessions.in_force(now)
            self._ring.replace(map(_key, tokens))
            self.sessions.replace(sessions)

    async def refresh(self, every_s: float = 15.0) -> None:
        """Load again every `every_s` seconds until cancelled; this bounds how long another server's revocation waits.

        While the control store fails, what was in force stays in force, and the log says so.
        """
        while True:
            await self._clock.sleep(every_s)
            try:
                # A reload that has begun is finished even when this loop is cancelled: a driver that is cancelled
                # twice in the middle of a statement never closes its connection.
                await asyncio.shield(self.load())
            except StateError as error:
                _log.warning("tokens and sessions could not be refreshed: %s", error)

    def check(self, presented: str | None, scope: str) -> Principal:
        """Who presents this token, when it may do `scope`.

        Args:
            presented: the token alone, without `Bearer`; None when there was none.
            scope: `ingest`, `read`, `operate`, `admin` or `user:<id>`.

        Raises:
            Unauthenticated: no token, or none in force.
            Forbidden: a token in force without the scope.
        """
        return self.identify(presented).require(scope)

    def identify(self, presented: str | None) -> Principal:
        """Who presents this token, whatever it may do.

        Raises:
            Unauthenticated: no token, or none in force.
        """
        return self._find(presented).principal

    async def issue(
        self,
        name: str,
        scopes_: Iterable[str],
        expires_in_s: int | None = None,
        actor: str = SERVER,
        reason: str = "",
    ) -> tuple[str, TokenRecord]:
        """Make a token; it is in force when this returns, and its text is never to be seen again.

        Args:
            name: 1 to 128 characters for people.
            scopes_: what it may do.
            expires_in_s: None when it does not expire; otherwise at most ten years.
            actor: who makes it, for the audit log.
            reason: why, for the audit log.

        Raises:
            InvalidRequest: a bad name, scope or expiry, or 10,000 tokens are in force.
            StateError: the control store failed.
        """
        granted, now = scopes.parse(scopes_), self._clock.now()
        expires_at = _expiry(expires_in_s, now)
        text = codes.mint(codes.TOKEN_PREFIX)
        async with self._lock:
            if len(self._ring) >= _MOST_TOKENS:
                raise InvalidRequest(f"there are {_MOST_TOKENS} tokens in force: revoke some first")
            async with self._state.writing() as rows:
                record = await rows.tokens.insert(_name(name), codes.digest(text), granted, actor, now, expires_at)
                await rows.audit.insert(actor, "token.issued", f"token:{record.id}", reason, now)
            self._ring.add(_key(record))
        return text, record

    async def revoke(self, token_id: int, actor: str = SERVER, reason: str = "") -> TokenRecord:
        """End a token and every session opened with it; out of force when this returns.

        Raises:
            NotFound: no such token, or it was revoked before.
            StateError: the control store failed; the token is still in force.
        """
        now = self._clock.now()
        async with self._lock:
            async with self._state.writing() as rows:
                record = await rows.tokens.revoke(token_id, now)
                if record is None:
                    raise NotFound(f"there is no token {token_id} in force")
                await rows.sessions.delete_of_token(token_id)
                await rows.audit.insert(actor, "token.revoked", f"token:{token_id}", reason, now)
            self._ring.drop(_key(record))
            self.sessions.drop_of_token(token_id)
        return record

    async def page(self, before: int | None, limit: int) -> Sequence[TokenRecord]:
        """Tokens, newest first, those no longer in force too; `before` is the last id of the page before.

        Raises:
            StateError: the control store failed.
        """
        async with self._state.reading() as rows:
            return await rows.tokens.page(before, limit)

    async def audit(self, before: int | None, limit: int, wanted: AuditWanted | None = None) -> Sequence[AuditEntry]:
        """Lines of the audit log that are wanted, newest first; `before` is the last id of the page before.

        Raises:
            StateError: the control store failed.
        """
        async with self._state.reading() as rows:
            return await rows.audit.page(before, limit, wanted)

    async def issue_login_link(self, scopes_: Iterable[str], ttl_s: int = 600, actor: str = SERVER) -> str:
        """Make a code for `/login/<code>` that opens one session, once, within `ttl_s` seconds.

        Raises:
            InvalidRequest: a bad scope or a time outside 1 s to 1 day.
            StateError: the control store failed.
        """
        return await self.sessions.issue_link(scopes_, ttl_s, actor)

    async def log_in(self, presented: str, actor: str) -> str:
        """Open a session with a token; returns the cookie's value.

        Raises:
            Unauthenticated: no token in force.
            StateError: the control store failed.
        """
        try:
            # Under the lock, so that the token cannot be revoked between the check and the session.
            async with self._lock:
                return await self.sessions.open_with_token(self._find(presented), actor)
        except Unauthenticated:
            await self.sessions.refuse(actor, "the token is unknown, revoked or expired")
            raise

    def _find(self, presented: str | None) -> Key:
        if not presented:
            raise Unauthenticated("a token is needed")
        now = self._clock.now()
        key = self._ring.find(codes.digest(presented), now)
        if key is None:
            raise Unauthenticated("the token is unknown, revoked or expired")
        self._used[key.id] = now
        return key


def _key(record: TokenRecord) -> Key:
    principal = Principal(f"token:{record.id}", record.name, record.scopes)
    return Key(record.id, record.id, record.digest, record.expires_at, principal)


def _name(name: str) -> str:
    plain = " ".join(name.split())
    if not 1 <= len(plain) <= _NAME_CHARACTERS or not plain.isprintable():
        raise InvalidRequest(f"name: between 1 and {_NAME_CHARACTERS} printable characters are allowed")
    return plain


def _expiry(expires_in_s: int | None, now: datetime) -> datetime | None:
    if expires_in_s is None:
        return None
    if not 1 <= expires_in_s <= _LONGEST_S:
        raise InvalidRequest(f"expires_in_s: between 1 and {_LONGEST_S} are allowed, not {expires_in_s}")
    return now + timedelta(seconds=expires_in_s)
