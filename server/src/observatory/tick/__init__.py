"""The clock-driven rounds: indicators and health into a snapshot in memory, every few seconds.

tick = Tick(reader, catalogue, definitions, clock, snapshots, selfwatch, Knobs(tick_s=5))
await tick.run()                        # until cancelled
snapshots.latest                        # the default environment's, None before the first round
"""

from observatory.tick.fast import Fast, Haste
from observatory.tick.recorder import Recorder
from observatory.tick.rounds import Knobs, Tick
from observatory.tick.snapshots import DEFAULT_ENVIRONMENT, Published, Rendered, Snapshots, encode, tag

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "Fast",
    "Haste",
    "Knobs",
    "Published",
    "Recorder",
    "Rendered",
    "Snapshots",
    "Tick",
    "encode",
    "tag",
]
