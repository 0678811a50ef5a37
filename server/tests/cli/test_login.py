"""`observatory login` and `observatory token`: with a server, and what they say without one."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import Serving, serving


def observatory(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product on a data folder."""
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", *arguments],
        env=os.environ | {"OBSERVATORY_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(answer: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused command says."""
    assert answer.returncode == 1
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("login") / "data") as running:
        yield running


def test_login_prints_a_link_that_opens_one_session(server: Serving) -> None:
    printed = observatory(server.folder, "login")
    link = printed.stdout.strip()
    assert printed.returncode == 0, printed.stderr
    assert link.startswith(f"{server.url}/login/")
    opened = httpx.get(link)
    assert opened.status_code == 303
    assert httpx.get(f"{server.url}/plain", cookies=opened.cookies).status_code == 200
    assert httpx.get(link).status_code == 401


def test_token_prints_a_token_with_the_scopes_and_no_more(server: Serving) -> None:
    printed = observatory(server.folder, "token", "a collector", "--scope", "ingest", "--scope", "user:7")
    headers = {"Authorization": f"Bearer {printed.stdout.strip()}", "content-type": "application/x-protobuf"}
    assert printed.returncode == 0, printed.stderr
    assert httpx.post(f"{server.otlp_http}/v1/traces", content=b"", headers=headers).status_code == 200
    assert httpx.get(f"{server.url}/api/v1/monitoring/system-health", headers=headers).status_code == 403


def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(server: Serving) -> None:
    said = refused(observatory(server.folder, "token", "mine", "--scope", "everything"))
    assert "'everything' is none of ingest, read, operate, admin, user:<id>" in said


def test_without_a_server_they_say_on_which_folder_and_which_knob_tells(tmp_path: Path) -> None:
    for arguments in (("login",), ("token", "mine", "--scope", "read")):
        said = refused(observatory(tmp_path, *arguments))
        assert said.startswith(f"observatory: no server runs on {tmp_path}")
        assert "OBSERVATORY_DATA_DIR" in said


def test_a_server_that_was_killed_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as server:
        server.kill()
        assert (folder / "serve.json").exists()
        assert refused(observatory(folder, "login")).startswith(
            f"observatory: no server runs on {folder}: {server.url}"
        )


class _Stranger(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(501)

    def log_message(self, format: str, *args: object) -> None:
        return


def test_another_program_on_the_port_is_told_apart(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Stranger) as stranger:
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{stranger.server_port}"
            (tmp_path / "serve.json").write_text(json.dumps({"url": url}))
            (tmp_path / "admin.token").write_text("obs_none")
            assert refused(observatory(tmp_path, "login")) == (
                f"observatory: {url} is not an Observatory: it answered 501 without JSON"
            )
        finally:
            stranger.shutdown()
            thread.join()
