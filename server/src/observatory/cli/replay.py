"""`observatory replay`: hold rules against stored history; or rebuild history, alerts and incidents from telemetry."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from observatory import alerting, areas, catalogue, incidents, replay, state, store
from observatory import settings as knobs
from observatory.alerting import Rule, files
from observatory.api import health_json, topology_json
from observatory.api.rule_replay import values
from observatory.app import plan, sole_owner
from observatory.cli.login import ask
from observatory.clock import Clock
from observatory.errors import InvalidRequest
from observatory.model import Snapshot
from observatory.model.alert import Transition
from observatory.replay import labels as labelled
from observatory.replay.record import Into, record
from observatory.replay.span import listening
from observatory.selfwatch import Selfwatch
from observatory.settings import Settings
from observatory.tick import DEFAULT_ENVIRONMENT, Recorder, Snapshots

_LENGTH = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RECORD_STEP_S = 10.0
_LINES = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """The stores of a server that does not run."""

    settings: Settings
    telemetry: store.Store
    control: state.State
    rulebook: alerting.Rulebook
    sources: replay.Sources


def command(
    rule: Annotated[list[str] | None, typer.Argument(help="Ids of rules in force; none: all of them.")] = None,
    file: Annotated[Path | None, typer.Option(help="A rule file that is not in force yet; its rules only.")] = None,
    begin: Annotated[str, typer.Option("--from", help="RFC 3339, or a length before --to: 6h.")] = "1h",
    end: Annotated[str, typer.Option("--to", help="RFC 3339; now without it.")] = "",
    environment: Annotated[str, typer.Option(help="Whose alerts; --record rebuilds all.")] = DEFAULT_ENVIRONMENT,
    step_s: Annotated[float, typer.Option(help="Seconds between two looks; 0: as often as the server.")] = 0.0,
    labels: Annotated[Path | None, typer.Option(help="Labelled incidents: precision and recall.")] = None,
    tail_s: Annotated[float, typer.Option(help="How long after its end a label has fires.")] = replay.TAIL_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    record_: Annotated[
        bool, typer.Option("--record", help="Rebuild history, alerts and incidents of the stretch; nobody is told.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="With --record: throw away what is there from --from on.")
    ] = False,
) -> None:
    """Hold rules against stored history, or rebuild it. Where a server runs on the data folder, it is asked."""
    settings, clock = knobs.load(), Clock()
    until = _moment("--to", end) if end else clock.now()
    since = _begin(begin, until)
    known = labelled.load(labels) if labels else ()
    if record_:
        if rule or file:
            raise InvalidRequest("--record rebuilds what all rules in force would have done: name none")
        asyncio.run(_record(settings, replay.Span(since, until, step_s or _RECORD_STEP_S), environment, replace))
        return
    if (settings.data_dir / "serve.json").exists():
        told = _ask(rule or [], file, environment, (since, until), step_s, known, tail_s)
    else:
        span = replay.Span(since, until, step_s or max(settings.tick_s, 1.0))
        told = asyncio.run(_replay(settings, rule or [], file, environment, span, known, tail_s))
    typer.echo(json.dumps(told, indent=2) if as_json else "\n".join(lines(told)))


def lines(told: Mapping[str, Any]) -> Sequence[str]:
    """A replay in words."""
    found = [
        f"{each['fired_at']}  {each['severity']:<8}  {_mark(each['true'])}{each['rule']}"
        f"{' [' + each['member'] + ']' if each['member'] else ''}  {each['duration_s']:,.0f} s"
        f"{'' if each['resolved_at'] else ' and still'}  {each['sentence']}"
        for each in told["fires"][:_LINES]
    ]
    if told["fires_total"] > _LINES:
        found.append(f"... and {told['fires_total'] - _LINES:,} more")
    found.append(
        f"{told['fires_total']:,} fires of {told['members']:,} members, {told['firing_s']:,.0f} s in all; "
        f"{told['rounds']:,} looks, every {told['step_s']:g} s, {told['from']} to {told['replayed_until']}"
    )
    if not told["complete"]:
        found.append(f"not complete: {told['why_incomplete']}")
    if told["failures"]:
        found.append(f"{told['failures']:,} queries failed: what they should have told is missing")
    if told["score"]:
        missed = [each["id"] for each in told["score"]["labels"] if not each["found"]]
        found += [_share(name, told["score"][name]) for name in ("precision", "recall")]
        found += [f"missed: {', '.join(missed)}"] if missed else []
    return found


def _mark(is_true: bool | None) -> str:
    return "" if is_true is None else "true   " if is_true else "FALSE  "


def _share(name: str, share: Mapping[str, Any]) -> str:
    if share["ratio"] is None:
        return f"{name}: nothing to count"
    return f"{name}: {share['ratio']:.3f} ({share['hits']} of {share['of']}; {share['low']:.2f} to {share['high']:.2f})"


def _ask(
    ids: Sequence[str],
    file: Path | None,
    environment: str,
    stretch: tuple[datetime, datetime],
    step_s: float,
    known: Sequence[replay.Label],
    tail_s: float,
) -> Mapping[str, Any]:
    """The running server's answer: one rule at a time."""
    entries = _entries(file) if file else []
    if len(ids) + len(entries) != 1:
        raise InvalidRequest("a server runs on the data folder: name one rule, or stop it to replay several at once")
    wanted: dict[str, Any] = {
        "environment": environment,
        "from": stretch[0].isoformat(),
        "to": stretch[1].isoformat(),
        "labels": [each.model_dump(mode="json") for each in known],
        "tail_s": tail_s,
    }
    wanted |= {"step_s": step_s} if step_s else {}
    return ask("rules/replay", wanted | ({"rule_id": ids[0]} if ids else {"entry": entries[0]}))


def _entries(file: Path) -> list[dict[str, Any]]:
    known = alerting.known(areas.load(), catalogue.load())
    return [dict(each.entry) for each in files.read_one(file, known)]


async def _replay(
    settings: Settings,
    ids: Sequence[str],
    file: Path | None,
    environment: str,
    span: replay.Span,
    known: Sequence[replay.Label],
    tail_s: float,
) -> Mapping[str, Any]:
    async with _opened(settings) as opened:
        rules = _rules(opened.rulebook, ids, file)
        outcome = await replay.replay(opened.sources, rules, environment, span, Clock(), progress=_tell)
        for name, why in outcome.skipped.items() if ids or file else ():
            typer.echo(f"{name} cannot be replayed: {why}", err=True)
        scored = None
        if known:
            scored = replay.score(outcome.fires, known, outcome.rules, span.since, outcome.until, tail_s)
        return values(outcome, scored, tail_s)


async def _record(settings: Settings, span: replay.Span, environment: str, again: bool) -> None:
    async with _opened(settings) as opened:
        snapshots = Snapshots(partial(health_json.render, opened.sources.catalogue))
        folding = incidents.Folding(incidents.graph.live(partial(_newest, snapshots)))
        keeper = alerting.Keeper(opened.control, [_folded(folding)])
        history = opened.telemetry.history
        into = Into(Recorder(history, topology_json.values), history, snapshots, opened.control, keeper)
        heard = await listening(opened.sources.reader, environment, span.since, span.until)
        done = await record(opened.sources, opened.rulebook.rules, span, heard, into, again, _tell)
    told = f"{done.changes:,} changes of alerts, {done.fired:,} fired, {done.deviations:,} first deviations found"
    typer.echo(f"{done.rounds:,} rounds recorded: {told}")
    if done.failures:
        typer.echo(f"{done.failures:,} queries failed: what they should have told is missing", err=True)


def _rules(rulebook: alerting.Rulebook, ids: Sequence[str], file: Path | None) -> Sequence[Rule]:
    if file is not None:
        return [each.rule for each in files.read_one(file, rulebook.known)]
    missing = [name for name in ids if name not in rulebook.in_force]
    if missing:
        raise InvalidRequest(f"no rule {missing[0]!r} is in force")
    return [rulebook.in_force[name].rule for name in ids] if ids else [each for each in rulebook.rules if each.enabled]


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        stack.enter_context(sole_owner(settings.data_dir))
        control = await state.open_store(settings.state_dsn)
        stack.push_async_callback(control.close)
        telemetry = await asyncio.to_thread(store.open_store, plan(settings), Selfwatch())
        stack.callback(telemetry.close)
        services = catalogue.load()
        rulebook = alerting.Rulebook(alerting.known(areas.load(), services), control, Clock(), settings.rules_dir)
        await rulebook.load()
        sources = replay.Sources(telemetry.reader, telemetry.guarded, services, areas.load())
        yield Opened(settings, telemetry, control, rulebook, sources)


def _folded(folding: incidents.Folding) -> alerting.Step:
    async def step(rows: state.Rows, transitions: Sequence[Transition]) -> None:
        await folding(rows, transitions)

    return step


def _newest(snapshots: Snapshots, environment: str) -> Snapshot | None:
    found = snapshots.of(environment)
    return None if found is None else found.snapshot


def _tell(done: int, of: int) -> None:
    if sys.stderr.isatty() and (done % 10 == 0 or done == of):
        typer.echo(f"\r{done:,} of {of:,} rounds{'' if done < of else chr(10)}", nl=False, err=True)


def _begin(text: str, until: datetime) -> datetime:
    length = _LENGTH.fullmatch(text)
    return until - timedelta(seconds=int(length[1]) * _SECONDS[length[2]]) if length else _moment("--from", text)


def _moment(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidRequest(
            f"{name}: must be a time with its zone, such as 2026-01-02T03:04:05Z, or a length (--from)"
        )
    return at.astimezone(UTC)
