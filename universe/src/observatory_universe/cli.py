"""The command `universe`."""

import asyncio
import json
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from observatory_sdk import ConfigurationError, arguments
from observatory_universe import access, backfill, loop
from observatory_universe.clock import Clock
from observatory_universe.errors import Trouble
from observatory_universe.faults import FaultError, Faults
from observatory_universe.faults.menu import faults_app
from observatory_universe.faults.schedule import Schedule, ScheduleError, read

if TYPE_CHECKING:
    from observatory_universe.controller import Settings, Wishes

_MOST_PROCESSES: Final = 10
app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(faults_app, name="faults")


def _history(clock: Clock, faults: Faults, seed: int) -> backfill.Life:
    # Here and not at the top: what is outside takes a second to load, and `universe faults` needs none of it.
    from observatory_universe.direct import direct_doors
    from observatory_universe.pace import PACES
    from observatory_universe.universe import Universe

    pace = PACES["history"]
    return Universe(seed, pace, direct_doors(seed, pace, clock, faults), faults, clock)


app.command("backfill")(backfill.command(_history))


@app.callback()
def universe() -> None:
    """The demo platform: the 65 services of CryptoUniverse at work, reporting through the SDK."""


@app.command()
def run(
    endpoint: Annotated[str, typer.Option(help="Base address of the OTLP/HTTP receiver.")] = "http://127.0.0.1:4318",
    token_env: Annotated[
        str, typer.Option(help="Environment variable that holds the token; empty to send none.")
    ] = "OBSERVATORY_TOKEN",  # noqa: S107 - the name of a variable, not a token
    token_file: Annotated[Path | None, typer.Option(help="File that holds the token, instead of the variable.")] = None,
    environment: Annotated[str, typer.Option(help="Value of deployment.environment.name.")] = "production",
    seed: Annotated[int, typer.Option(help="The same seed gives the same happenings, up to timing.")] = 7,
    speed: Annotated[
        Literal["calm", "busy"],
        typer.Option(help="calm: a healthy day at little load. busy: as much as one core gives."),
    ] = "calm",
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds; without it run until told to stop.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=_MOST_PROCESSES, help="Over how many processes the platform is spread.")
    ] = 1,
    faults: Annotated[
        Path | None, typer.Option(help="Schedule of faults (YAML); without it nothing goes wrong.")
    ] = None,
    truth: Annotated[Path, typer.Option(help="File of the ground truth: what was wrong, and when.")] = Path(
        "var/truth.jsonl"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port that starts and ends faults; 0: a free one.")] = 0,
    announce: Annotated[Path | None, typer.Option(help="File to write the address of the faults to.")] = None,
) -> None:
    """Run the platform and its outside world until Ctrl-C, SIGTERM or the end of --seconds."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # Here and not at the top: the servers and clients take seconds to load, and `universe faults` needs none of them.
    from observatory_universe.controller import Settings

    _check(endpoint, environment)
    settings = Settings(
        endpoint=endpoint,
        token=access.token(token_env, token_file),
        environment=environment,
        seed=seed,
        speed=speed,
        processes=processes,
        schedule=_schedule(faults),
        truth=truth,
        port=port,
    )
    try:
        loop.run(_live(settings, seconds, announce))
    except (Trouble, FaultError) as error:
        raise typer.Exit(_complain(str(error))) from error


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="universe")


async def _live(settings: "Settings", seconds: float | None, announce: Path | None) -> None:
    from observatory_universe.controller import Progress, Wishes, run

    wishes, running = Wishes(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(number, _wish, wishes)

    def reachable(url: str) -> None:
        if announce is not None:
            _write(announce, {"universe_url": url})
        typer.echo(f"faults are started and ended at {url}")

    def ready(services: int) -> None:
        if seconds is not None:
            running.call_later(seconds, wishes.stop.set)
        typer.echo(f"{services} services report to {settings.endpoint}")

    await run(settings, wishes, Progress(reachable, ready))
    typer.echo("stopped")


def _wish(wishes: "Wishes") -> None:
    """The first signal asks for an end in order, a second one for an end at once."""
    (wishes.hurry if wishes.stop.is_set() else wishes.stop).set()


def _write(path: Path, document: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever waits for the file must not read half of it.
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(document), encoding="utf-8")
    beside.replace(path)


def _schedule(path: Path | None) -> Schedule | None:
    if path is None:
        return None
    try:
        return read(path)
    except ScheduleError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from error


def _check(endpoint: str, environment: str) -> None:
    """Checked here as well as where it is used, which is another process."""
    try:
        arguments.check_endpoint(endpoint)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error
    if not environment:
        raise typer.BadParameter("environment is '': it takes a name such as production")


def _complain(sentence: str) -> int:
    typer.echo(f"universe: {sentence}", err=True)
    return 1
