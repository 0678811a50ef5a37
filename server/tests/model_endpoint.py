"""A model's endpoint on loopback that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Endpoint:
    """What it answers, and what came in. Without `sentences` it answers `body`."""

    url: str = ""
    sentences: list[dict[str, Any]] | None = None
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    presented: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def say(self, *sentences: tuple[str, list[str]]) -> None:
        """Answer with these sentences and the evidence that each names."""
        self.sentences = [{"text": text, "evidence": cited} for text, cited in sentences]

    def answer(self) -> bytes:
        """The body of the next answer."""
        if self.sentences is None:
            return self.body
        content = json.dumps({"sentences": self.sentences})
        return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """An endpoint, gone at the end."""
    told = Endpoint()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.paths.append(self.path)
            told.presented.append(self.headers.get("authorization", ""))
            told.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            time.sleep(told.pause_s)
            body = told.answer()
            self.send_response(told.status)
            for name, value in {"content-length": str(len(body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            # Who waited long enough has hung up.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
