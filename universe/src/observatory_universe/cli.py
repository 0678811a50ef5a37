"""The command `universe`."""

import asyncio
import logging
import os
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

import observatory_sdk as obs
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe

SERVICE_NAME: Final = "cryptouniverse-backend"
_FLUSH_S: Final = 5.0

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


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
) -> None:
    """Run the platform until Ctrl-C, SIGTERM or the end of --seconds."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    token = _token(token_env, token_file)
    asyncio.run(_live(endpoint, token, environment, seed, speed, seconds))


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="universe")


async def _live(
    endpoint: str, token: str | None, environment: str, seed: int, speed: str, seconds: float | None
) -> None:
    telemetry, platform = _begin(endpoint, token, environment, seed, speed)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, platform.stop)
    typer.echo(f"{len(platform.service_ids)} services of {SERVICE_NAME} report to {endpoint} ({speed}, seed {seed})")
    try:
        await platform.run(seconds)
    finally:
        # Off the loop: a server that does not answer must not keep a second Ctrl-C from being heard.
        sent = await asyncio.to_thread(telemetry.shutdown, _FLUSH_S)
    typer.echo("stopped" if sent else "stopped; the last telemetry could not be sent", err=not sent)


def _begin(endpoint: str, token: str | None, environment: str, seed: int, speed: str) -> tuple[obs.Telemetry, Universe]:
    platform = Universe(seed, PACES[speed])
    try:
        telemetry = obs.configure(
            service_name=SERVICE_NAME,
            endpoint=endpoint,
            token=token,
            environment=environment,
            version=version("observatory-universe"),
            services=platform.service_ids,
        )
    except obs.ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error
    return telemetry, platform


def _token(variable: str, file: Path | None) -> str | None:
    if file is not None:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"cannot read the token: {error}", param_hint="--token-file") from error
        if not token:
            raise typer.BadParameter(f"{file} is empty", param_hint="--token-file")
        return token
    if not variable:
        return None
    if not os.environ.get(variable, "").strip():
        raise typer.BadParameter(
            f"the variable {variable} is not set; set it to a token of scope ingest, or give --token-file",
            param_hint="--token-env",
        )
    return os.environ[variable].strip()
