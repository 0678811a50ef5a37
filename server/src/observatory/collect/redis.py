"""Redis: what `INFO` tells, by the names of the Collector's Redis receiver."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, TypeGuard

from pydantic import Field
from redis.asyncio import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, InvalidResponse, NoPermissionError, RedisError, ResponseError

from observatory.clock import NS_PER_S
from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason, Unread
from observatory.collect.secret import Secret
from observatory.collect.target import Host, Port, Target, Text, Tls, Tools

# Field of INFO, name, unit.
_GAUGES: Final = (
    ("used_memory", "redis.memory.used", "By"),
    ("used_memory_peak", "redis.memory.peak", "By"),
    ("used_memory_rss", "redis.memory.rss", "By"),
    ("used_memory_lua", "redis.memory.lua", "By"),
    ("mem_fragmentation_ratio", "redis.memory.fragmentation_ratio", "1"),
    ("maxmemory", "redis.maxmemory", "By"),
    ("maxclients", "redis.clients.max", "{client}"),
    ("client_recent_max_input_buffer", "redis.clients.max_input_buffer", "By"),
    ("client_recent_max_output_buffer", "redis.clients.max_output_buffer", "By"),
    ("instantaneous_ops_per_sec", "redis.commands", "{ops}/s"),
    ("latest_fork_usec", "redis.latest_fork", "us"),
    ("master_repl_offset", "redis.replication.offset", "By"),
    ("slave_repl_offset", "redis.replication.replica_offset", "By"),
    ("master_last_io_seconds_ago", "redis.replication.last_io.age", "s"),
)
_LEVELS: Final = (
    ("connected_clients", "redis.clients.connected", "{client}"),
    ("blocked_clients", "redis.clients.blocked", "{client}"),
    ("connected_slaves", "redis.slaves.connected", "{replica}"),
    ("rdb_changes_since_last_save", "redis.rdb.changes_since_last_save", "{change}"),
)
_COUNTERS: Final = (
    ("uptime_in_seconds", "redis.uptime", "s"),
    ("keyspace_hits", "redis.keyspace.hits", "{hit}"),
    ("keyspace_misses", "redis.keyspace.misses", "{miss}"),
    ("evicted_keys", "redis.keys.evicted", "{key}"),
    ("expired_keys", "redis.keys.expired", "{event}"),
    ("total_connections_received", "redis.connections.received", "{connection}"),
    ("rejected_connections", "redis.connections.rejected", "{connection}"),
    ("total_commands_processed", "redis.commands.processed", "{command}"),
    ("total_net_input_bytes", "redis.net.input", "By"),
    ("total_net_output_bytes", "redis.net.output", "By"),
)
_CPU: Final = ("sys", "user", "sys_children", "user_children", "sys_main_thread", "user_main_thread")
_KEYSPACE: Final = (
    ("keys", "redis.db.keys", "{key}"),
    ("expires", "redis.db.expires", "{key}"),
    ("avg_ttl", "redis.db.avg_ttl", "ms"),
)
_MOST_DATABASES: Final = 64


class RedisTarget(Target):
    """One server of Redis or Valkey. The account needs `INFO` and nothing else."""

    KIND: ClassVar[str] = "redis"
    SENTENCE: ClassVar[str] = "A server of Redis or Valkey: what INFO tells."

    kind: Literal["redis"]
    host: Host = Field(description="Its host.")
    port: Port = Field(6379, description="Its port.")
    username: Text | None = Field(None, description="The account; the default one unless set.")
    password: Secret | None = Field(None, description="The account's password.")
    tls: Tls | None = Field(None, description="Set, as in `{}`: the connection is TLS.")

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port."""
        return self.host, self.port

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Connect, ask once, hang up.

        Raises:
            Unread: if it cannot be reached, does not let us in, or answers with something else.
        """
        write(await self._info(), into, tools)

    async def _info(self) -> Mapping[str, Any]:
        connection = self._connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # the package lacks it
            await connection.send_command("INFO")
            answer = await connection.read_response()
        except (AuthenticationError, NoPermissionError) as error:
            raise Unread(Reason.DENIED, f"{error}") from None
        except ResponseError as error:
            raise Unread(Reason.QUERY, f"INFO: {error}") from None
        except (InvalidResponse, ValueError, IndexError, UnicodeDecodeError):
            raise Unread(Reason.MALFORMED, "what answers there does not speak Redis's protocol") from None
        except (RedisError, OSError) as error:
            raise Unread(Reason.UNREACHABLE, f"{error}") from None
        finally:
            # A farewell is one more wait, and a server that hangs says none.
            await connection.disconnect(nowait=True)
        info = parse(answer) if isinstance(answer, str) else {}
        if "run_id" not in info:
            raise Unread(Reason.MALFORMED, "the answer to INFO names no run_id")
        return info

    def _connection(self) -> Connection:
        named: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password.read() if self.password else None,
            "decode_responses": True,
            # Our own timeout is around all of it, and we try again at our own pace.
            "socket_timeout": None,
            "socket_connect_timeout": None,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            # Saying who we are would be two more commands each time.
            "driver_info": None,
        }
        if self.tls is None:
            return Connection(**named)
        return SSLConnection(**named, ssl_ca_certs=str(self.tls.ca_file) if self.tls.ca_file else None)


def parse(text: str) -> dict[str, Any]:
    """The lines of `INFO`: numbers as numbers, `db0:keys=1,expires=0` as a mapping."""
    pairs = (line.partition(":") for line in text.splitlines() if line and line[0] != "#")
    return {
        name: dict(_pair(each) for each in value.split(",")) if name[:2] == "db" and "=" in value else _value(value)
        for name, _, value in pairs
    }


def _pair(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, _value(value)


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def write(info: Mapping[str, Any], into: Metrics, tools: Tools) -> None:
    """The parsed answer to `INFO` as points. A field that is not there is no point."""
    uptime_s = info.get("uptime_in_seconds")
    started_ns = 0
    if isinstance(uptime_s, int):
        started_ns = tools.starts.settled(info["run_id"], into.at_ns - uptime_s * NS_PER_S)
    for field, name, unit in _GAUGES:
        if _is_number(value := info.get(field)):
            into.gauge(name, value, unit)
    for field, name, unit in _LEVELS:
        if _is_number(value := info.get(field)):
            into.level(name, value, unit)
    for field, name, unit in _COUNTERS:
        if _is_number(value := info.get(field)):
            into.counter(name, value, unit, started_ns)
    for state in _CPU:
        if _is_number(value := info.get(f"used_cpu_{state}")):
            into.counter("redis.cpu.time", float(value), "s", started_ns, {"state": state})
    if (link := info.get("master_link_status")) is not None:
        into.gauge("redis.replication.link.up", int(link == "up"))
    _write_keyspace(info, into)


def _write_keyspace(info: Mapping[str, Any], into: Metrics) -> None:
    databases = [(name[2:], held) for name, held in info.items() if name[:2] == "db" and isinstance(held, dict)]
    for database, held in databases[:_MOST_DATABASES]:
        for field, name, unit in _KEYSPACE:
            if _is_number(value := held.get(field)):
                into.gauge(name, value, unit, {"db": database})


def _is_number(value: object) -> TypeGuard[float]:
    # A word like `nan` would be one to Python.
    return isinstance(value, int | float) and math.isfinite(value)
