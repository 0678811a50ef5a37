"""Bodies that come compressed, unpacked piece by piece and within bounds."""

from __future__ import annotations

import importlib
import re
import zlib
from typing import Any

# A piece of a compressed body may swell to a thousand times its size.
MAX_PIECE = 4 * 1024 * 1024
_SNIFFED = 4
_TEXT = re.compile(rb"\s*(?:[{\[][\s\"{\[\]}]|data|even|id|retr|:|\xef\xbb\xbf)")


class Unpacked:
    """Takes pieces as they came, gives what is in them. What is not compressed, or in no way known, stays as it is.

    `encoding`: what `content-encoding` says. Many clients unpack a body and leave that header standing, so the first
    bytes decide.
    """

    def __init__(self, encoding: str | None) -> None:
        self._encoding = (encoding or "").strip().lower()
        self._head = b""
        self._plain = self._encoding in ("", "identity")
        self._unpacker: Any = None
        self._broken = False

    def feed(self, chunk: bytes) -> bytes:
        """What this piece holds; nothing from the first error on, and where it swells beyond reason."""
        if self._plain:
            return chunk
        if self._unpacker is None and not self._broken:
            self._head += chunk
            if len(self._head) < _SNIFFED:
                return b""
            return self._began()
        return self._unpack(chunk)

    def end(self) -> bytes:
        """What is left of a body too short to tell."""
        head, self._head = self._head, b""
        return b"" if self._plain or self._unpacker is not None or self._broken else head

    def _began(self) -> bytes:
        head, self._head = self._head, b""
        if _TEXT.match(head):
            self._plain = True
            return head
        self._unpacker = _unpacker(self._encoding)
        self._broken = self._unpacker is None
        return self._unpack(head)

    def _unpack(self, chunk: bytes) -> bytes:
        if self._broken:
            return b""
        try:
            found = bytes(_step(self._unpacker, chunk))
        except Exception:
            # Each library has an error of its own, and brotli's has no public base.
            self._broken = True
            return b""
        self._broken = len(found) >= MAX_PIECE
        return found


def _step(unpacker: Any, chunk: bytes) -> bytes:
    if hasattr(unpacker, "unconsumed_tail"):
        return bytes(unpacker.decompress(chunk, MAX_PIECE))
    step = getattr(unpacker, "decompress", None) or unpacker.process
    return bytes(step(chunk))


def _unpacker(encoding: str) -> Any:
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    if encoding == "br":
        return _first(("brotli", "Decompressor"), ("brotlicffi", "Decompressor"))
    if encoding == "zstd":
        return _first(("compression.zstd", "ZstdDecompressor"), ("backports.zstd", "ZstdDecompressor"))
    return None


def _first(*candidates: tuple[str, str]) -> Any:
    for module, name in candidates:
        try:
            return getattr(importlib.import_module(module), name)()
        except (ImportError, AttributeError):
            continue
    return None
