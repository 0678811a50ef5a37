"""Labelled lines of logs, made from templates: the same seed gives the same lines."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import Any
from uuid import UUID

import yaml

_USERS = [
    "root",
    "admin",
    "test",
    "guest",
    "oracle",
    "postgres",
    "webmaster",
    "nagios",
    "cyrus",
    "news",
    "ubuntu",
    "pi",
]
_HOSTS = ["combo", "LabSZ", "db-01", "web-12", "node42", "kafka-3.internal", "broker7"]
_DOMAINS = ["proxy.example.com", "ns1.example.net", "mail.host-9.example.org", "cache.cn.example.cn", "api.example.io"]
_PROGRAMS = ["chrome", "Dropbox", "QQ", "java", "python3", "httpd", "mysqld", "updater", "Agent", "sync"]
_WORDS = ["orders", "fills", "signals", "candles", "balances", "audit", "users", "alerts"]
_PACKAGES = ["com.android.systemui", "com.example.chat", "android", "org.example.player", "com.example.maps"]
_LEVELS, _THREADS = ["notice", "error"], ["main", "http-1", "http-12", "pool-3-thread-7"]
_START = datetime(2026, 3, 1)


def sets(part: str) -> Mapping[str, Mapping[str, Any]]:
    """The sets of templates of a part, `develop` or `held`."""
    found = yaml.safe_load(Path(__file__).with_name("templates.yaml").read_text())
    return dict(found[part])


def made(templates: Mapping[str, Any], seed: int, count: int) -> list[tuple[int, str]]:
    """Lines with the place of their template. How often one comes follows Zipf's law, as in logs."""
    chance = random.Random(seed)
    slots = _slots(chance)
    texts = list(templates["lines"])
    order = chance.sample(range(len(texts)), len(texts))
    weights = [1 / (1 + order.index(place)) for place in range(len(texts))]
    found = []
    for _ in range(count):
        (place,) = chance.choices(range(len(texts)), weights)
        found.append((place, _filled(templates["head"] + texts[place], slots)))
    return found


def _filled(template: str, slots: Mapping[str, Callable[[], str]]) -> str:
    parts = Formatter().parse(template)
    return "".join(text + (slots[name]() if name else "") for text, name, _, _ in parts)


def _slots(chance: random.Random) -> dict[str, Callable[[], str]]:
    def one(of: list[str]) -> Callable[[], str]:
        return lambda: chance.choice(of)

    def ip() -> str:
        return ".".join(str(chance.randint(1, 254)) for _ in range(4))

    def when(form: str) -> Callable[[], str]:
        return lambda: (_START + timedelta(seconds=chance.uniform(0, 9e6))).strftime(form)

    def many(of: list[str], joint: str, least: int, most: int) -> Callable[[], str]:
        return lambda: joint.join(chance.choice(of) for _ in range(chance.randint(least, most)))

    path = many(["var", "lib", "data", "v2", "logs", "servers", "etc", "part-00042", "images", "a7f3c1d09b"], "/", 2, 5)
    return {
        "int": lambda: str(chance.randint(0, 10 ** chance.randint(1, 8))),
        "digit": lambda: str(chance.randint(0, 9)),
        "float": lambda: f"{chance.uniform(0, 900):.{chance.randint(1, 6)}f}",
        "hex": lambda: hex(chance.getrandbits(chance.choice((4, 16, 32, 64)))),
        "hexword": lambda: f"{chance.getrandbits(28):07x}",
        "uuid": lambda: str(UUID(int=chance.getrandbits(128), version=4)),
        "id": lambda: f"{chance.choice('ABX')}-{chance.randint(1, 99999)}",
        "blk": lambda: f"blk_{chance.choice(['', '-'])}{chance.getrandbits(62)}",
        "ip": ip,
        "ips": lambda: " ".join(f"{ip()}:50010" for _ in range(chance.randint(1, 3))),
        "bool": one(["true", "false"]),
        "user": one(_USERS),
        "host": one(_HOSTS),
        "fqdn": one(_DOMAINS),
        "program": one(_PROGRAMS),
        "word": one(_WORDS),
        "words": many(["View", "Lock", "RILJ", "Audio", "Mix"], " ", 1, 2),
        "package": one(_PACKAGES),
        "activity": lambda: f"{chance.choice(_PACKAGES)}/.ui.{chance.choice(['Main', 'Login', 'News'])}Activity",
        "quoted": lambda: "'" + ":".join(chance.sample(_WORDS, 2)) + "'",
        "level": one(_LEVELS),
        "thread": one(_THREADS),
        "disk": one(["sda1", "sdb2", "nvme0n1p1"]),
        "nic": one(["eth0", "eth1", "ens33"]),
        "path": lambda: "/" + path(),
        "winpath": lambda: "C:\\Windows\\" + path().replace("/", "\\") + ".dll",
        "syslog": when("%b %d %H:%M:%S"),
        "iso": when("%Y-%m-%d %H:%M:%S,%f"),
        "ctime": when("%a %b %d %H:%M:%S %Y"),
        "date": when("%y%m%d"),
        "clock6": when("%H%M%S"),
        "clock": when("%M:%S"),
        "phone": when("%m-%d %H:%M:%S.%f"),
        "ymd": when("%Y.%m.%d"),
        "ymdhms": when("%Y-%m-%d-%H.%M.%S.%f"),
    }
