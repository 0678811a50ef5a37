"""Addresses of links that take what somebody was told of."""

from __future__ import annotations

from observatory.clock import Clock
from observatory.oncall import links
from observatory.oncall.links import ACKNOWLEDGE, LASTS, Link
from observatory.state import State


class Signer:
    """Signs and reads links with the key of the control store. Make it with `of`.

    Args:
        key: of this control store.
        clock: what time it is.
        base: address of this server as people reach it, without a slash at its end.
    """

    def __init__(self, key: bytes, clock: Clock, base: str) -> None:
        self._key = key
        self._clock = clock
        self._base = base

    @classmethod
    async def of(cls, state: State, clock: Clock, base: str) -> Signer:
        """With the key that is kept, made when there is none.

        Raises:
            StateError: the control store failed.
        """
        async with state.writing() as rows:
            return cls(await rows.oncall.link_key(clock.now()), clock, base)

    def address(self, subject: str, person: str) -> str:
        """Where `person` takes `subject`, for two days; empty when there is nothing to take."""
        if not subject:
            return ""
        return f"{self._base}/acknowledge/{self.token(subject, person)}"

    def token(self, subject: str, person: str) -> str:
        """The link's token alone."""
        return links.sign(self._key, subject, ACKNOWLEDGE, self._clock.now() + LASTS, person[:64])

    def read(self, token: str) -> Link:
        """What a token says.

        Raises:
            LinkExpired: its time is over.
            LinkRefused: it is not one of ours, or was changed.
        """
        return links.read(self._key, token, self._clock.now())
