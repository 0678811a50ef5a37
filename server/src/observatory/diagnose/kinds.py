"""What kind of quantity a metric is, by the words of its name: what it can say of a cause depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What a metric measures, from what a service has of its own to what others do with it.

    Attributes:
        RESOURCE: what the service itself uses: processor, memory, disk. Nobody's answer is in it.
        HELD: what piles up while others are slow: sockets, connections, threads, queues.
        SELF: the service's own time, without that of whom it calls.
        LATENCY: time to answer, which contains the time of whom it calls.
        ERROR: failures, which contain those of whom it calls.
        TRAFFIC: how much it is asked, which is its callers' doing.
        OTHER: not known.
    """

    RESOURCE = "resource"
    HELD = "held"
    SELF = "self"
    LATENCY = "latency"
    ERROR = "error"
    TRAFFIC = "traffic"
    OTHER = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The first kind that has one of the words is it. "request_errors" is about errors, "cpu_load" about the processor.
_WORDS: Mapping[Kind, frozenset[str]] = {
    Kind.SELF: _words("self selftime"),
    Kind.ERROR: _words(
        "error errors err errs fail fails failed failure failures fault faults exception exceptions timeout timeouts "
        "reject rejects rejected rejection rejections denied dropped drops retry retries retried 4xx 5xx unsuccessful "
        "panic fatal warn warning warnings"
    ),
    Kind.LATENCY: _words(
        "latency latencies lat duration durations elapsed delay rt rtt response p50 p75 p90 p95 p99 p999 lat50 lat90 "
        "lat95 lat99 lateness lag staleness wait waiting ttft"
    ),
    Kind.RESOURCE: _words(
        "cpu cpus processor mem memory rss heap gc swap disk diskio io iops iowait inode inodes fs filesystem storage "
        "throttle throttled throttling restart restarts oom resident pagefaults load1 load5 load15 "
        "temperature"
    ),
    Kind.HELD: _words(
        "socket sockets conn conns connection connections thread threads pool queue queued backlog pending inflight "
        "active open fd fds files saturation depth goroutines busy lock locks"
    ),
    Kind.TRAFFIC: _words(
        "workload load traffic request requests req reqs rps qps tps ops rate throughput calls call count counts total "
        "messages msgs bytes packets rx tx receive received transmit transmitted sent network net hits spans logs "
        "events"
    ),
}
_PIECES = re.compile(r"[a-z]+\d*(?:xx)?|\d+xx")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def kind(metric: str) -> Kind:
    """The kind that a metric's name tells; OTHER when it tells none."""
    pieces = frozenset(_PIECES.findall(_CAMEL.sub("_", metric).lower()))
    return next((each for each, words in _WORDS.items() if pieces & words), _by_unit(pieces))


def _by_unit(pieces: Iterable[str]) -> Kind:
    return Kind.LATENCY if {"ms", "seconds", "time", "millis"} & set(pieces) else Kind.OTHER
