"""Rules over the past: what would have fired, how right that is, and history rebuilt from telemetry that came late.

outcome = await replay(Sources(...), rules, "production", Span(since, until, step_s), clock)
outcome.fires                                      # when, of which member, for how long
score(outcome.fires, labels, rules, since, until)  # precision and recall
"""

from observatory.replay.fires import Fire, fires
from observatory.replay.labels import Label
from observatory.replay.replaying import Bounds, Outcome, replay
from observatory.replay.rounds import Rounds, Sources
from observatory.replay.score import TAIL_S, Score, score, together
from observatory.replay.span import Span, step_for

__all__ = [
    "TAIL_S",
    "Bounds",
    "Fire",
    "Label",
    "Outcome",
    "Rounds",
    "Score",
    "Sources",
    "Span",
    "fires",
    "replay",
    "score",
    "step_for",
    "together",
]
