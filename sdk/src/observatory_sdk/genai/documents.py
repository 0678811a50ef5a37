"""JSON documents cut out of a body as it comes in: one, an array of them, or server-sent events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

# Longer documents are dropped: what they say stays unknown, and the memory bounded.
MAX_DOCUMENT = 1024 * 1024
_MARKS = re.compile(rb'["\\{}]')
_QUOTE, _BACKSLASH, _OPEN = b'"\\{'
_SPACE = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Documents:
    """Fed with a body in any pieces, gives the JSON documents in it. What is no JSON is passed over.

    Which of the three it is shows in the first byte.
    """

    def __init__(self) -> None:
        self._head = b""
        self._form: _Whole | _Array | _Events | None = None

    @property
    def streams(self) -> bool | None:
        """Whether the body is a stream of documents; None before anything was seen."""
        return None if self._form is None else not isinstance(self._form, _Whole)

    def feed(self, chunk: bytes) -> Iterator[object]:
        """The documents that end in this piece."""
        if self._form is None:
            chunk = self._head + chunk
            text = chunk.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACE)
            if not text or _BYTE_ORDER_MARK.startswith(text):
                self._head = text
                return
            self._form, chunk = _form(text), text
        yield from self._form.feed(chunk)

    def end(self) -> Iterator[object]:
        """The documents that end with the body."""
        if self._form is not None:
            yield from self._form.end()


def _form(text: bytes) -> _Whole | _Array | _Events:
    if text.startswith(b"{"):
        return _Whole()
    return _Array() if text.startswith(b"[") else _Events()


class _Piece:
    """Bytes kept until they are whole, up to a bound."""

    __slots__ = ("_kept", "_lost")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._lost = False

    def add(self, part: bytes) -> None:
        self._lost = self._lost or len(self._kept) + len(part) > MAX_DOCUMENT
        if self._lost:
            self._kept.clear()
        else:
            self._kept += part

    def take(self) -> bytes | None:
        """All of it; None when it was too long."""
        taken = None if self._lost else bytes(self._kept)
        self._kept.clear()
        self._lost = False
        return taken


class _Whole:
    def __init__(self) -> None:
        self._piece = _Piece()

    def feed(self, chunk: bytes) -> Iterator[object]:
        self._piece.add(chunk)
        return iter(())

    def end(self) -> Iterator[object]:
        text = self._piece.take()
        found = list(parsed(text))
        # Lines of JSON, as Ollama streams.
        yield from found or (document for line in (text or b"").splitlines() for document in parsed(line))


class _Array:
    """Cuts a JSON array into its objects: braces are counted, outside of texts."""

    def __init__(self) -> None:
        self._piece = _Piece()
        self._depth = 0
        self._quoted = False
        self._skip = 0

    def feed(self, chunk: bytes) -> Iterator[object]:
        begin, at = 0, self._skip
        self._skip = 0
        while (found := _MARKS.search(chunk, at)) is not None:
            mark, at = chunk[found.start()], found.end()
            if self._quoted or mark == _QUOTE:
                if mark == _BACKSLASH:
                    at += 1
                elif mark == _QUOTE:
                    self._quoted = not self._quoted
            elif mark == _OPEN:
                begin = found.start() if self._depth == 0 else begin
                self._depth += 1
            elif mark != _BACKSLASH and self._depth:
                self._depth -= 1
                if self._depth == 0:
                    self._piece.add(chunk[begin:at])
                    yield from parsed(self._piece.take())
        self._skip = max(0, at - len(chunk))
        if self._depth:
            self._piece.add(chunk[begin:])

    def end(self) -> Iterator[object]:
        return iter(())


class _Events:
    """Server-sent events: what their `data` lines say."""

    def __init__(self) -> None:
        self._line = _Piece()
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> Iterator[object]:
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        for part in chunk.splitlines(keepends=True):
            self._line.add(part)
            if part.endswith((b"\n", b"\r")):
                yield from self._ended()

    def end(self) -> Iterator[object]:
        yield from self._ended()
        yield from self._dispatched()

    def _ended(self) -> Iterator[object]:
        line = self._line.take()
        text = b"" if line is None else line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            self._size += len(text)
            if self._size <= MAX_DOCUMENT:
                self._data.append(text[5:].removeprefix(b" "))
        elif line is not None and not text:
            yield from self._dispatched()

    def _dispatched(self) -> Iterator[object]:
        data, self._data = self._data, []
        whole, self._size = self._size <= MAX_DOCUMENT, 0
        if not whole or not data:
            return
        found = list(parsed(b"\n".join(data)))
        # Some servers leave out the empty line between events.
        yield from found or (document for line in data for document in parsed(line))


def parsed(text: bytes | str | None) -> Iterator[object]:
    """The document in a text, if it is one."""
    if text and len(text) <= MAX_DOCUMENT:
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            return
