"""What the explorer's arithmetic is about: spans, and what ties them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Key = tuple[str, str]


class Hop(StrEnum):
    """How a critical path comes to a span."""

    ROOT = "root"
    CALL = "call"
    MESSAGE = "message"
    LINK = "link"
    GAP = "gap"


SENTENCES = {
    Hop.ROOT: "the path begins here",
    Hop.CALL: "its parent waited for it",
    Hop.MESSAGE: "it was set off by its parent, which did not wait for it",
    Hop.LINK: "it links to what set it off",
    Hop.GAP: "the span above it is missing, so it is put below the root",
}


@dataclass(frozen=True, slots=True)
class Span:
    """One span.

    Attributes:
        trace_id: hexadecimal.
        span_id: hexadecimal; unique in its trace.
        parent_id: span id of the parent in the same trace; empty for a root.
        service: the catalogue's id of the service, or what stands in its place.
        name: name of the operation.
        kind: `Internal`, `Server`, `Client`, `Producer`, `Consumer` or `Unspecified`.
        start_ns: Unix time in ns.
        duration_ns: not negative.
        failed: its status or its outcome says so.
        links: trace id and span id of each span that it links to.
        attributes: those that were read with it; may be empty.
        instance: the process that recorded it; empty when that is not known.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    duration_ns: int
    failed: bool = False
    links: tuple[Key, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    instance: str = ""

    @property
    def end_ns(self) -> int:
        """When it ended, Unix time in ns."""
        return self.start_ns + self.duration_ns

    @property
    def key(self) -> Key:
        """What names it among spans of several traces."""
        return self.trace_id, self.span_id


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span's part of a critical path.

    Attributes:
        span: the span.
        self_ms: time on the path that the span itself took, in ms: none of what it waited for is in it.
        wait_ms: time between what set it off and its start, in ms; 0 unless `hop` is `message` or `link`.
        hop: how the path comes to it.
    """

    span: Span
    self_ms: float
    wait_ms: float = 0.0
    hop: Hop = Hop.CALL
