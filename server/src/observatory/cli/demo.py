"""`observatory demo`: the server on the embedded store, the universe sending to it, and what the server says of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from observatory import settings as knobs
from observatory import state
from observatory.auth import Tokens
from observatory.cli import console, demo_budgets
from observatory.cli.children import Child, started
from observatory.clock import Clock
from observatory.errors import ObservatoryError
from observatory.settings import Settings

_PORTS = ("port", "otlp_http_port", "otlp_grpc_port")
_SCOPES = ("ingest", "read", "operate", "admin", "user:u-0001")
_START_S = 60
_LINK_S = 600
_ANSWER_S = 5
_LOOK_EVERY_S = 2.0
_ONE_WISH_S = 1.0


def command(
    speed: Annotated[str, typer.Option(help="Pace of the universe: calm or busy.")] = "calm",
    seed: Annotated[int, typer.Option(help="Seed of the universe.")] = 7,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("var"),
    seconds: Annotated[float, typer.Option(help="End after this long; 0: run until stopped.")] = 0.0,
) -> None:
    """Run the server and the demo universe together, and watch. Ctrl-C stops both."""
    asyncio.run(_demo(speed, seed, folder, seconds))


async def _demo(speed: str, seed: int, folder: Path, seconds: float) -> None:
    stopping = _Stopping(asyncio.get_running_loop())
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        # What an earlier demo left when it was killed would be taken for this one's.
        (folder / "demo.json").unlink(missing_ok=True)
        settings = _settings(folder / "observatory")
        tokens = await _tokens(settings)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, stopping.stop.set)
        _say("Observatory is starting ...")
        try:
            await _run(settings, tokens, ["--speed", speed, "--seed", str(seed)], folder, stopping)
        finally:
            (folder / "demo.json").unlink(missing_ok=True)
    _say("Stopped.")


class _Stopping:
    """Told by signals: the first asks to stop in order, a second Ctrl-C to end at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self._loop = loop
        self._told_s = 0.0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._tell, number)

    def _tell(self, number: int) -> None:
        if not self.stop.is_set():
            self.stop.set()
            self._told_s = self._loop.time()
        # One wish may come as two signals: to the whole group, and once more from make or timeout.
        elif number == signal.SIGINT and self._loop.time() - self._told_s > _ONE_WISH_S:
            self.hurry.set()


async def _run(
    settings: Settings, tokens: Mapping[str, str], universe_options: list[str], folder: Path, stopping: _Stopping
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(_server(settings, folder, stopping.hurry))
        addresses = await _announced(server, settings.data_dir / "serve.json", stopping.stop)
        if not addresses:
            return
        async with httpx.AsyncClient(base_url=addresses["url"], timeout=_ANSWER_S) as client:
            facts = {
                "url": addresses["url"],
                "login_url": await _login_url(client, tokens["admin"]),
                "tokens": dict(tokens),
                "otlp_http": addresses["otlp_http"],
                "otlp_grpc": addresses["otlp_grpc"],
            }
            await demo_budgets.set_all(client, tokens["operate"])
            universe = await stack.enter_async_context(
                _universe(addresses, tokens["ingest"], universe_options, folder, stopping.hurry)
            )
            told = await _announced(universe, folder / "universe.json", stopping.stop)
            if not told:
                return
            facts["universe_url"] = told["universe_url"]
            _write(folder / "demo.json", facts)
            client.headers["Authorization"] = f"Bearer {tokens['read']}"
            await _watch(client, facts, [server, universe], stopping.stop)
        _say("Stopping: what is on its way is stored first. Ctrl-C again ends at once.")


async def _watch(
    client: httpx.AsyncClient, facts: Mapping[str, Any], children: list[Child], stop: asyncio.Event
) -> None:
    with console.open_screen(facts) as screen:
        while not stop.is_set():
            for child in children:
                child.still_runs()
            await _look(client, screen)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)


async def _look(client: httpx.AsyncClient, screen: console.Screen) -> None:
    try:
        answer = await client.get("/api/v1/monitoring/system-health")
    except httpx.HTTPError as error:
        screen.miss(f"the server does not answer: {error or type(error).__name__}")
        return
    if answer.is_success:
        screen.show(answer.json())
    else:
        screen.miss(f"no health yet: {answer.json().get('detail', answer.status_code)}")


@asynccontextmanager
async def _server(settings: Settings, folder: Path, hurry: asyncio.Event) -> AsyncIterator[Child]:
    environment = {
        "OBSERVATORY_DATA_DIR": str(settings.data_dir),
        "OBSERVATORY_PORT": str(settings.port),
        "OBSERVATORY_OTLP_HTTP_PORT": str(settings.otlp_http_port),
        "OBSERVATORY_OTLP_GRPC_PORT": str(settings.otlp_grpc_port),
    }
    (settings.data_dir / "serve.json").unlink(missing_ok=True)
    async with started("the server", ["observatory.cli", "serve"], environment, folder / "server.log", hurry) as child:
        yield child


@asynccontextmanager
async def _universe(
    addresses: Mapping[str, str], token: str, options: list[str], folder: Path, hurry: asyncio.Event
) -> AsyncIterator[Child]:
    # The token goes by the environment: a command line is for everybody to read.
    arguments = ["observatory_universe", "run", "--endpoint", addresses["otlp_http"]]
    arguments += ["--token-env", "OBSERVATORY_INGEST_TOKEN", *options]
    arguments += ["--truth", str(folder / "truth.jsonl"), "--announce", str(folder / "universe.json")]
    environment = {"OBSERVATORY_INGEST_TOKEN": token}
    (folder / "universe.json").unlink(missing_ok=True)
    async with started("the universe", arguments, environment, folder / "universe.log", hurry) as child:
        yield child


async def _announced(child: Child, path: Path, stop: asyncio.Event) -> dict[str, str] | None:
    """Where the child listens, once it does; None if the demo is stopped before that."""
    for _ in range(_START_S * 10):
        if stop.is_set():
            return None
        child.still_runs()
        if path.exists():
            addresses: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return addresses
        await asyncio.sleep(0.1)
    raise ObservatoryError(f"{child.name} did not start within {_START_S} s; see {child.log}")


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


def _settings(data_dir: Path) -> Settings:
    """The knobs in force, with a free port in place of each usual one that is taken."""
    settings = knobs.load(data_dir=data_dir)
    # A port that somebody has set is wanted: if it is taken, the server says so and ends.
    usual = {name for name in _PORTS if name not in settings.model_fields_set}
    return knobs.load(data_dir=data_dir, **{name: 0 for name in usual if _taken(getattr(settings, name))})


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file, indent=2)
    part.rename(path)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # A second demo would take the first one's tokens away before its server finds the data in use.
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ObservatoryError(f"another demo runs on {folder}; give this one another --folder") from None
        yield


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the demo's own voice
