"""The host is never hurt: whatever becomes of the receiver or goes wrong inside, it says and ends as without us."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

import observatory_sdk as obs
from observatory_sdk.pipeline import EXIT_TIMEOUT_S, STOP_TIMEOUT_S

BINDINGS = "platform: throwaway\npackages: [plat]\nservices:\n  desk: {targets: plat.desk:Desk}\n"
ATTACH = (sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "bound.yaml", "--")
# To start and to import, many at once on a machine that does other things too.
START_S = 25.0
DESK = """
import asyncio, os, signal, sys, time
class Desk:
    def act(self, number=0):
        return number + 1
    async def later(self, number):
        await asyncio.sleep(0)
        return number
    def fail(self, number):
        raise LookupError(f"no order {number}")
    def deep(self, left):
        return 0 if left == 0 else 1 + self.deep(left - 1)
    def endless(self):
        return self.endless()
    def leave(self, value):
        sys.exit(value)
    def vanish(self, value):
        sys.stdout.flush()
        os._exit(value)
    def interrupt(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
single = Desk()
"""
WORK = """
import asyncio, sys
from plat.desk import single
total = 0
for number in range(400):
    total += single.act(number)
    try:
        single.fail(number)
    except LookupError as error:
        total += len(str(error))
async def main():
    return sum(await asyncio.gather(*(single.later(number) for number in range(100))))
print(total, asyncio.run(main()), flush=True)
sys.stderr.write("the host's own\\n")
sys.exit(3)
"""


@dataclass(frozen=True)
class Ended:
    """What a program said, how it ended, and how long it took."""

    stdout: str
    stderr: str
    status: int
    took_s: float


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("host")
    (made / "plat").mkdir()
    (made / "plat" / "__init__.py").touch()
    (made / "plat" / "desk.py").write_text(DESK, encoding="utf-8")
    (made / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return made


def run(folder: Path, *command: str, **environment: str) -> Ended:
    before = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(obs.__file__).parents[1]), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.stdout, done.stderr, done.returncode, time.monotonic() - before)


def attached(folder: Path, endpoint: str, *command: str) -> Ended:
    return run(folder, *ATTACH, *command, OBSERVATORY_ENDPOINT=endpoint)


# Receivers: each is what it does with a connection.


def hang(connection: socket.socket, over: Event) -> None:
    over.wait(60)


def answer(text: bytes) -> Callable[[socket.socket, Event], None]:
    def say(connection: socket.socket, over: Event) -> None:
        connection.settimeout(5)
        while not over.is_set() and connection.recv(1 << 16):
            connection.sendall(text)

    return say


def close(connection: socket.socket, over: Event) -> None:
    return None


def drip(connection: socket.socket, over: Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not over.wait(0.3):
        connection.sendall(b"a")


_EMPTY = b"Content-Length: 0\r\n\r\n"
RECEIVERS: Mapping[str, Callable[[socket.socket, Event], None]] = {
    "hangs": hang,
    "answers 500": answer(b"HTTP/1.1 500 Oh\r\n" + _EMPTY),
    "answers 503": answer(b"HTTP/1.1 503 Later\r\n" + _EMPTY),
    "answers 429 for an hour": answer(b"HTTP/1.1 429 No\r\nRetry-After: 3600\r\n" + _EMPTY),
    "answers rubbish": answer(bytes(range(256)) * 40),
    "answers 200 with rubbish": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 512\r\n\r\n" + bytes(range(256)) * 2),
    "sends elsewhere without end": answer(b"HTTP/1.1 307 There\r\nLocation: /v1/traces\r\n" + _EMPTY),
    "closes": close,
    "drips": drip,
    "speaks no TLS": hang,
    "is down": close,
}


class Receiver:
    """Accepts connections on the loopback address, and does with each what it does."""

    def __init__(self, does: Callable[[socket.socket, Event], None]) -> None:
        self._does = does
        self._over = Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            self._does(connection, self._over)

    def stop(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(60)


@pytest.fixture(scope="module")
def receivers() -> Iterator[Mapping[str, str]]:
    """The address of each."""
    made = {name: Receiver(does) for name, does in RECEIVERS.items()}
    made["is down"].stop()
    schemes = {"speaks no TLS": "https"}
    yield {name: f"{schemes.get(name, 'http')}://127.0.0.1:{each.port}" for name, each in made.items()}
    for each in made.values():
        each.stop()


@pytest.fixture(scope="module")
def worked(folder: Path, receivers: Mapping[str, str]) -> Mapping[str, Ended]:
    """How the same program went with each receiver, and without us."""
    (folder / "work.py").write_text(WORK, encoding="utf-8")
    program = (sys.executable, "work.py")
    with ThreadPoolExecutor(len(receivers)) as pool:
        ended = {name: pool.submit(attached, folder, url, *program) for name, url in receivers.items()}
        return {"bare": run(folder, *program), **{name: each.result() for name, each in ended.items()}}


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_a_receiver_that_fails_changes_neither_output_nor_status_and_its_time_is_bounded(
    worked: Mapping[str, Ended], receiver: str
) -> None:
    bare, found = worked["bare"], worked[receiver]
    assert bare.status == 3
    assert (found.stdout, found.stderr, found.status) == (bare.stdout, bare.stderr, bare.status)
    assert found.took_s < bare.took_s + EXIT_TIMEOUT_S + STOP_TIMEOUT_S + START_S


BURST = """
import json, os, observatory_sdk
from plat.desk import single

def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

found = []
for _ in range(5):
    for number in range(40_000):
        single.act(number)
    found.append(memory())
print(json.dumps({"memory": found, "lost": observatory_sdk.losses()}))
"""


def test_a_burst_that_nobody_takes_is_kept_within_bounds_and_the_rest_is_counted(
    folder: Path, receivers: Mapping[str, str]
) -> None:
    found = attached(folder, receivers["hangs"], sys.executable, "-c", BURST)
    assert (found.stderr, found.status) == ("", 0)
    told = json.loads(found.stdout)
    # The queue was full after the first part: from then on nothing grows any more.
    assert told["memory"][-1] - told["memory"][0] < 30_000_000
    assert told["lost"]["span queue full"] > 150_000


def test_what_is_lost_is_told_to_the_hosts_log_and_to_the_receiver_when_it_is_back(
    folder: Path, otlp_server: Any
) -> None:
    otlp_server.refusals = [(400, {})]
    code = (
        "import logging, time\nlogging.basicConfig(format='%(name)s %(message)s')\n"
        "from plat.desk import single\nsingle.act()\ntime.sleep(1.5)\nsingle.act()\n"
    )
    found = attached(folder, otlp_server.url, sys.executable, "-c", code)
    assert (found.stdout, found.status) == ("", 0)
    assert "observatory_sdk observatory sdk:" in found.stderr
    assert "not sent" in found.stderr
    assert "observatory.sdk.losses" in otlp_server.metric_names()


SABOTAGE = """
import asyncio, importlib, sys
from plat.desk import single
import observatory_sdk

def raises(*args, **kwargs):
    raise RuntimeError("inside the SDK")

def work():
    print(single.act(1), asyncio.run(single.later(2)))
    try:
        single.fail(3)
    except LookupError as error:
        print(error, error.__cause__, error.__context__)

work()
for path in sys.argv[1:]:
    module, _, name = path.partition(":")
    owner = importlib.import_module("observatory_sdk." + module)
    *owners, name = name.split(".")
    for each in owners:
        owner = getattr(owner, each)
    before = getattr(owner, name)
    setattr(owner, name, raises)
    work()
    setattr(owner, name, before)
print(sum(observatory_sdk.losses().values()) >= len(sys.argv) - 1)
"""
HOOKS = ("frame:current", "frame:write_error", "scope:current", "exporters:SpanOutlet.export", "clock:held_ns")


def test_an_error_inside_of_the_sdk_does_not_reach_the_host(folder: Path, otlp_server: Any) -> None:
    found = attached(folder, otlp_server.url, sys.executable, "-c", SABOTAGE, *HOOKS)
    once = "2 2\nno order 3 None None\n"
    assert found.stdout == once * (1 + len(HOOKS)) + "True\n"
    assert (found.stderr, found.status) == ("", 0)


SHELL = ("sh", "-c")
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "recursion up to the limit": (
        sys.executable,
        "-c",
        "from plat.desk import single\nprint(single.deep(900))\n"
        "try:\n    single.endless()\nexcept RecursionError as error:\n    print(type(error).__name__)\n"
        "print(single.act(1))",
    ),
    "an error nobody catches": (sys.executable, "-c", "from plat.desk import single\nsingle.fail(1)"),
    "sys.exit with a status": (sys.executable, "-c", "from plat.desk import single\nsingle.leave(7)"),
    "sys.exit with a sentence": (sys.executable, "-c", "from plat.desk import single\nsingle.leave('no money')"),
    "os._exit": (sys.executable, "-c", "from plat.desk import single\nprint(1)\nsingle.vanish(4)"),
    "KeyboardInterrupt": (sys.executable, "-c", "from plat.desk import single\nsingle.interrupt()"),
    "the host patches the same class": (
        sys.executable,
        "-c",
        "from unittest import mock\nfrom plat.desk import Desk, single\n"
        "own = Desk.act\nDesk.act = lambda self, number: own(self, number) * 10\nprint(single.act(1))\n"
        "with mock.patch.object(Desk, 'act', return_value=5, autospec=True):\n    print(single.act(1))\n"
        "print(single.act(1))\nDesk.act = own\nprint(single.act(1), Desk.act.__qualname__)\n"
        "single.act = lambda number: -number\nprint(single.act(1))\ndel Desk.act\nprint(hasattr(Desk, 'act'))",
    ),
    "output is closed": (*SHELL, f'{sys.executable} -c "from plat.desk import single; single.act()" >&- 2>&-; echo $?'),
    "nobody reads the output": (
        *SHELL,
        f'{{ {sys.executable} -c "from plat.desk import single; single.act(); print(1)"; echo $? >&2; }} | true',
    ),
    "no file can be written": (
        *SHELL,
        f'ulimit -f 0; exec {sys.executable} -c "from plat.desk import single; print(single.act(1))"',
    ),
    "the working directory is gone": (
        *SHELL,
        f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -c "
        '"import sys; sys.path.insert(0, sys.argv[1]); from plat.desk import single; print(single.act(1))" "$OLDPWD"',
    ),
    "the bindings are broken meanwhile": (
        *SHELL,
        'if [ -n "$OBSERVATORY_BINDINGS" ]; then echo "a: [" > b.yaml; export OBSERVATORY_BINDINGS=b.yaml; fi; '
        f'exec {sys.executable} -c "from plat.desk import single; print(single.act(1))"',
    ),
}
SENTENCES = {"the bindings are broken meanwhile": "observatory: not attached: b.yaml is no YAML"}


@pytest.fixture(scope="module")
def reached() -> Iterator[str]:
    """A receiver that takes everything."""
    made = Receiver(answer(b"HTTP/1.1 200 OK\r\n" + _EMPTY))
    yield f"http://127.0.0.1:{made.port}"
    made.stop()


@pytest.fixture(scope="module")
def programs(folder: Path, reached: str) -> Mapping[str, tuple[Ended, Ended]]:
    """How each program went, without us and with us."""
    with ThreadPoolExecutor(3) as pool:
        bare = {name: pool.submit(run, folder, *program) for name, program in PROGRAMS.items()}
        done = {name: each.result() for name, each in bare.items()}
        ours = {name: pool.submit(attached, folder, reached, *program) for name, program in PROGRAMS.items()}
        return {name: (done[name], each.result()) for name, each in ours.items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_host_says_and_ends_as_without_us(programs: Mapping[str, tuple[Ended, Ended]], name: str) -> None:
    bare, found = programs[name]
    assert (found.stdout, found.status) == (bare.stdout, bare.status)
    if name in SENTENCES:
        assert found.stderr.startswith(SENTENCES[name])
    else:
        assert found.stderr == bare.stderr
