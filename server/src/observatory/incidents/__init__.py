"""Alerts folded into incidents: why they are one, how far they are, what they did, how they went.

folding = Folding(graph.live(newest))                      # newest snapshot of an environment
changes = await folding(rows, transitions)                 # in the transaction that keeps the transitions
changes = await acknowledge(rows, incident_id, at, actor)  # by a person; merge, split, undo, set_state, note likewise
"""

from observatory.incidents import graph, postmortem, statistics
from observatory.incidents.case import concerns
from observatory.incidents.fold import Folded, fold
from observatory.incidents.folding import (
    Folding,
    acknowledge,
    as_of,
    find,
    merge,
    note,
    recovery,
    set_state,
    split,
    undo,
)
from observatory.incidents.graph import Graph, Graphs
from observatory.incidents.impact import Impact
from observatory.incidents.model import Case, Incident, IncidentChange, Member, Move, State
from observatory.incidents.reports import Reports
from observatory.incidents.scribe import Scribe
from observatory.incidents.timeline import Entry

__all__ = [
    "Case",
    "Entry",
    "Folded",
    "Folding",
    "Graph",
    "Graphs",
    "Impact",
    "Incident",
    "IncidentChange",
    "Member",
    "Move",
    "Reports",
    "Scribe",
    "State",
    "acknowledge",
    "as_of",
    "concerns",
    "find",
    "fold",
    "graph",
    "merge",
    "note",
    "postmortem",
    "recovery",
    "set_state",
    "split",
    "statistics",
    "undo",
]
