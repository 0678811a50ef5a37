"""The platform's doors to the outside world, as its services see them.

Behind each door stands one of two things: the real client library on a real socket (`sockets`), or the same far end
called in the process (`direct`), for a clock that is not the machine's. Both speak to the same behaviour (`outside`)
and report through the SDK, so a service cannot tell them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from observatory_universe.doors.exchange import Exchange
from observatory_universe.doors.feed import Feed
from observatory_universe.doors.message import Mail, Sessions, Telegram
from observatory_universe.doors.model import Models
from observatory_universe.doors.state import Cache, Tables

__all__ = ["Cache", "Doors", "Exchange", "Feed", "Mail", "Models", "Sessions", "Tables", "Telegram"]


@dataclass(frozen=True, slots=True)
class Doors:
    """Every way out of the platform."""

    exchanges: Mapping[str, Exchange]
    feeds: Mapping[str, Feed]
    models: Models
    telegram: Telegram
    mail: Mail
    sessions: Sessions
    cache: Cache
    tables: Tables
