"""Objectives, what is left of their budgets, and how fast it burns; pure.

objectives(catalogue)                     # two per service and per area: calls succeed, and are in time
assess(objective, counts, at)             # counts: good and bad events per window
"""

from observatory.slo.burn import Burn, Burning, Counts, assess
from observatory.slo.objectives import Measure, Objective, objectives
from observatory.slo.windows import Pair, Windows, windows

__all__ = ["Burn", "Burning", "Counts", "Measure", "Objective", "Pair", "Windows", "assess", "objectives", "windows"]
