"""A ping outwards while rounds go on. Whoever waits for it raises the alarm when it stays away: nobody else can."""

from __future__ import annotations

import logging
from collections.abc import Callable

from observatory.clock import Clock
from observatory.errors import SettingsError
from observatory.notify.http import AddressRefused, Poster
from observatory.settings import Settings

_log = logging.getLogger(__name__)


class Deadman:
    """Pings.

    Args:
        url: what is asked; it mostly is a secret, and is never logged.
        every_s: how often.
        poster: asks.
        clock: waits.
        alive: whether rounds go on; nothing is asked while they do not.
    """

    def __init__(self, url: str, every_s: float, poster: Poster, clock: Clock, alive: Callable[[], bool]) -> None:
        self._url = url
        self._every_s = every_s
        self._poster = poster
        self._clock = clock
        self._alive = alive

    @classmethod
    def of(cls, settings: Settings, poster: Poster, clock: Clock, alive: Callable[[], bool]) -> Deadman | None:
        """As the settings say; None without an address.

        Raises:
            SettingsError: the file with the address cannot be read.
        """
        url = settings.deadman_url.get_secret_value()
        if settings.deadman_url_file is not None:
            try:
                url = settings.deadman_url_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"OBSERVATORY_DEADMAN_URL_FILE cannot be read: {type(error).__name__}") from None
        if not url:
            return None
        if not url.startswith(("http://", "https://")):
            raise SettingsError("OBSERVATORY_DEADMAN_URL must begin with http:// or https://")
        return cls(url, settings.deadman_s, poster, clock, alive)

    async def run(self) -> None:
        """Ping until cancelled."""
        while True:
            if self._alive():
                await self.ping()
            await self._clock.sleep(self._every_s)

    async def ping(self) -> bool:
        """Ask once; whether it was answered."""
        try:
            answer = await self._poster.post(self._url, b"", {"User-Agent": "Observatory"}, method="GET")
        except (AddressRefused, TimeoutError, OSError) as error:
            _log.warning("the dead man's switch could not be reached: %s", type(error).__name__)
            return False
        if not 200 <= answer.status < 300:
            _log.warning("the dead man's switch answered %d", answer.status)
        return 200 <= answer.status < 300
