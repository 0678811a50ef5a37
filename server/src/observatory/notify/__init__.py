"""Delivery as a row of stages: what changed becomes messages in the outbox, and a loop of its own delivers them.

keeper.steps.append(Planning(folding))     # in the transaction that keeps the changes
keeper.after.append(deliverer.wake)        # once it is committed
await deliverer.run()
"""

from observatory.notify import foreign
from observatory.notify.channels import Channels, Tools
from observatory.notify.deadman import Deadman
from observatory.notify.deliverer import Deliverer
from observatory.notify.http import AddressRefused, Poster, networks
from observatory.notify.links import Links
from observatory.notify.office import Office
from observatory.notify.pace import Pace
from observatory.notify.plan import plan
from observatory.notify.planning import Planning
from observatory.notify.sorter import Knows
from observatory.notify.stages import SENDING, STAGES, Route
from observatory.notify.standings import Standings

__all__ = [
    "SENDING",
    "STAGES",
    "AddressRefused",
    "Channels",
    "Deadman",
    "Deliverer",
    "Knows",
    "Links",
    "Office",
    "Pace",
    "Planning",
    "Poster",
    "Route",
    "Standings",
    "Tools",
    "foreign",
    "networks",
    "plan",
]
