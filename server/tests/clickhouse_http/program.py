"""A program: ClickHouse's HTTP interface in front of the embedded engine, so that several servers share one store.

`python program.py <folder> <port file>`. It speaks what clickhouse-connect asks over HTTP: queries and parameters in
the address or in the body, settings in the address, bodies that are compressed, inserts whose data follow the
statement, `/ping`. One process holds the engine. What it leaves out: sessions, users, progress headers, external data.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tempfile
import threading
import zlib
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame

# What the transport itself takes from the address, and the engine knows nothing of.
_TRANSPORT = frozenset(
    (
        *("query", "database", "session_id", "session_timeout", "session_check", "query_id", "quota_key", "compress"),
        *("decompress", "wait_end_of_query", "client_protocol_version", "role", "buffer_size", "default_format"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms", "enable_http_compression"),
        "cancel_http_readonly_queries_on_client_close",
    )
)
_INSERT = re.compile(rb"^\s*(INSERT\s+INTO\s+.+?)\s+FORMAT\s+(\w+)[ \t]*(?:\r?\n|;|$)", re.IGNORECASE | re.DOTALL)
_SELECT_INSERT = re.compile(rb"^\s*INSERT\s+INTO\s+[^(]*(?:\([^)]*\))?\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")

Settings = tuple[tuple[str, str], ...]


class Engine:
    """The engine, and handles to it by what was set on them: a handle runs one statement at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder.resolve())
        self._idle: dict[tuple[str, Settings], list[Any]] = defaultdict(list)
        self._lock = threading.Lock()
        # The engine ends with its last handle.
        self._first = chdb.connect(self._path)

    def run(self, sql: str | bytes, database: str, settings: Settings, parameters: dict[str, str]) -> bytes:
        """What a statement returns, in its own format or tab-separated."""
        key = (database, settings)
        with self._lock:
            handle = self._idle[key].pop() if self._idle[key] else None
        handle = handle or self._open(database, settings)
        try:
            found: bytes = handle.query(sql, "TabSeparated", params=parameters).bytes() or b""
        except BaseException:
            # What it had written would stand in front of the next answer.
            handle.close()
            raise
        with self._lock:
            self._idle[key].append(handle)
        return found

    def _open(self, database: str, settings: Settings) -> Any:
        handle = chdb.connect(self._path)
        if database:
            handle.query(f"USE `{database}`", "TabSeparated")
        # Once it may only read, nothing can be set any more.
        for name, value in sorted(settings, key=lambda each: each[0] == "readonly"):
            handle.query(f"SET {name} = {_quoted(value)}", "TabSeparated")
        return handle


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    engine: Engine

    def do_GET(self) -> None:
        """A ping, or a statement in the address."""
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self._serve()

    def do_POST(self) -> None:
        """A statement, and perhaps what is to be inserted."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at the servers' logs."""

    def _serve(self) -> None:
        address = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            body = _unpacked(self._body(), self.headers.get("Content-Encoding", ""))
            answer = self._run(address, body)
        except Exception as error:
            text = str(error)
            at = text.find("Code: ")
            code = _CODE.search(text)
            told = {"X-ClickHouse-Exception-Code": code[1] if code else "1002"}
            self._answer(500, text[max(at, 0) :].encode(), told)
            return
        self._answer(200, *answer)

    def _run(self, address: dict[str, str], body: bytes) -> tuple[bytes, dict[str, str]]:
        database = address.get("database", "")
        parameters = {name[6:]: value for name, value in address.items() if name.startswith("param_")}
        settings = tuple(
            sorted((k, v) for k, v in address.items() if k not in _TRANSPORT and not k.startswith("param_"))
        )
        stated = address.get("query", "").encode()
        whole = stated + b"\n" + body if stated else body
        insert = None if _SELECT_INSERT.match(whole) else _INSERT.match(whole)
        if insert is not None:
            data = whole[insert.end() :]
            self._insert(insert[1].decode(), insert[2].decode(), data, database, settings)
            return b"", {"X-ClickHouse-Summary": json.dumps({"written_rows": "0"})}
        sql = whole.decode()
        found = self.engine.run(sql, database, settings, parameters)
        form = _FORMAT.search(sql)
        return found, {"X-ClickHouse-Format": form[1] if form else "TabSeparated"}

    def _insert(self, statement: str, form: str, data: bytes, database: str, settings: Settings) -> None:
        if not data:
            return
        with tempfile.NamedTemporaryFile(suffix=f".{form.lower()}") as file:
            file.write(data)
            file.flush()
            # Settings of an insert are its own, such as its token: on the handle each would need a handle.
            told = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings)
            told = f" SETTINGS {told}" if told else ""
            self.engine.run(f"{statement} FROM INFILE {_quoted(file.name)}{told} FORMAT {form}", database, (), {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"X-ClickHouse-Timezone": "UTC", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _unpacked(body: bytes, encoding: str) -> bytes:
    match encoding:
        case "lz4":
            return bytes(lz4.frame.decompress(body))
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case "" | "identity":
            return body
    raise ValueError(f"Code: 1: a body packed as {encoding}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class Server(ThreadingHTTPServer):
    """A thread for each connection: a client's statements do not wait for another's."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of its request is what the tests do."""


def main() -> None:
    """Serve until killed; the port is written down once it is open."""
    Handler.engine = Engine(Path(sys.argv[1]))
    server = Server(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Handler)
    port = Path(sys.argv[2])
    part = port.with_suffix(".part")
    part.write_text(str(server.server_address[1]), encoding="utf-8")
    part.rename(port)
    server.serve_forever()


if __name__ == "__main__":
    main()
