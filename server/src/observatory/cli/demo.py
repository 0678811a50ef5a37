"""`observatory demo`: the server on the embedded store, the universe sending to it, and what the server says of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from observatory import settings as knobs
from observatory import state
from observatory.auth import Tokens
from observatory.cli import console
from observatory.cli.children import Child, started
from observatory.clock import Clock
from observatory.errors import ObservatoryError
from observatory.settings import Settings

_SCOPES = ("ingest", "read", "operate", "admin", "user:u-0001")
_START_S = 60
_LINK_S = 600


def command(
    speed: Annotated[str, typer.Option(help="Pace of the universe: calm or busy.")] = "calm",
    seed: Annotated[int, typer.Option(help="Seed of the universe.")] = 7,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("var"),
    seconds: Annotated[float, typer.Option(help="End after this long; 0: run until stopped.")] = 0.0,
) -> None:
    """Run the server and the demo universe together, and watch. Ctrl-C stops both."""
    asyncio.run(_demo(speed, seed, folder, seconds))


async def _demo(speed: str, seed: int, folder: Path, seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    settings = knobs.load(data_dir=folder / "observatory", **_free_ports())
    tokens = await _tokens(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if seconds:
        loop.call_later(seconds, stop.set)
    print("Observatory is starting ...", flush=True)  # noqa: T201 - this is the demo's own voice
    try:
        await _run(settings, tokens, ["--speed", speed, "--seed", str(seed)], folder, stop)
    finally:
        (folder / "demo.json").unlink(missing_ok=True)
    print("Stopped.", flush=True)  # noqa: T201


async def _run(
    settings: Settings, tokens: Mapping[str, str], universe_options: list[str], folder: Path, stop: asyncio.Event
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(_server(settings, folder))
        addresses = await _announced(server, settings.data_dir / "serve.json", stop)
        if not addresses:
            return
        async with httpx.AsyncClient(base_url=addresses["url"], timeout=10) as client:
            login_url = await _login_url(client, tokens["admin"])
            universe = await stack.enter_async_context(_universe(addresses, tokens["ingest"], universe_options, folder))
            facts = {"url": addresses["url"], "login_url": login_url, "tokens": dict(tokens)} | {
                key: addresses[key] for key in ("otlp_http", "otlp_grpc")
            }
            _write(folder / "demo.json", facts)
            client.headers["Authorization"] = f"Bearer {tokens['read']}"
            await _watch(client, facts, [server, universe], stop)


async def _watch(
    client: httpx.AsyncClient, facts: Mapping[str, Any], children: list[Child], stop: asyncio.Event
) -> None:
    screen = console.open_screen(facts["url"], facts["login_url"])
    with screen:
        while not stop.is_set():
            for child in children:
                child.still_runs()
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get("/api/v1/monitoring/system-health")
                if answer.is_success:
                    screen.show(answer.json())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 2.0)


@asynccontextmanager
async def _server(settings: Settings, folder: Path) -> AsyncIterator[Child]:
    environment = {
        "OBSERVATORY_DATA_DIR": str(settings.data_dir),
        "OBSERVATORY_PORT": str(settings.port),
        "OBSERVATORY_OTLP_HTTP_PORT": str(settings.otlp_http_port),
        "OBSERVATORY_OTLP_GRPC_PORT": str(settings.otlp_grpc_port),
    }
    (settings.data_dir / "serve.json").unlink(missing_ok=True)
    async with started("the server", ["observatory.cli", "serve"], environment, folder / "server.log") as child:
        yield child


@asynccontextmanager
async def _universe(addresses: Mapping[str, str], token: str, options: list[str], folder: Path) -> AsyncIterator[Child]:
    # The token goes by the environment: a command line is for everybody to read.
    arguments = ["observatory_universe", "run", "--endpoint", addresses["otlp_http"]]
    arguments += ["--token-env", "OBSERVATORY_INGEST_TOKEN", *options]
    environment = {"OBSERVATORY_INGEST_TOKEN": token}
    async with started("the universe", arguments, environment, folder / "universe.log") as child:
        yield child


async def _announced(server: Child, path: Path, stop: asyncio.Event) -> dict[str, str] | None:
    """Where the server listens, once it does; None if the demo is stopped before that."""
    for _ in range(_START_S * 10):
        if stop.is_set():
            return None
        server.still_runs()
        if path.exists():
            addresses: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return addresses
        await asyncio.sleep(0.1)
    raise ObservatoryError(f"the server did not start within {_START_S} s; see {server.log}")


async def _tokens(settings: Settings) -> dict[str, str]:
    """New tokens, one per scope; those of earlier demos are revoked."""
    control = await state.open_store(settings.state_dsn)
    try:
        tokens = Tokens(control, Clock())
        await tokens.load()
        for record in await tokens.page(None, 1_000):
            if record.name.startswith("demo ") and record.revoked_at is None:
                await tokens.revoke(record.id, actor="demo", reason="a new demo began")
        return {scope: (await tokens.issue(f"demo {scope}", [scope], None, actor="demo"))[0] for scope in _SCOPES}
    finally:
        await control.close()


async def _login_url(client: httpx.AsyncClient, admin: str) -> str:
    answer = await client.post(
        "/api/v1/monitoring/login-links",
        json={"scopes": ["operate"], "ttl_s": _LINK_S},
        headers={"Authorization": f"Bearer {admin}"},
    )
    answer.raise_for_status()
    url: str = answer.json()["url"]
    return url


def _free_ports() -> dict[str, int]:
    """The usual ports; a free one in place of each that is taken."""
    usual = {name: Settings.model_fields[name].default for name in ("port", "otlp_http_port", "otlp_grpc_port")}
    taken = {name: 0 for name, port in usual.items() if _taken(port)}
    return {name: int(os.environ.get(f"OBSERVATORY_{name.upper()}", taken.get(name, usual[name]))) for name in usual}


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file, indent=2)
    part.rename(path)
