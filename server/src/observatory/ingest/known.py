"""Bodies committed of late, so that an identical retry is acknowledged and not stored again, also after a restart."""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterable
from pathlib import Path

from observatory.clock import NS_PER_S
from observatory.ingest.intents import DIGEST_BYTES, sync_folder

_RECORD = struct.Struct(f"<{DIGEST_BYTES}sQI")
_MOST_REJECTED = 2**32 - 1


class KnownBodies:
    """Digests of committed bodies, in memory and in append-only files.

    Args:
        folder: where the files are; made if missing.
        window_s: how long a body is known, in seconds.
        now_ns: the time now, by which old records are left behind.
        most: bodies known at once; the oldest are forgotten first.
    """

    def __init__(self, folder: Path, window_s: int, now_ns: int, most: int = 500_000) -> None:
        self._folder = folder
        self._window_ns = window_s * NS_PER_S
        self._most = most
        self._known: dict[bytes, tuple[int, int]] = {}
        self._segment_since_ns = 0
        self._handle: int | None = None
        # The committers of all signals add to it, each on a thread of its own.
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._load(now_ns)

    def __len__(self) -> int:
        return len(self._known)

    def rejected(self, digest: bytes, now_ns: int) -> int | None:
        """How much of the body was rejected when it was committed; None if it is not known."""
        found = self._known.get(digest)
        if found is None or found[0] + self._window_ns <= now_ns:
            return None
        return found[1]

    def add(self, bodies: Iterable[tuple[bytes, int]], now_ns: int) -> None:
        """Remember (digest, rejected) of bodies just committed; on disk when this returns.

        Raises:
            OSError: if the disk refuses; they are known all the same, until the process ends.
        """
        records = [(digest, now_ns, min(rejected, _MOST_REJECTED)) for digest, rejected in bodies]
        with self._lock:
            for digest, at_ns, rejected in records:
                self._known.pop(digest, None)
                self._known[digest] = (at_ns, rejected)
            self._forget(now_ns)
            self._append(b"".join(_RECORD.pack(*record) for record in records), now_ns)

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _append(self, data: bytes, now_ns: int) -> None:
        handle = self._segment(now_ns)
        if os.write(handle, data) < len(data):
            # Nothing may follow half a record: the next ones go into a file of their own.
            self.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)

    def _forget(self, now_ns: int) -> None:
        while self._known:
            digest, (at_ns, _) = next(iter(self._known.items()))
            if len(self._known) <= self._most and at_ns + self._window_ns > now_ns:
                return
            del self._known[digest]

    def _segment(self, now_ns: int) -> int:
        """The file to append to. A new one is begun each window; files that hold only old records are removed."""
        if self._handle is not None and now_ns < self._segment_since_ns + self._window_ns:
            return self._handle
        self.close()
        for path, since_ns in self._files():
            # A segment is written for one window, so its last record is known for two.
            if since_ns + 2 * self._window_ns < now_ns:
                path.unlink()
        self._segment_since_ns = now_ns
        self._handle = os.open(self._folder / f"{now_ns}.known", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        sync_folder(self._folder)
        return self._handle

    def _load(self, now_ns: int) -> None:
        for path, _ in self._files():
            data = path.read_bytes()
            # A kill may leave half a record at the end.
            for digest, at_ns, rejected in _RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size]):
                if at_ns + self._window_ns > now_ns:
                    self._known[digest] = (at_ns, rejected)

    def _files(self) -> list[tuple[Path, int]]:
        return sorted(((path, int(path.stem)) for path in self._folder.glob("*.known")), key=lambda pair: pair[1])
