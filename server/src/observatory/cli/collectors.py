"""`observatory collectors`: look once at everything that a file of targets names, without storing anything."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from observatory import collect
from observatory import settings as knobs
from observatory.clock import Clock
from observatory.collect.standing import Standing
from observatory.errors import SettingsError


def command(
    file: Annotated[
        Path | None, typer.Argument(help="File of targets; OBSERVATORY_COLLECTORS_FILE unless given.")
    ] = None,
    kinds: Annotated[bool, typer.Option("--kinds", help="List the kinds of target and their fields instead.")] = False,
) -> None:
    """Look once at every target of the collectors' file, and say what came of it. Nothing is stored."""
    if kinds:
        for kind in collect.known():
            _show(kind)
        return
    path = file or knobs.load().collectors_file
    if path is None:
        raise SettingsError("OBSERVATORY_COLLECTORS_FILE is not set, and no file is given")
    # What would be logged is in the lines below.
    logging.basicConfig(level=logging.CRITICAL)
    standings = asyncio.run(_look(collect.load(path)))
    for standing in standings:
        typer.echo(_line(standing))
    if not all(standing.up for standing in standings):
        raise typer.Exit(1)


async def _look(targets: tuple[collect.Target, ...]) -> tuple[Standing, ...]:
    collectors = collect.Collectors(targets, _keep_nothing, Clock())
    await asyncio.gather(*map(collectors.attempt, collectors.standings.all))
    return collectors.standings.all


async def _keep_nothing(_body: bytes) -> None:
    pass


def _line(standing: Standing) -> str:
    target = standing.target
    end = "ok" if standing.up else f"{standing.reason}: {standing.error}"
    return f"{target.name:24} {target.KIND:11} {standing.points:5} points {standing.duration_s * 1_000:6.0f} ms  {end}"


def _show(kind: type[collect.Target]) -> None:
    typer.echo(f"{kind.KIND}: {kind.SENTENCE}")
    for name, field in kind.model_fields.items():
        if name != "kind":
            typer.echo(f"  {name:16} {'needed. ' if field.is_required() else ''}{field.description}")
