"""What changes, as it changes: alerts, health, log records and traces, for pages and programs that listen."""

from observatory.stream.event import Event, TooMany
from observatory.stream.feed import TOPICS, Feed
from observatory.stream.tail import LogTail, Tails, TraceTail, merged

__all__ = ["TOPICS", "Event", "Feed", "LogTail", "Tails", "TooMany", "TraceTail", "merged"]
