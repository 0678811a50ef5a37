"""What is about to be inserted, on disk before the insert begins and until it ends.

An intent is one file: a head in a field number that OTLP does not use, then the bodies end to end. The store skips
unknown fields, so the same file is what it inserts: the bytes are written once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from observatory.otlp.signals import Signal
from observatory.store import Batch

DIGEST_BYTES = 16
_HEAD_TAG = b"\xfa\xff\xff\xff\x0f"  # the largest field number (536,870,911), length-delimited
_ENTRY = struct.Struct(f"<{DIGEST_BYTES}sQ")
_NAME = re.compile(r"^(?P<id>[0-9a-f]{32})\.(?P<signal>traces|logs|metrics)\.(?P<arrival>\d{1,20})\.intent$")


@dataclass(frozen=True, slots=True)
class Body:
    """One request: its bytes, and the digest by which it is known again."""

    digest: bytes
    data: bytes


class Intents:
    """The folder of open intents.

    Args:
        folder: where they are kept; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder / "quarantine"
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, signal: Signal, batch_id: str, arrival_ns: int, bodies: Sequence[Body]) -> Batch:
        """Write the bodies down, on disk when this returns.

        Raises:
            OSError: if the disk refuses; nothing of the batch is left.
        """
        path = self._folder / f"{batch_id}.{signal}.{arrival_ns}.intent"
        try:
            with path.open("wb", buffering=0) as file:
                _write_all(file.fileno(), [_head(bodies), *(body.data for body in bodies)])
                os.fsync(file.fileno())
            sync_folder(self._folder)
        except OSError:
            # The senders are told to come again, in another batch: this one must not be inserted beside it later.
            path.unlink(missing_ok=True)
            raise
        return Batch(signal, batch_id, arrival_ns, path)

    def close(self, batch: Batch) -> None:
        """Forget a batch that is stored, or that holds nothing to store."""
        batch.path.unlink(missing_ok=True)

    def quarantine(self, batch: Batch) -> Batch:
        """Put a batch aside that the store refuses again and again. Returns it where it now is."""
        self._aside.mkdir(exist_ok=True)
        return replace(batch, path=batch.path.rename(self._aside / batch.path.name))

    def read(self, batch: Batch) -> list[Body]:
        """The bodies of a batch; none if its file is gone or not whole."""
        return _read(batch.path, batch.signal) or []

    def left(self) -> Iterator[tuple[Batch, list[Body]]]:
        """The intents that an earlier process left open, oldest first. One that was cut off is removed."""
        return self._whole(self._folder)

    def aside(self) -> Iterator[tuple[Batch, list[Body]]]:
        """The batches that were put aside, oldest first."""
        return self._whole(self._aside)

    def _whole(self, folder: Path) -> Iterator[tuple[Batch, list[Body]]]:
        for path in sorted(folder.glob("*.intent"), key=lambda each: each.stat().st_mtime_ns):
            name = _NAME.match(path.name)
            bodies = _read(path, Signal(name["signal"])) if name else None
            if name is None or bodies is None:
                # Cut off before its fsync: the insert had not begun, and nobody was told that it was stored.
                path.unlink()
                continue
            yield Batch(Signal(name["signal"]), name["id"], int(name["arrival"]), path), bodies


def digest_of(signal: Signal, data: bytes) -> bytes:
    """By what an identical body is known again. Two signals can have the same bytes, so each has a key of its own."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, person=signal.encode()).digest()


def sync_folder(folder: Path) -> None:
    """Put on disk which files a folder has."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _head(bodies: Sequence[Body]) -> bytes:
    payload = b"".join(_ENTRY.pack(body.digest, len(body.data)) for body in bodies)
    return _HEAD_TAG + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _write_all(handle: int, parts: Sequence[bytes]) -> None:
    # A vector has at most IOV_MAX parts and may be written in part.
    for start in range(0, len(parts), 1_000):
        chunk = parts[start : start + 1_000]
        written, total = os.writev(handle, chunk), sum(map(len, chunk))
        if written < total:
            rest = memoryview(b"".join(chunk))[written:]
            while rest:
                rest = rest[os.write(handle, rest) :]


def _read(path: Path, signal: Signal) -> list[Body] | None:
    """The bodies of an intent, or None if the file is not whole."""
    with contextlib.suppress(ValueError, struct.error, IndexError):
        data = path.read_bytes()
        if not data.startswith(_HEAD_TAG):
            return None
        size, at = _read_varint(data, len(_HEAD_TAG))
        entries = list(_ENTRY.iter_unpack(data[at : at + size]))
        at += size
        if at + sum(length for _, length in entries) != len(data):
            return None
        bodies = []
        for digest, length in entries:
            bodies.append(Body(digest, data[at : at + length]))
            at += length
        # A power cut may leave a file of full length with holes.
        return bodies if all(body.digest == digest_of(signal, body.data) for body in bodies) else None
    return None


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
