"""What can be looked at. A new kind is a file with a `Target` and a line here.

A kind is loaded when a target of it is declared: the libraries of all of them are 35 MB that most servers do not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from observatory.collect.target import Target

KINDS: Final = {
    "redis": "RedisTarget",
    "postgresql": "PostgresqlTarget",
    "sql": "SqlTarget",
    "prometheus": "PrometheusTarget",
    "http": "HttpTarget",
    "tcp": "TcpTarget",
    "tls": "TlsTarget",
}


def kind_of(name: str) -> type[Target]:
    """The kind with the name, which is also its file's."""
    return cast(type[Target], getattr(import_module(f"{__package__}.{name}"), KINDS[name]))


def known() -> tuple[type[Target], ...]:
    """Every kind, in the order that people are shown."""
    return tuple(map(kind_of, KINDS))
