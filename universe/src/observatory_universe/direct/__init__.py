"""The doors without sockets: the far ends are called in the process, on any clock, the same way each time."""

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.direct.cache import MemoryCache
from observatory_universe.direct.exchange import DirectExchange
from observatory_universe.direct.feed import DirectFeed
from observatory_universe.direct.mail import DirectMail
from observatory_universe.direct.models import DirectModels
from observatory_universe.direct.sessions import DirectSessions
from observatory_universe.direct.tables import MemoryTables
from observatory_universe.direct.telegram import DirectTelegram
from observatory_universe.doors import Doors
from observatory_universe.faults import Faults
from observatory_universe.outside.world import cores
from observatory_universe.pace import Pace
from observatory_universe.users import Users


def direct_doors(seed: int, pace: Pace, clock: Clock, faults: Faults) -> Doors:
    """The doors to far ends that live in this process."""
    users = Users(Chance(seed), pace.users, pace.most_users)
    far = cores(seed, pace, clock, faults, users.everybody())
    return Doors(
        exchanges={name: DirectExchange(venue, clock) for name, venue in far.venues.items()},
        feeds={name: DirectFeed(venue, clock, pace.stream_rest_s) for name, venue in far.venues.items()},
        models=DirectModels(far.language, clock),
        telegram=DirectTelegram(far.bot),
        mail=DirectMail(far.postbox, clock),
        sessions=DirectSessions(far.browsers),
        cache=MemoryCache(clock),
        tables=MemoryTables(clock),
    )
