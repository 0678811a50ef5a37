"""Which log records and traces a listener wants to be told of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from starlette.requests import HTTPConnection

from observatory.api import logs, trace_json
from observatory.api.explorer import Attributes, Id, attributes_of, stored_user
from observatory.api.log_models import SeverityName
from observatory.api.trace_filters import Milliseconds, Status
from observatory.explore.logs import LogsWanted, words
from observatory.explore.wanted import Wanted
from observatory.store import Reader
from observatory.stream.tail import LogTail, Source, TraceTail

# The range is what the tail looks at.
_ANY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tailed:
    """What is wanted, by what the filters of the lists are called."""

    service: str
    user: str
    attributes: Mapping[str, str | None]
    text: str
    severity: str
    event: str
    operation: str
    feature: str
    status: Status | None
    from_ms: float | None

    def sources(self, reader: Reader, environment: str, topics: Collection[str]) -> Iterator[Source]:
        """What is told of those topics that are a tail."""
        if "logs" in topics:
            wanted = LogsWanted(
                environment,
                _ANY,
                _ANY,
                text=self.text,
                service=self.service,
                severity=self.severity,
                user=self.user,
                event=self.event,
                attributes=self.attributes,
            )
            yield LogTail(reader, wanted, logs.item)
        if "traces" in topics:
            traces = Wanted(
                environment,
                _ANY,
                _ANY,
                service=self.service,
                operation=self.operation,
                feature=self.feature,
                user=self.user,
                attributes=self.attributes,
                from_ms=self.from_ms,
                failed=None if self.status is None else self.status == "error",
            )
            yield TraceTail(reader, traces, trace_json.item)


async def tailed(
    connection: HTTPConnection,
    service: Annotated[str, Query(max_length=200, description="Of logs and traces: id of the service.")] = "",
    user: Id = "",
    attribute: Attributes = None,
    text: Annotated[str, Query(max_length=1_000, description="Of logs: words, as `logs` takes them.")] = "",
    severity: Annotated[SeverityName | None, Query(description="Of logs: the least severity.")] = None,
    event: Annotated[str, Query(max_length=200, description="Of logs: name of the event.")] = "",
    operation: Annotated[str, Query(max_length=500, description="Of traces: name of the span.")] = "",
    feature: Annotated[str, Query(max_length=200, description="Of traces: the business feature.")] = "",
    status: Annotated[Status | None, Query(description="Of traces: whether the span failed.")] = None,
    from_ms: Milliseconds = None,
) -> Tailed:
    """The filters of the tail.

    Raises:
        InvalidRequest: an attribute without a name, or too many words.
    """
    words(text)
    named = attributes_of(attribute)
    stored = stored_user(connection, user) if user else ""
    return Tailed(service, stored, named, text, severity or "", event, operation, feature, status, from_ms)
