"""The channels in force; their file is read again when it changes, and one that cannot be taken leaves the old ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from observatory.clock import Clock
from observatory.errors import SettingsError
from observatory.notify.channels.channel import Channel, Tools
from observatory.notify.channels.file import MOST_BYTES, ChannelError, read
from observatory.notify.stages import Route

_log = logging.getLogger(__name__)


class Channels:
    """Keeps them.

    Args:
        file: the file; None: there are none.
        tools: what senders are made with.
        clock: what time it is.

    Raises:
        SettingsError: the file cannot be taken.
    """

    def __init__(self, file: Path | None, tools: Tools, clock: Clock) -> None:
        self._file = file
        self._tools = tools
        self._clock = clock
        self._seen: object = None
        self._of: Mapping[str, Channel] = {}
        self.problem = ""
        """What is wrong with the newest state of the file, which is then not in force."""
        self.look()
        if self.problem:
            raise SettingsError(f"OBSERVATORY_CHANNELS_FILE = {file}: {self.problem}")

    @property
    def all(self) -> tuple[Channel, ...]:
        """In the order of the file."""
        return tuple(self._of.values())

    @property
    def ids(self) -> frozenset[str]:
        """Their names."""
        return frozenset(self._of)

    def routes(self) -> tuple[Route, ...]:
        """Who takes what."""
        return tuple(Route(each.id, each.takes, each.kinds) for each in self.all)

    def find(self, channel: str) -> Channel | None:
        """One of them; None when there is none of that name."""
        return self._of.get(channel)

    def look(self) -> None:
        """Read the file if it is not as it was. Cheap when it is."""
        if self._file is None:
            return
        try:
            told = self._file.stat()
            seen = (told.st_mtime_ns, told.st_size, told.st_ino)
            if seen == self._seen:
                return
            self._seen = seen
            if told.st_size > MOST_BYTES:
                raise ChannelError(f"larger than {MOST_BYTES} bytes")
            found = read(self._file.read_bytes(), self._tools, self._clock)
        except OSError as error:
            self._refuse(error.strerror or "cannot be read")
        except ChannelError as error:
            self._refuse(str(error))
        else:
            self._of, self.problem = {each.id: each for each in found}, ""

    def _refuse(self, reason: str) -> None:
        if reason != self.problem:
            _log.error("the file of channels was refused, the old ones stay: %s", reason)
        self.problem = reason
