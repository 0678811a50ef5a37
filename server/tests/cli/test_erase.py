"""A user is erased from everything that a running server keeps, on disk too, and stays away."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import bodies
import httpx
import pytest
from serving import Serving, serving

CALL = {"observatory.service": "chat_service", "observatory.caller": "external"}


@pytest.fixture
def user() -> str:
    return f"u-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("erase") / "data") as server:
        yield server


def _send(server: Serving, user: str) -> None:
    sent = server.post(bodies.traces("production", 3, values=CALL | {"user.id": user}).data)
    assert sent.status_code == 200


def _observatory(server: Serving, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", *arguments],
        env=os.environ | {"OBSERVATORY_DATA_DIR": str(server.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _erase(server: Serving, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _observatory(server, "erase-user", *arguments)


def test_the_command_proves_table_by_table_that_nothing_is_left(served: Serving, user: str) -> None:
    _send(served, user)
    token = served.token(f"user:{user}")
    mine = f"{served.url}/api/v1/monitoring/user/{user}"
    before = httpx.get(mine, headers={"Authorization": f"Bearer {token}"}, timeout=120)
    assert before.status_code == 200
    assert before.json()["active_services"][0]["calls"] == 3

    done = _erase(served, user, "--reason", f"asked for by {user}")

    assert done.returncode == 0, done.stderr + done.stdout
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if "->" in line}
    assert lines["telemetry.otel_traces"] == ["3", "->", "0"]
    assert lines["telemetry.fact_calls"] == ["3", "->", "0"]
    assert lines["control.tokens"] == ["1", "->", "0"]
    assert {after for _, _, after in lines.values()} == {"0"}
    assert "0 rows name the user" in done.stdout
    assert httpx.get(mine, headers={"Authorization": f"Bearer {token}"}, timeout=120).status_code == 403
    assert httpx.get(mine, headers=served.headers, timeout=120).json()["seen"] is False


def test_the_audit_log_tells_that_it_was_done_and_not_to_whom(served: Serving, user: str) -> None:
    _send(served, user)
    assert _erase(served, user, "--reason", f"letter of {user}").returncode == 0
    audit = httpx.get(f"{served.url}/api/v1/monitoring/audit", headers=served.headers, timeout=120)
    assert user not in audit.text
    line = next(each for each in audit.json()["items"] if each["action"] == "user.erased")
    assert line["actor"].startswith("token:")
    assert line["subject"].startswith("user:erased-")
    assert line["reason"].startswith("letter of erased-")


def test_backups_may_still_hold_the_user_until_they_are_deleted(served: Serving, user: str) -> None:
    _send(served, user)
    assert _observatory(served, "backup", f"b-{uuid.uuid4().hex[:6]}").returncode == 0
    kept = _erase(served, user)
    assert kept.returncode == 2
    assert "still in backups" in kept.stdout
    gone = _erase(served, user, "--delete-backups")
    assert gone.returncode == 0, gone.stdout


def test_bad_ids_and_strangers_are_refused(served: Serving) -> None:
    assert "user_id" in _erase(served, "erased-0a1b2c").stderr
    url = f"{served.url}/api/v1/monitoring/erasures"
    for scope in ("read", "operate", "ingest", "user:u-1"):
        headers = {"Authorization": f"Bearer {served.token(scope)}"}
        assert httpx.post(url, json={"user_id": "u-1"}, headers=headers, timeout=120).status_code == 403
    assert httpx.post(url, json={"user_id": "u-1"}, timeout=120).status_code == 401
    for wrong in ({}, {"user_id": ""}, {"user_id": "x" * 300}, {"user_id": "u-1", "whom": "all"}):
        assert httpx.post(url, json=wrong, headers=served.headers, timeout=120).status_code == 422


def test_an_address_is_erased_by_its_own_name_and_stays_away_after_a_restart(served: Serving, user: str) -> None:
    named = f"{user}@example.com"
    quarantine = served.folder / "intents" / "quarantine"
    quarantine.mkdir(exist_ok=True)
    (quarantine / "0.odd.intent").write_bytes(b"..." + named.encode())
    _send(served, named)
    done = _erase(served, named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deleted: 0.odd.intent" in done.stdout
    served.stop()
    served.start()
    _send(served, named)
    shown = httpx.get(f"{served.url}/api/v1/monitoring/user/{named}", headers=served.headers, timeout=120)
    assert shown.json()["seen"] is False
    served.stop()
    try:
        texts = [
            path
            for path in served.folder.rglob("*")
            if path.is_file() and path.suffix in ("", ".txt", ".db", ".log", ".intent")
        ]
        assert any(path.name == "state.db" for path in texts)
        assert [path for path in texts if named.encode() in path.read_bytes()] == []
    finally:
        served.start()
