"""Probes of routes over HTTP."""

from __future__ import annotations

import asyncio
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field

from observatory.collect import web
from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason, Unread
from observatory.collect.probe import OWN_SHARE, UP, milliseconds
from observatory.collect.secret import Secret
from observatory.collect.target import Target, Tls, Tools

Status = Annotated[int, Field(ge=100, le=599)]
_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")


class HttpTarget(web.Address, Target):
    """One route over HTTP."""

    KIND: ClassVar[str] = "http"
    SENTENCE: ClassVar[str] = "A route over HTTP: status, and time to the head of the answer."

    kind: Literal["http"]
    method: Literal["GET", "HEAD"] = Field("GET", description="How it is asked.")
    statuses: tuple[Status, ...] = Field(
        (), max_length=32, description="Statuses that are good; 200 to 299 unless set. A redirect is not followed."
    )
    bearer_token: Secret | None = Field(None, description="Sent as `Authorization: Bearer`.")
    tls: Tls | None = Field(None, description="Whom to trust, when it is not the system's certificates.")

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Ask once; the body is not read.

        Raises:
            Unread: only if it could not be asked, for want of a secret.
        """
        headers = {"authorization": f"Bearer {self.bearer_token.read()}"} if self.bearer_token else {}
        shown = {"http.url": _shown(self.url)}
        began_s = tools.clock.monotonic()
        try:
            async with asyncio.timeout(self.patience_s * OWN_SHARE):
                async with web.asked(self.method, self.url, headers, self.tls) as response:
                    status = response.status_code
        except (Unread, TimeoutError) as error:
            if isinstance(error, Unread) and error.reason is Reason.SECRET:
                raise
            into.level("httpcheck.error", 1, "{error}", shown | {"error.message": _why(error)})
            into.gauge(UP, 0, "1", shown)
            return
        into.gauge("httpcheck.duration", milliseconds(tools.clock.monotonic() - began_s), "ms", shown)
        for name in _CLASSES:
            seen = int(name[0] == str(status)[0])
            answer = shown | {"http.status_code": status, "http.method": self.method, "http.status_class": name}
            into.level("httpcheck.status", seen, "1", answer)
        into.gauge(UP, int(status in self.statuses if self.statuses else 200 <= status < 300), "1", shown)


def _shown(url: str) -> str:
    # A query may hold a token.
    return urlunsplit(urlsplit(url)._replace(query=""))


def _why(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else f"{error}"[:128]
