"""What changes, as it changes: changes of alerts and of health, for pages and programs that listen."""

from observatory.stream.feed import TOPICS, Event, Feed, TooMany

__all__ = ["TOPICS", "Event", "Feed", "TooMany"]
