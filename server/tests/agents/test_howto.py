"""The program of the how-to does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from serving import Serving

from observatory.mcp import load

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "agents.md"


def test_the_program_of_the_page_asks_a_server(server: Serving) -> None:
    found = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    told = subprocess.run(
        [sys.executable, "-c", found[1].replace("http://127.0.0.1:8600", server.url)],
        env=os.environ | {"OBSERVATORY_TOKEN": server.token("read")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() in {"healthy", "degraded", "critical", "unknown"}


def test_the_page_names_every_tool() -> None:
    named = set(re.findall(r"`([a-z]+)`", PAGE.read_text(encoding="utf-8").partition("| Tool |")[2].partition("##")[0]))
    assert named == set(load().tools)
