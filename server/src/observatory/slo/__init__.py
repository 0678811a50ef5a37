"""Objectives, what is left of their budgets, and how fast it burns; pure.

objectives(catalogue)                     # one per service and per area
assess(objective, counts, at)             # counts: good and bad events per window
"""

from observatory.slo.burn import Burn, Burning, Counts, assess
from observatory.slo.objectives import Objective, objectives
from observatory.slo.windows import Pair, Windows, windows

__all__ = ["Burn", "Burning", "Counts", "Objective", "Pair", "Windows", "assess", "objectives", "windows"]
