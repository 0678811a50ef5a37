"""Rules as data, the state of every alert, silences.

rulebook = Rulebook(known, state, clock, folder)           # shipped, files, own rules and changes
evaluator = Evaluator(rulebook, inputs, own, Keeper(state), state, selfwatch, watch)
await evaluator.load()
await evaluator.round(snapshots, at)                       # with the clock
await evaluator.after_commit(readings, tables, at)         # after a commit
"""

from observatory.alerting import money
from observatory.alerting.evaluator import Evaluator, Keeper, Sink, Step, Watch
from observatory.alerting.fields import Known, RuleError, known
from observatory.alerting.files import FileRefused
from observatory.alerting.inputs import Inputs, Teller
from observatory.alerting.led import Led, confirming
from observatory.alerting.own import OwnState
from observatory.alerting.rule import Observation, Rule, Verdict
from observatory.alerting.rulebook import Rulebook
from observatory.alerting.scene import Scene, Told

__all__ = [
    "Evaluator",
    "FileRefused",
    "Inputs",
    "Keeper",
    "Known",
    "Led",
    "Observation",
    "OwnState",
    "Rule",
    "RuleError",
    "Rulebook",
    "Scene",
    "Sink",
    "Step",
    "Teller",
    "Told",
    "Verdict",
    "Watch",
    "confirming",
    "known",
    "money",
]
