"""Precision and recall of the shipped rules: 40 faults of a seeded schedule, lived in virtual time, replayed.

Goals: 0.95 and 0.95. Develop on seeds 1 to 20 and report on 101 to 120. Universes live side by side into a real server,
which is stopped then; what it stored is replayed as if it had been there, and the fires are held against what was
really wrong. The rule of matching is the one of `observatory replay --labels` (docs/howto/replay.md).

Then each flag by itself: whether the rule that expected.yaml names fired, on the right member, within its bar, and
whether it was over after the flag.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import serving
from alerts import expected, schedule
from alerts.schedule import Life

from observatory import alerting, areas, catalogue, replay, store
from observatory import settings as knobs
from observatory.alerting import Rule, files
from observatory.app import plan
from observatory.clock import Clock
from observatory.replay import Fire, Label, Outcome, Score
from observatory.selfwatch import Selfwatch

_LIVES = Path(__file__).resolve().parents[2] / "server" / "tests" / "faults" / "lives.py"


@dataclass(frozen=True, slots=True)
class Found:
    """One seed's result."""

    seed: int
    score: Score
    flags: Sequence[expected.Outcome]
    lived_s: float
    replayed_s: float
    rounds: int


def main() -> None:
    """Live, replay and print, one seed after the other."""
    options = _options()
    found = [_tried(seed, options) for seed in options.seeds]
    _print(found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--lives", type=int, default=5, help="universes that live side by side")
    parser.add_argument("--only", nargs="*", default=[], help="kinds to draw from")
    parser.add_argument("--step", type=float, default=5.0, help="seconds between two rounds of the replay")
    parser.add_argument("--folder", default="", help="keeps what was lived, and replays it again when it is there")
    return parser.parse_args()


def _tried(seed: int, options: argparse.Namespace) -> Found:
    lives = schedule.draw(seed, options.faults, options.lives, options.only)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary).absolute() / f"seed-{seed}"
        began = time.monotonic()
        start = _lived(lives, seed, folder)
        lived_s, began = time.monotonic() - began, time.monotonic()
        outcome = asyncio.run(_replayed(folder, lives, start, options.step))
        replayed_s = time.monotonic() - began
    score, flags = _scored(outcome, lives, start)
    _tell(seed, score)
    return Found(seed, score, flags, lived_s, replayed_s, outcome.rounds)


def _lived(lives: Sequence[Life], seed: int, folder: Path) -> datetime:
    """Live all of them into one server; when they began."""
    done = folder / "start"
    if done.exists():
        return datetime.fromisoformat(done.read_text(encoding="utf-8"))
    start = schedule.start(lives, datetime.now(UTC))
    settings = {"MAX_BODY_BYTES": 64 << 20, "TICK_S": 300, "FAST_S": 0}
    with serving.running(folder / "data", settings) as server:
        started: list[subprocess.Popen[bytes]] = []
        try:
            started += (_living(each, seed, start, server, folder) for each in lives)
            failed = [life.environment for life, process in zip(lives, started, strict=True) if process.wait() != 0]
        finally:
            for process in started:
                process.kill()
                process.wait()
    if failed:
        raise SystemExit(f"the lives of {', '.join(failed)} broke off")
    done.write_text(start.isoformat(), encoding="utf-8")
    return start


def _living(life: Life, seed: int, start: datetime, server: serving.Server, folder: Path) -> subprocess.Popen[bytes]:
    path = folder / f"{life.environment}.json"
    told = {
        "start_ns": int(start.timestamp()) * 10**9,
        "seconds": life.seconds,
        "endpoint": server.otlp_http,
        "token": server.token,
        "environment": life.environment,
        "seed": seed,
        "strikes": [asdict(each) for each in life.strikes],
        "pace": dict(life.pace),
    }
    path.write_text(json.dumps(told), encoding="utf-8")
    return subprocess.Popen([sys.executable, str(_LIVES), str(path)])


async def _replayed(folder: Path, lives: Sequence[Life], start: datetime, step_s: float) -> Outcome:
    telemetry = store.open_store(plan(knobs.load(data_dir=folder / "data")), Selfwatch())
    try:
        sources = replay.Sources(telemetry.reader, telemetry.guarded, catalogue.load(), areas.load())
        rules = [each.rule for each in files.shipped(alerting.known(areas.load(), catalogue.load()))]
        end = start + timedelta(seconds=max(each.seconds for each in lives))
        span = replay.Span(start, end, step_s)
        bar = _progress if sys.stderr.isatty() else None
        # All environments at once: a round costs as much for one as for all of them.
        return await replay.replay(sources, rules, "", span, Clock(), replay.Bounds(changes=10**6), start, bar)
    finally:
        telemetry.close()


def _scored(outcome: Outcome, lives: Sequence[Life], start: datetime) -> tuple[Score, Sequence[expected.Outcome]]:
    """Each life for itself: what ends with it is no news of its own. Then all together; and each flag for itself."""
    scores, flags = list[Score](), list[expected.Outcome]()
    rules = {each.id: each for each in outcome.rules}
    for life in lives:
        end = start + timedelta(seconds=life.seconds)
        mine = [
            each for each in outcome.fires if each.alert.environment == life.environment and each.alert.started_at < end
        ]
        labels: list[Label] = life.labels(start)
        scores.append(replay.score(mine, labels, outcome.rules, start, end))
        flags += _flags(life, start, mine, rules, end)
    return replay.together(scores), flags


def _flags(
    life: Life, start: datetime, fires: Sequence[Fire], rules: Mapping[str, Rule], until: datetime
) -> Iterable[expected.Outcome]:
    for each in life.strikes:
        begins, ends = (start + timedelta(seconds=at_s) for at_s in (each.from_s, each.to_s))
        yield expected.judge(each.kind, begins, ends, fires, rules, until)


def _progress(done: int, of: int) -> None:
    if done % 20 == 0:
        sys.stderr.write(f"\r{done:,} of {of:,} rounds")


def _tell(seed: int, score: Score) -> None:
    console = Console()
    for label, after_s in score.found:
        if after_s is None:
            console.print(f"seed {seed}: missed {label.id}", highlight=False)
    for (environment, rule, member), count in Counter(
        (each.alert.environment, each.alert.rule, each.alert.member) for each in score.false
    ).most_common():
        first = next(each for each in score.false if (each.alert.rule, each.alert.member) == (rule, member))
        told = (
            f"{count} x false {rule} [{member}] in {environment}: {first.alert.sentence} at {first.fired_at:%H:%M:%S}"
        )
        console.print(f"seed {seed}: {told}", highlight=False, markup=False)


def _print(found: Sequence[Found]) -> None:
    table = Table(title="precision and recall of the shipped rules")
    for name in (
        "seed",
        "faults",
        "found",
        "recall",
        "fires",
        "true",
        "precision",
        "median s to fire",
        "lived",
        "replayed",
    ):
        table.add_column(name, justify="right")
    whole = replay.together([each.score for each in found])
    for each in found:
        table.add_row(
            str(each.seed), *_row(each.score), f"{each.lived_s:.0f} s", f"{each.replayed_s:.0f} s / {each.rounds:,}"
        )
    table.add_row("all", *_row(whole), "", "")
    Console(width=140).print(table)
    flags = [outcome for each in found for outcome in each.flags]
    Console(width=200).print(expected.table(flags))
    good = sum(each.good for each in flags)
    Console(width=140).print(f"{good} of {len(flags)} flags: right rule, right member, in time, over in time")
    low = [share.interval[0] if share.interval else 0.0 for share in (whole.recall, whole.precision)]
    Console(width=140).print(f"goals: 0.95 and 0.95; lower ends (95 %): recall {low[0]:.3f}, precision {low[1]:.3f}")


def _row(score: Score) -> Iterable[str]:
    times = sorted(after_s for _, after_s in score.found if after_s is not None)
    median = f"{times[len(times) // 2]:.0f}" if times else "-"
    recall, precision = score.recall, score.precision
    return (
        str(recall.of),
        str(recall.hits),
        "-" if recall.ratio is None else f"{recall.ratio:.3f}",
        str(precision.of),
        str(precision.hits),
        "-" if precision.ratio is None else f"{precision.ratio:.3f}",
        median,
    )


if __name__ == "__main__":
    main()
