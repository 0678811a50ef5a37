"""Those on call: who took what, who is told next while nobody has, whose week it is, and the daily digest.

oncall.targets(policy, level, at, schedules)          # who is told at a level
escalation, step = oncall.advance(escalation, facts)  # how an escalation goes on, pure
await oncall.acknowledge(rows, subject, actor, reason, at)
"""

from observatory.oncall.concern import Concern, concerns
from observatory.oncall.digests import Digests, Sources
from observatory.oncall.escalation import Escalation, Facts, Happening, State, Step, advance, begin, simulate
from observatory.oncall.escalator import Escalator
from observatory.oncall.links import ACKNOWLEDGE, LASTS, Link, LinkExpired, LinkRefused
from observatory.oncall.news import tell_taken
from observatory.oncall.policy import Level, Policy, Target, Whom, chosen, targets
from observatory.oncall.schedule import Override, Person, Schedule, Shift, on_call, shifts
from observatory.oncall.signer import Signer
from observatory.oncall.standing import Standing
from observatory.oncall.taking import acknowledge, give_back, look, note, taken

__all__ = [
    "ACKNOWLEDGE",
    "LASTS",
    "Concern",
    "Digests",
    "Escalation",
    "Escalator",
    "Facts",
    "Happening",
    "Level",
    "Link",
    "LinkExpired",
    "LinkRefused",
    "Override",
    "Person",
    "Policy",
    "Schedule",
    "Shift",
    "Signer",
    "Sources",
    "Standing",
    "State",
    "Step",
    "Target",
    "Whom",
    "acknowledge",
    "advance",
    "begin",
    "chosen",
    "concerns",
    "give_back",
    "look",
    "note",
    "on_call",
    "shifts",
    "simulate",
    "taken",
    "targets",
    "tell_taken",
]
