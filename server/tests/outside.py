"""The outside world of notifications: a web server that keeps what it was sent, and answers as it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Asked], tuple[int, dict[str, str], bytes]]


def fine(_asked: Asked) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b""


@dataclass
class Outside:
    """A web server on loopback."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Answer = fine
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def until(self, count: int, wait_s: float = 120.0) -> list[Asked]:
        """What it was asked, once it was asked so often."""
        async with asyncio.timeout(wait_s):
            while len(self.asked) < count:
                await asyncio.sleep(0.01)
        return self.asked

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ")
                headers: dict[str, str] = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = Asked(method, path, headers, body)
                self.asked.append(asked)
                status, more, said = self.answer(asked)
                lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(said)}"]
                lines += [f"{name}: {value}" for name, value in more.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + said)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()


@asynccontextmanager
async def outside(answer: Answer = fine) -> AsyncIterator[Outside]:
    found = Outside(answer=answer)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for writer in list(found.open):
            writer.close()
        await server.wait_closed()
