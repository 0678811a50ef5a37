"""Processes that fork: each child reports itself, once."""

from __future__ import annotations

import sys
from typing import Any

import pytest

BINDINGS = "platform: throwaway\npackages: [plat]\nservices:\n  desk: {targets: plat.desk:Desk}\n"
COMMAND = (sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "bound.yaml", "--")
POOL = """
import multiprocessing, sys
from plat.desk import Desk, single

if __name__ == "__main__":
    single.act(0)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert sorted(pool.map(single.act, range(8), chunksize=1)) == list(range(8))
        pool.close()
        pool.join()
    print("done")
"""


@pytest.fixture
def host(platform: Any) -> Any:
    platform.write(
        "plat.desk",
        """
        import time
        class Desk:
            def act(self, number):
                time.sleep(0.05)
                return number
        single = Desk()
        """,
    )
    platform.write("pool", POOL)
    (platform.folder / "bound.yaml").write_text(BINDINGS, encoding="utf-8")
    return platform


def by_instance(server: Any) -> dict[str, int]:
    """How many spans each instance sent."""
    found: dict[str, int] = {}
    for message in server.messages("/v1/traces"):
        for each in message.resource_spans:
            keys = {key.key: key.value.string_value for key in each.resource.attributes}
            count = sum(len(scope.spans) for scope in each.scope_spans)
            found[keys["service.instance.id"]] = found.get(keys["service.instance.id"], 0) + count
    return found


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_report_each_call_once(host: Any, otlp_server: Any, way: str) -> None:
    done = host.run(*COMMAND, sys.executable, "pool.py", way, OBSERVATORY_ENDPOINT=otlp_server.url, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")
    counts = by_instance(otlp_server)
    assert sum(counts.values()) == 9
    assert 2 <= len(counts) <= 3


def test_forked_workers_that_live_on_report_under_ids_of_their_own(host: Any, otlp_server: Any) -> None:
    host.write(
        "forks",
        """
        import os, time
        from plat.desk import single
        single.act(0)
        children = []
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                for _ in range(5):
                    single.act(number)
                time.sleep(1.5)
                os._exit(0)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
        """,
    )
    done = host.run(*COMMAND, sys.executable, "forks.py", OBSERVATORY_ENDPOINT=otlp_server.url, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert sorted(by_instance(otlp_server).values()) == [1, 5, 5, 5]
