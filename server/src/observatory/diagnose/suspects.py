"""What is handed out of a ranking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from observatory.diagnose.blame import Blame
from observatory.diagnose.grid import Grid
from observatory.diagnose.scores import Scores
from observatory.model.evidence import Evidence

_MOST_EVIDENCE = 4
# A suspect is a symptom when its callees explain this much of what it shows.
_SYMPTOM = 0.35


@dataclass(frozen=True, slots=True)
class Suspect:
    """A service that may be the cause.

    Attributes:
        metric: the metric of it that says most of a cause.
        score: 0 to 1. The first one's tells how clear the deviation is; each further one's falls as it is less likely.
        onset: seconds since 1970 at which that metric left what was usual; None when the time is not known.
        kind: `symptom` when what it shows is explained by whom it calls.
        direction: where the metric went.
        evidence: its furthest deviations, each a sentence with its numbers.
    """

    service: str
    metric: str
    score: float
    onset: float | None
    kind: Literal["cause", "symptom"]
    direction: Literal["up", "down", "gone"]
    evidence: tuple[Evidence, ...]


def listed(grid: Grid, scores: Scores, blame: Blame, start: int) -> list[Suspect]:
    """Suspects, the likeliest first; services that do not deviate beyond noise are none."""
    best = float(blame.score.max(initial=0.0))
    order = np.lexsort((np.arange(blame.score.size), -blame.score))
    shown = [int(n) for n in order if blame.score[n] > 0 and (blame.silent[n] or blame.row[n] >= 0)]
    clear = 1 - float(np.exp(-best / 2))
    return [_suspect(grid, scores, blame, n, clear * float(blame.score[n]) / best, start) for n in shown]


def _suspect(grid: Grid, scores: Scores, blame: Blame, service: int, score: float, start: int) -> Suspect:
    rows = np.flatnonzero(grid.owner == service)
    ranked = [int(row) for row in rows[np.argsort(-blame.weight[rows], kind="stable")]]
    gone = bool(blame.silent[service]) and (blame.row[service] < 0 or scores.gone[ranked[0]])
    row = ranked[0]
    began = float(grid.times[scores.began[row]]) if scores.began[row] >= 0 and not gone else None
    shown = [each for each in ranked if blame.weight[each] > 0][:_MOST_EVIDENCE]
    evidence = tuple(_evidence(grid, scores, each, start) for each in shown)
    direction: Literal["up", "down", "gone"] = "gone" if gone else "up" if scores.up[row] else "down"
    return Suspect(
        service=grid.services[service],
        metric=grid.metrics[row],
        score=round(score, 4),
        onset=_ended(grid, scores, row) if gone else began,
        kind="symptom" if blame.explained[service] >= _SYMPTOM else "cause",
        direction=direction,
        evidence=(_silence(grid, scores, row, service), *evidence) if blame.silent[service] else evidence,
    )


def _evidence(grid: Grid, scores: Scores, row: int, start: int) -> Evidence:
    service, metric = grid.services[grid.owner[row]], grid.metrics[row]
    way = "rose" if scores.up[row] else "fell"
    usual, level = float(scores.usual[row]), float(scores.level[row])
    began = int(scores.began[row])
    since = grid.times[began if began >= 0 else start]
    return Evidence(
        id=f"metric:{service}:{metric}",
        sentence=f"{service} {metric} {way} from {usual:.4g} to {level:.4g}: {scores.z[row]:.0f} of its usual spreads",
        value=level,
        usual=usual,
        unit="",
        samples=int(np.isfinite(grid.values[row, start:]).sum()),
        since=_when(float(since)),
        until=_when(float(grid.times[-1])),
        source="metrics",
        link="",
    )


def _silence(grid: Grid, scores: Scores, row: int, service: int) -> Evidence:
    ended = _ended(grid, scores, row)
    return Evidence(
        id=f"silence:{grid.services[service]}",
        sentence=f"{grid.services[service]} told nothing from then on, or for long",
        value=None,
        usual=None,
        unit="",
        samples=0,
        since=_when(ended),
        until=_when(float(grid.times[-1])),
        source="metrics",
        link="",
    )


def _ended(grid: Grid, scores: Scores, row: int) -> float:
    return float(grid.times[max(0, int(scores.ended[row]))])


def _when(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
