"""One command in front of the host's own: everything of the host's works as before."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

BINDINGS = """
platform: throwaway
packages: [plat]
services:
  desk: {targets: plat.desk:Desk}
"""
HOST = """
import os, sys
from plat.desk import Desk
Desk().act()
print(sys.argv, sys.path[:1], "sitecustomize" in sys.modules)
"""
COMMAND = (sys.executable, "-m", "observatory_sdk.attach.command")


@pytest.fixture
def host(platform: Any) -> Any:
    platform.write("plat.desk", "class Desk:\n    def act(self): return 1\n    def fork(self): return 2\n")
    platform.write("main", HOST)
    (platform.folder / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return platform


def resources(server: Any) -> list[dict[str, str]]:
    """The resources that sent spans."""
    return [
        {each.key: each.value.string_value for each in found.resource.attributes}
        for message in server.messages("/v1/traces")
        for found in message.resource_spans
    ]


def attached(host: Any, server: Any, *command: str, **environment: str) -> Any:
    settings = {"OBSERVATORY_ENDPOINT": server.url, **environment}
    return host.run(*COMMAND, "--bindings", "bound.yaml", "--", *command, check=False, **settings)


def test_the_command_runs_as_it_would_and_reports(host: Any, otlp_server: Any) -> None:
    done = attached(
        host,
        otlp_server,
        sys.executable,
        "main.py",
        "--bindings",
        "x",
        OBSERVATORY_TOKEN="t0k",
        OBSERVATORY_ENVIRONMENT="staging",
        OBSERVATORY_SERVICE_VERSION="1.2",
    )
    assert done.stderr == ""
    assert done.stdout == f"['main.py', '--bindings', 'x'] ['{host.folder}'] True\n"
    assert [span.name for span in otlp_server.spans()] == ["desk.act"]
    assert otlp_server.headers()[0]["authorization"] == "Bearer t0k"
    (resource,) = resources(otlp_server)
    assert resource["service.name"] == resource["service.namespace"] == "throwaway"
    assert (resource["deployment.environment.name"], resource["service.version"]) == ("staging", "1.2")


def test_the_hosts_exit_status_output_and_own_sitecustomize_are_kept(
    host: Any, otlp_server: Any, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import sys\nsys.host_was_here = __file__\n", encoding="utf-8")
    code = "import sys; import sitecustomize; print(sys.host_was_here == sitecustomize.__file__); sys.exit(7)"
    sources = host.run(sys.executable, "-c", "import os; print(os.environ['PYTHONPATH'])").stdout.strip()
    path = os.pathsep.join([sources, str(own)])
    done = attached(host, otlp_server, sys.executable, "-c", code, PYTHONPATH=path)
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 7)


def test_a_process_that_the_host_starts_is_attached_wherever_it_runs(host: Any, otlp_server: Any) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '{host.folder}/main.py'], cwd='/', check=True)"
    done = attached(host, otlp_server, sys.executable, "-c", code)
    assert (done.stderr, done.returncode) == ("", 0)
    assert [span.name for span in otlp_server.spans()] == ["desk.act"]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"OBSERVATORY_ENDPOINT": "localhost:4318"}, "OBSERVATORY_ENDPOINT: endpoint is 'localhost:4318': it takes"),
        ({"OBSERVATORY_TOKEN": "gehe\xefm"}, "OBSERVATORY_TOKEN: token: it takes printable ASCII text"),
        ({"OBSERVATORY_TOKEN": "a", "OBSERVATORY_TOKEN_FILE": "b"}, "OBSERVATORY_TOKEN_FILE exclude each other"),
        ({"OBSERVATORY_TOKEN_FILE": "none"}, "OBSERVATORY_TOKEN_FILE is 'none': it takes a file that can be read"),
        ({"OBSERVATORY_ENVIRONMENT": " "}, "OBSERVATORY_ENVIRONMENT is empty"),
        ({"OBSERVATORY_BINDINGS": "none.yaml"}, "bindings is 'none.yaml': it takes a file that can be read"),
        ({}, "OBSERVATORY_BINDINGS is not set"),
    ],
)
def test_a_bad_setting_is_told_before_the_host_starts(host: Any, environment: dict[str, str], sentence: str) -> None:
    given = {"OBSERVATORY_BINDINGS": "bound.yaml", **environment} if environment else {}
    done = host.run(*COMMAND, "--", sys.executable, "-c", "print('started')", check=False, **given)
    assert (done.stdout, done.returncode) == ("", 2)
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "gehe" not in done.stderr


def test_a_command_that_is_not_there_is_told(host: Any) -> None:
    done = host.run(*COMMAND, "--bindings", "bound.yaml", "--", "no-such-command", check=False)
    assert (done.returncode, done.stderr) == (127, "observatory-attach: there is no command 'no-such-command'\n")
    done = host.run(*COMMAND, "--bindings", "bound.yaml", check=False)
    assert done.returncode == 2


def test_a_server_that_is_down_changes_nothing_for_the_host(host: Any) -> None:
    settings = {"OBSERVATORY_ENDPOINT": "http://127.0.0.1:9", "OBSERVATORY_TOKEN_FILE": "token"}
    (host.folder / "token").write_text("t0k\n", encoding="utf-8")
    done = host.run(*COMMAND, "--bindings", "bound.yaml", "--", sys.executable, "main.py", **settings)
    assert done.stdout == f"['main.py'] ['{host.folder}'] True\n"


def test_in_code_one_call_attaches_and_configures(host: Any, otlp_server: Any) -> None:
    code = (
        "import sys, observatory_sdk\n"
        "observatory_sdk.attach('bound.yaml', endpoint=sys.argv[1], service_name='api')\n"
        "try:\n    observatory_sdk.attach('bound.yaml')\nexcept observatory_sdk.ConfigurationError as error:\n"
        "    print(error)\n"
        "from plat.desk import Desk\nDesk().act()\n"
    )
    done = host.run(sys.executable, "-W", "error", "-c", code, otlp_server.url)
    assert done.stdout == "bindings are attached already: call detach() on the Attachment first\n"
    assert [span.name for span in otlp_server.spans()] == ["desk.act"]
    assert resources(otlp_server)[0]["service.name"] == "api"
