"""Writing: one connection, one batch at a time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from observatory.errors import MalformedBody, StoreError
from observatory.otlp.frames import all_marked
from observatory.otlp.signals import Signal, schema
from observatory.store.query import ask
from observatory.store.views import FOREIGN, comment
from observatory_sdk.conventions import common

# What the parser says of bytes that are no message of the schema. The same codes from any other place, such as a view
# or a damaged part, are the store's own trouble.
_PARSER = "ProtobufRowInputFormat"
_MARK = common.REDACTED.name.encode()
_MALFORMED = {
    32,  # ATTEMPT_TO_READ_AFTER_EOF: cut off, or a length beyond the end
    33,  # CANNOT_READ_ALL_DATA: cut off inside a value
    436,  # PROTOBUF_BAD_CAST: a flag that is neither 0 nor 1
    444,  # UNKNOWN_PROTOBUF_FORMAT: a known field of another wire type, or no protobuf at all
}
# LOGICAL_ERROR, MEMORY_LIMIT_EXCEEDED: the parser believes a length deep inside and asks for that much memory. It is
# the body's fault if no part of the batch can need so much, else the store's trouble.
_NO_MEMORY = {49, 241}
_CLAIM = re.compile(r"(?:allocate chunk of|Too large size) \(?(?P<number>[\d.]+)\)?(?: (?P<unit>[KMGTPE])iB)?")
# Up to this size planning the views costs more than running them, so their plans are taken as they stand: about a tenth
# of the whole at 1,000 spans. In large batches the better plan wins.
_SMALL_BYTES = 4 << 20
_SMALL: dict[str, str | int] = {"query_plan_enable_optimizations": 0, "max_threads": 1}


@dataclass(frozen=True, slots=True)
class Batch:
    """Bodies joined for one commit.

    Attributes:
        signal: what they hold.
        id: 32 hex digits; the token by which a repeated insert is stored once.
        arrival_ns: wall time of the batch, by which ages are judged, also when it is inserted again.
        path: the file that holds the joined bytes.
    """

    signal: Signal
    id: str
    arrival_ns: int
    path: Path


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: how many spans, records or points it held, and how many of them were rejected."""

    items: int
    rejected: int


class Writer:
    """Inserts batches over a connection of its own. Not thread-safe: one thread calls it.

    Args:
        client: the connection.
        embedded: True when the engine runs in this process and can read the batch's file itself.
        schemas: folder for the schema files of an embedded engine.
    """

    def __init__(self, client: Client, embedded: bool, schemas: Path) -> None:
        self._client = client
        self._embedded = embedded
        self._schemas = {signal: _write_schema(schemas, signal) for signal in Signal} if embedded else {}

    def insert(self, batch: Batch) -> Stored:
        """Insert a batch into every target of its signal. Inserting it again stores nothing twice.

        A request of another signal is refused by its wire types, nearly always. Where its bytes happen to parse, as
        those of a log record sent as a span can, it is read as what it was sent as and rejected for its time.

        Raises:
            MalformedBody: if the bytes are no message of the signal; nothing was stored.
            StoreError: if the store failed; part of the batch may be stored, so insert it again.
        """
        try:
            if self._embedded:
                self._insert_from_file(batch)
            else:
                self._insert_over_wire(batch)
            found = ask(
                self._client,
                "SELECT Items, Rejected FROM ingest_batches WHERE Batch = {batch:String} LIMIT 1",
                {"batch": batch.id},
            ).rows
        except ClickHouseError as error:
            if _malformed(error, batch):
                raise MalformedBody(f"not a request of {batch.signal}") from error
            raise StoreError(str(error)) from error
        except OSError as error:
            raise StoreError(f"batch {batch.id}: {error}") from error
        return Stored(*found[0]) if found else Stored(0, 0)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _insert_from_file(self, batch: Batch) -> None:
        # The settings stand in the statement: as SET and restore they would cost two more round trips.
        settings = ", ".join(f"{name} = '{value}'" for name, value in self._settings(batch).items())
        self._client.command(
            f"INSERT INTO {_door(batch)} FROM INFILE '{_quoted(batch.path)}' SETTINGS {settings} FORMAT ProtobufSingle"
        )

    def _insert_over_wire(self, batch: Batch) -> None:
        self._client.raw_insert(
            _door(batch),
            insert_block=batch.path.read_bytes(),
            fmt="ProtobufSingle",
            settings=self._settings(batch),
        )

    def _settings(self, batch: Batch) -> dict[str, str | int]:
        plan = _SMALL if batch.path.stat().st_size <= _SMALL_BYTES else {}
        return {
            **self._schema(batch.signal),
            **plan,
            "insert_deduplication_token": batch.id,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            "log_comment": comment(batch.id, batch.arrival_ns),
            # Ages are bounded by the views; many days in one batch are no error of any one body.
            "max_partitions_per_insert_block": 0,
        }

    def _schema(self, signal: Signal) -> dict[str, str]:
        if self._embedded:
            return {"format_schema": f"{self._schemas[signal]}:{signal.message}"}
        # A server cannot see our files: the text itself goes along.
        return {
            "format_schema_source": "string",
            "format_schema": schema(signal),
            "format_schema_message_name": signal.message,
        }


def _door(batch: Batch) -> str:
    """The table that a batch goes into: bytes of the SDK alone need not be searched for secrets."""
    name = f"in_{batch.signal}"
    if batch.signal is Signal.METRICS:
        return name
    try:
        marked = all_marked(batch.path.read_bytes(), _MARK)
    except MalformedBody:
        marked = True  # nothing of it will be stored: the store says why
    return name if marked else f"{name}{FOREIGN}"


def _malformed(error: ClickHouseError, batch: Batch) -> bool:
    if not isinstance(error, Error) or _PARSER not in str(error):
        return False
    return error.code in _MALFORMED or (error.code in _NO_MEMORY and _claimed_bytes(str(error)) > _most_needed(batch))


def _claimed_bytes(text: str) -> float:
    claim = _CLAIM.search(text)
    return float(claim["number"]) * 1024.0 ** " KMGTPE".index(claim["unit"] or " ") if claim else 0.0


def _most_needed(batch: Batch) -> int:
    # A packed number of one byte becomes eight, and the parser's buffers double.
    return 64 * (batch.path.stat().st_size + (1 << 20))


def _write_schema(folder: Path, signal: Signal) -> Path:
    # The engine caches a schema by its path, so an edited text needs another one.
    text = schema(signal)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.absolute() / f"{signal}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.proto"
    path.write_text(text, encoding="utf-8")
    return path


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")
