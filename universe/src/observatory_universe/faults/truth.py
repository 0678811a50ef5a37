"""The ground truth: what was really wrong, from when to when. Written to a file before it is true."""

import errno
import fcntl
import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import IO, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from observatory_universe.faults.kinds import KINDS
from observatory_universe.faults.reading import complaint
from observatory_universe.faults.registry import Active, FaultError, Source

_MOST_KEPT: Final = 10_000
_LOG = logging.getLogger(__name__)


class TruthError(FaultError):
    """The file of the ground truth cannot be read or written."""


class Record(BaseModel):
    """One fault that ran or runs.

    Attributes:
        service: the catalogue's id of the service that shows it first.
        attributes: the attributes by which the telemetry it strikes can be recognised; empty when it strikes all.
        start, end: RFC 3339, UTC. `start_ns`, `end_ns`: the same in nanoseconds since 1970.
            No end: it runs, or it was `aborted`.
        seconds: how long it was to last; None: until it is ended.
        aborted: the universe was killed while it ran, so nobody knows its end.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    id: str
    kind: str
    service: str
    target: str | None
    attributes: dict[str, str]
    grade: float
    is_fault: bool
    start: str
    end: str | None
    start_ns: int
    end_ns: int | None
    seconds: float | None
    source: Source
    expected_areas: tuple[str, ...]
    permitted_areas: tuple[str, ...]
    aborted: bool = False

    @property
    def runs(self) -> bool:
        """It strikes now."""
        return self.end_ns is None and not self.aborted


class Truth:
    """The file of all faults, and the last of them in memory.

    Each line of the file is a whole record in JSON: one when a fault begins, on disk before it strikes, and one when it
    has ended. The last line of an id holds. What a killed universe left running is written down as aborted.

    Args:
        path: made where it is not there; kept on from where it is. One universe at a time writes it.
        most: how many records are kept in memory; further ones stand in the file alone.

    Raises:
        TruthError: the file cannot be read or written, is no such file, or another universe writes it.
    """

    begun: int
    """The highest number that an id in the file has."""

    def __init__(self, path: Path, most: int = _MOST_KEPT) -> None:
        self.begun = 0
        self._past: deque[Record] = deque(maxlen=most)
        self._running: dict[str, Record] = {}
        self._path = path
        self._file = _opened(path)
        try:
            self._take_over()
        except BaseException:
            self._file.close()
            raise

    def begins(self, fault: Active) -> None:
        """Writes the start to disk.

        Raises:
            TruthError: it cannot be written.
        """
        record = _record(fault)
        self._write(record)
        self._know(record)

    def ended(self, fault: Active, ended_ns: int) -> None:
        """Writes the end. Where it cannot be written it is logged: the fault has ended all the same."""
        record = self._running[fault.id].model_copy(update={"end": _rfc3339(ended_ns), "end_ns": ended_ns})
        self._know(record)
        try:
            self._write(record)
        except TruthError as error:
            _LOG.error("the end of %s: %s", fault.id, error)

    def records(self) -> list[Record]:
        """All that is kept in memory, in the order of their starts."""
        return sorted((*self._past, *self._running.values()), key=lambda record: (record.start_ns, record.id))

    def record(self, id_: str) -> Record | None:
        """The record of one fault; None when there was none, or too long ago."""
        return self._running.get(id_) or next((record for record in self._past if record.id == id_), None)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_over(self) -> None:
        whole = 0
        with self._path.open("rb") as file:
            for record, end in _lines(file, self._path):
                self._know(record)
                whole = end
        # A line that a kill tore had not yet come true.
        self._file.truncate(whole)
        for record in list(self._running.values()):
            aborted = record.model_copy(update={"aborted": True})
            self._write(aborted)
            self._know(aborted)

    def _know(self, record: Record) -> None:
        self.begun = max(self.begun, _number(record.id))
        self._running.pop(record.id, None)
        if record.runs:
            self._running[record.id] = record
        else:
            self._past.append(record)

    def _write(self, record: Record) -> None:
        size = self._file.seek(0, os.SEEK_END)
        line = f"{record.model_dump_json()}\n".encode()
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            # No half line may stand before the next one.
            with suppress(OSError):
                self._file.truncate(size)
            raise TruthError(f"the ground truth cannot be written to {self._path}: {error.strerror}") from error


def read(path: Path) -> list[Record]:
    """All faults of a file, in the order of their starts. It may be written meanwhile.

    Raises:
        TruthError: the file cannot be read, or is no such file.
    """
    try:
        with path.open("rb") as file:
            records = {record.id: record for record, _ in _lines(file, path)}
    except OSError as error:
        raise TruthError(f"the ground truth cannot be read from {path}: {error.strerror}") from error
    return sorted(records.values(), key=lambda record: (record.start_ns, record.id))


def _opened(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what `write` has taken outlives this process.
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise TruthError(f"the ground truth cannot be written to {path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise TruthError(f"another universe writes its ground truth to {path}") from None
    return file


def _lines(file: IO[bytes], path: Path) -> Iterator[tuple[Record, int]]:
    """Each whole line's record, and where in the file the line ends."""
    end = 0
    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            return
        end += len(line)
        try:
            yield Record.model_validate_json(line), end
        except ValidationError as error:
            raise TruthError(f"{path}, line {number} is no record of a fault: {complaint(error)}") from None


def _record(fault: Active) -> Record:
    kind = KINDS[fault.kind]
    return Record(
        id=fault.id,
        kind=fault.kind,
        service=kind.service_of(fault.target),
        target=fault.target,
        attributes=kind.attributes(fault.target),
        grade=fault.grade,
        is_fault=kind.is_fault,
        start=_rfc3339(fault.started_ns),
        end=None,
        start_ns=fault.started_ns,
        end_ns=None,
        seconds=None if fault.ends_ns is None else (fault.ends_ns - fault.started_ns) / 1e9,
        source=fault.source,
        expected_areas=kind.expected,
        permitted_areas=kind.permitted,
    )


def _number(id_: str) -> int:
    number = id_.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _rfc3339(ns: int) -> str:
    seconds, rest_ns = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"
