"""Faults: what can be made to go wrong, how badly, and what is going wrong now.

    faults.begin("exchange_slow", "kraken", seconds=60)     starts one
    faults.grade("exchange_slow", "kraken")                 12.0: asked by whoever would be slow

`kinds.yaml` says what there is, `registry` what runs, `truth` writes down what ran. They are set over HTTP (`control`),
from a terminal (`menu`) or from a seeded schedule (`schedule`); `timing` ends them, `wire` carries them to other
processes.
"""

from observatory_universe.faults.kinds import GROUPS, KINDS, Kind
from observatory_universe.faults.registry import Active, AlreadyRunningError, FaultError, Faults, NotRunningError

__all__ = ["GROUPS", "KINDS", "Active", "AlreadyRunningError", "FaultError", "Faults", "Kind", "NotRunningError"]
