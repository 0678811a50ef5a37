"""Login links and sessions: how a browser comes in and goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from observatory.auth import codes, scopes
from observatory.auth.principal import Principal
from observatory.auth.ring import Key, Ring
from observatory.auth.throttle import Throttle
from observatory.clock import Clock
from observatory.errors import InvalidRequest, Throttled, Unauthenticated
from observatory.state import Rows, SessionRecord, State

_MOST_SESSIONS = 10_000
_LONGEST_LINK_S = 86_400
_KEPT = timedelta(days=1)


class Sessions:
    """All sessions in force. Made by `Tokens`, which shares its lock."""

    def __init__(self, state: State, clock: Clock, lock: asyncio.Lock, session_s: int) -> None:
        self._state = state
        self._clock = clock
        self._lock = lock
        self._ring = Ring()
        # Refusals are audited at a bounded rate: a stranger must not be able to fill the disk.
        self._refusals = Throttle(attempts=60, per_s=60.0, addresses=1)
        self.session_s = session_s

    def check(self, cookie: str | None, scope: str) -> Principal:
        """Whose session this is, when it may do `scope`; any thread may call it.

        Raises:
            Unauthenticated: no session in force.
            Forbidden: a session without the scope.
        """
        return self.identify(cookie).require(scope)

    def identify(self, cookie: str | None) -> Principal:
        """Whose session this is, whatever it may do.

        Raises:
            Unauthenticated: no session in force.
        """
        return self._find(cookie).principal

    async def issue_link(self, scopes_: Iterable[str], ttl_s: int, actor: str) -> str:
        """See `Tokens.issue_login_link`."""
        granted, now = scopes.parse(scopes_), self._clock.now()
        if not 1 <= ttl_s <= _LONGEST_LINK_S:
            raise InvalidRequest(f"ttl_s: between 1 and {_LONGEST_LINK_S} are allowed, not {ttl_s}")
        code = codes.mint()
        async with self._state.writing() as rows:
            link = await rows.login_links.insert(codes.digest(code), granted, now, now + timedelta(seconds=ttl_s))
            await rows.audit.insert(actor, "login_link.issued", f"login_link:{link.id}", "", now)
        return code

    async def open_with_link(self, code: str, actor: str) -> str:
        """Use a login link and open its session, both or neither; returns the cookie's value.

        Args:
            actor: who logs in, as `address:127.0.0.1`.

        Raises:
            Unauthenticated: the link is unknown, was used, or has expired.
            StateError: the control store failed; the link is still good.
        """
        digest, cookie = codes.digest(code), codes.mint(codes.SESSION_PREFIX)
        async with self._lock:
            self._expect_room()
            async with self._state.writing() as rows:
                record = await self._claim(rows, digest, cookie, actor)
                reason = "" if record else await _why_not(rows, digest)
            if record is not None:
                self._ring.add(_key(record))
                return cookie
        await self.refuse(actor, reason)
        raise Unauthenticated("the login link is unknown, was used before, or has expired")

    async def open_with_token(self, key: Key, actor: str) -> str:
        """Open a session that ends no later than the token; the caller holds the lock. Returns the cookie's value."""
        cookie = codes.mint(codes.SESSION_PREFIX)
        self._expect_room()
        async with self._state.writing() as rows:
            granted, until = key.principal.scopes, key.expires_at
            record = await self._insert(rows, cookie, granted, key.id, until, actor, f"token:{key.id}")
        self._ring.add(_key(record))
        return cookie

    async def end(self, cookie: str | None) -> None:
        """Log out; a cookie that is no session in force is no error.

        Raises:
            StateError: the control store failed; the session is still in force.
        """
        try:
            key = self._find(cookie)
        except Unauthenticated:
            return
        async with self._lock:
            async with self._state.writing() as rows:
                if await rows.sessions.delete(key.id):
                    actor = key.principal.actor
                    await rows.audit.insert(actor, "session.ended", actor, "logged out", self._clock.now())
            self._ring.drop(key)

    async def refuse(self, actor: str, reason: str) -> None:
        """Keep a refused login in the audit log, at most 60 a minute."""
        try:
            self._refusals.admit("", self._clock.monotonic())
        except Throttled:
            return
        async with self._state.writing() as rows:
            await rows.audit.insert(actor, "login.refused", "", reason, self._clock.now())

    async def purge(self, rows: Rows, now: datetime) -> None:
        """Delete links and sessions that expired more than a day ago."""
        await rows.login_links.purge(now - _KEPT)
        await rows.sessions.purge(now - _KEPT)

    def replace(self, records: Iterable[SessionRecord]) -> None:
        """Put exactly these sessions in force."""
        self._ring.replace(map(_key, records))

    def drop_of_token(self, token_id: int) -> None:
        """Take every session opened with the token out of force."""
        for key in self._ring:
            if key.token_id == token_id:
                self._ring.drop(key)

    async def _claim(self, rows: Rows, digest: bytes, cookie: str, actor: str) -> SessionRecord | None:
        link = await rows.login_links.claim(digest, self._clock.now())
        if link is None:
            return None
        return await self._insert(rows, cookie, link.scopes, None, None, actor, f"login_link:{link.id}")

    async def _insert(
        self,
        rows: Rows,
        cookie: str,
        granted: frozenset[str],
        token_id: int | None,
        until: datetime | None,
        actor: str,
        subject: str,
    ) -> SessionRecord:
        now = self._clock.now()
        ends_at = now + timedelta(seconds=self.session_s)
        expires_at = ends_at if until is None else min(until, ends_at)
        record = await rows.sessions.insert(codes.digest(cookie), granted, token_id, now, expires_at)
        await rows.audit.insert(actor, "session.opened", f"session:{record.id}", f"with {subject}", now)
        return record

    def _expect_room(self) -> None:
        if len(self._ring) >= _MOST_SESSIONS:
            raise Throttled(f"there are {_MOST_SESSIONS} sessions", 60)

    def _find(self, cookie: str | None) -> Key:
        key = self._ring.find(codes.digest(cookie), self._clock.now()) if cookie else None
        if key is None:
            raise Unauthenticated("the session is unknown, was ended, or has expired")
        return key


async def _why_not(rows: Rows, digest: bytes) -> str:
    # For the audit log only: to whoever presents the code, all three sound the same.
    link = await rows.login_links.find(digest)
    if link is None:
        return "the link is unknown"
    return "the link was used" if link.used_at else "the link has expired"


def _key(record: SessionRecord) -> Key:
    actor = f"session:{record.id}"
    return Key(record.id, record.token_id, record.digest, record.expires_at, Principal(actor, actor, record.scopes))
