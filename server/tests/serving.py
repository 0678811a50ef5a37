"""The real server as a process of its own, for tests that go through its front door, kill it, and look at what it left.

The embedded engine bears one process per data folder, so rows are read after the server has ended, by a process of
their own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

START_S = 150
STOP_S = 30
_READ = """
import json, sys
from clickhouse_connect import get_client
asked = json.load(sys.stdin)
client = get_client(dsn=f"chdb://{asked['folder']}/store", database="observatory")
print(json.dumps([client.query(sql).result_rows for sql in asked["statements"]], default=str))
"""


class Serving:
    """A server on a data folder. It may be started, ended and started again on what it left.

    Args:
        folder: its data folder.
        knobs: settings beside the folder and free ports, as in `tick_s=0.5`.
    """

    def __init__(self, folder: Path, **knobs: object) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self._environment = os.environ | {
            "OBSERVATORY_DATA_DIR": str(folder),
            "OBSERVATORY_PORT": "0",
            "OBSERVATORY_OTLP_HTTP_PORT": "0",
            "OBSERVATORY_OTLP_GRPC_PORT": "0",
            **{f"OBSERVATORY_{name.upper()}": str(value) for name, value in knobs.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, Any] = {}

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def url(self) -> str:
        """The main address: API, pages and OTLP/HTTP."""
        return str(self.addresses["url"])

    @property
    def otlp_http(self) -> str:
        """The address of OTLP/HTTP alone."""
        return str(self.addresses["otlp_http"])

    @property
    def otlp_grpc(self) -> str:
        """Host and port of OTLP/gRPC."""
        return str(self.addresses["otlp_grpc"])

    @property
    def admin_token(self) -> str:
        """The first administrator's token."""
        return (self.folder / "admin.token").read_text(encoding="utf-8")

    @property
    def headers(self) -> dict[str, str]:
        """What a sender with every right presents."""
        return {"Authorization": f"Bearer {self.admin_token}"}

    def start(self) -> None:
        """Start it and wait until it says where it listens."""
        announcement = self.folder / "serve.json"
        announcement.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "observatory.cli", "serve"], env=self._environment, stdout=log, stderr=log
            )
        until = time.monotonic() + START_S
        while not announcement.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self.end()
                raise AssertionError(f"the server did not start:\n{self.log.read_text()[-4_000:]}")
            time.sleep(0.02)
        self.addresses = json.loads(announcement.read_text(encoding="utf-8"))

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def post(self, data: bytes, path: str = "/v1/traces", **headers: str) -> httpx.Response:
        """Send one request of protobuf, unless a header says otherwise, over a connection of its own."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = self.headers | {"content-type": "application/x-protobuf"} | named
        return httpx.post(f"{self.otlp_http}{path}", content=data, headers=sent, timeout=120)

    def token(self, *scopes: str) -> str:
        """A new token with the scopes."""
        answer = httpx.post(
            f"{self.url}/api/v1/monitoring/tokens",
            json={"name": "test", "scopes": list(scopes)},
            headers=self.headers,
            timeout=120,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of `observatory_<name>` that have the labels."""
        text = httpx.get(f"{self.url}/metrics", headers=self.headers | {"Accept": "text/plain"}, timeout=120).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"observatory_{name}" and labels.items() <= sample.labels.items()
        )

    def resident_bytes(self) -> int:
        """Memory that the process holds now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def rows(self, *statements: str) -> list[list[list[Any]]]:
        """What each statement returns, read from the data folder of a server that has ended."""
        assert self.process.poll() is not None, "the server still holds its folder"
        asked = json.dumps({"folder": str(self.folder), "statements": statements})
        answer = subprocess.run([sys.executable, "-c", _READ], input=asked, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr[-4_000:]
        result: list[list[list[Any]]] = json.loads(answer.stdout)
        return result


@contextmanager
def serving(folder: Path, **knobs: object) -> Iterator[Serving]:
    """A running server, gone at the end whatever happens."""
    server = Serving(folder, **knobs)
    try:
        server.start()
        yield server
    finally:
        server.end()
