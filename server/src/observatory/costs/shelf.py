"""Every state of the price book that was ever in force here, by name; the price file is read again when it changes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from observatory.costs.book import Book
from observatory.costs.overrides import parse
from observatory.errors import NotFound, SettingsError

_log = logging.getLogger(__name__)
EVERY_S = 5.0
_MOST_BYTES = 4 << 20


class Shelf:
    """Keeps price books.

    Args:
        file: the price file; None: only what genai-prices lists.
        folder: where each state of the file is kept, so that old prices can be held against new ones.

    Raises:
        SettingsError: the file cannot be read, or says what it must not.
    """

    def __init__(self, file: Path | None = None, folder: Path | None = None) -> None:
        self._file = file
        self._folder = folder
        self._text = ""
        self.books: dict[str, Book] = {}
        self.problem = ""
        """What is wrong with the newest state of the file, which is then not in force."""
        self._keep(Book())
        for kept in sorted(folder.glob("*.yaml"), key=lambda each: each.stat().st_mtime) if folder else ():
            self._keep(Book(parse(kept.read_text())))
        self.newest = self.books[Book().version]
        if file is not None:
            self.look()
            if self.problem:
                raise SettingsError(self.problem)

    def book(self, version: str) -> Book:
        """The state of that name.

        Raises:
            NotFound: there was none.
        """
        if version not in self.books:
            raise NotFound(f"no price book {version[:80]!r}; there are {', '.join(self.books)}")
        return self.books[version]

    async def watch(self) -> None:
        """Look at the file every few seconds."""
        while self._file is not None:
            await asyncio.sleep(EVERY_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Put the file's prices in force if they changed; bad ones leave the old in force, and `problem` says why."""
        if self._file is None:
            return
        try:
            text = self._read(self._file)
            if text == self._text:
                return
            self._text = text
            self._take(text)
            self.problem = ""
        except (OSError, ValueError, SettingsError) as error:
            if str(error) != self.problem:
                _log.error("the prices stay as they were: %s", error)
            self.problem = str(error)

    def _read(self, file: Path) -> str:
        if file.stat().st_size > _MOST_BYTES:
            raise SettingsError(f"the price file has more than {_MOST_BYTES} bytes")
        return file.read_text()

    def _take(self, text: str) -> None:
        book = Book(parse(text))
        before = self.books.get(book.version)
        if before is not None and before.file != book.file:
            # Two states under one name could not be told apart in what they cost.
            raise SettingsError(f"price file: another state is named {book.file.name!r} already; name this one anew")
        self._keep(book)
        self.newest = book
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            kept = self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
            kept.write_text(text)

    def _keep(self, book: Book) -> None:
        self.books[book.version] = book
