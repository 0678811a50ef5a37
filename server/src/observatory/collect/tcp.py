"""Probes of TCP ports."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from pydantic import Field

from observatory.collect.metrics import Metrics
from observatory.collect.probe import OWN_SHARE, UP, code, milliseconds
from observatory.collect.target import Host, Port, Target, Tools


class TcpTarget(Target):
    """One port."""

    KIND: ClassVar[str] = "tcp"
    SENTENCE: ClassVar[str] = "A TCP port: does it accept, and how fast."

    kind: Literal["tcp"]
    host: Host = Field(description="Its host.")
    port: Port = Field(description="Its port.")

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port."""
        return self.host, self.port

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Connect once and hang up."""
        shown = {"tcpcheck.endpoint": f"{self.host}:{self.port}"}
        began_s = tools.clock.monotonic()
        try:
            async with asyncio.timeout(self.patience_s * OWN_SHARE):
                _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            into.level("tcpcheck.error", 1, "{error}", shown | {"error.code": code(error)})
            into.gauge("tcpcheck.status", 0, "1", shown)
            into.gauge(UP, 0, "1", shown)
            return
        writer.transport.abort()
        into.gauge("tcpcheck.duration", milliseconds(tools.clock.monotonic() - began_s), "ms", shown)
        into.gauge("tcpcheck.status", 1, "1", shown)
        into.gauge(UP, 1, "1", shown)
