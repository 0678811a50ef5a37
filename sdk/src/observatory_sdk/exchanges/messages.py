"""Messages of venues' streams: what channel and symbol each is of, when it happened, which number it has. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

from observatory_sdk.exchanges.values import instant_ns, whole

# To take a longer text apart would cost more than it tells: it is counted by what stands at its beginning.
MAX_PARSED = 8_192
_HEAD = 512
MAX_ROWS = 1_000
_MAX_NATIVE = 4_096
_NATIVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/:_.\-]{1,39}")
_PAIR = re.compile(r'"([A-Za-z_.]{1,24})"\s{0,2}:\s{0,2}(?:"([^"\\]{0,64})"|(-?\d{1,19})(?=[,}\]\s]))')
_SEPARATED = str.maketrans("-_", "//")
Path = tuple[str | int, ...]


class Tick(NamedTuple):
    """One item of a message. `channel` is None for one that only moves the connection's numbers on."""

    channel: str | None
    symbol: str
    time_ns: int | None = None
    first: int | None = None
    last: int | None = None
    previous: int | None = None
    of_connection: bool = False
    kept: bool = False
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class _At:
    """Where a value stands: in the message or in a row of it."""

    path: Path
    outer: bool

    def read(self, row: object, message: object) -> object:
        """What stands there, or None."""
        found = message if self.outer else row
        for step in self.path:
            if type(found) is dict and type(step) is str:
                found = found.get(step)
            elif type(found) is list and type(step) is int and step < len(found):
                found = found[step]
            else:
                return None
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of message is read."""

    when: tuple[tuple[_At, object], ...]
    channel: str | None
    rows: _At | None
    symbol: _At | None
    symbol_after: str | None
    time: _At | None
    unit: str
    first: _At | None
    last: _At | None
    previous: _At | None
    of_connection: bool
    kept: bool

    def fits(self, message: object) -> bool:
        """Whether a message is of this kind."""
        for at, value in self.when:
            found = at.read(message, message)
            if found is None or (value is not True and found != value):
                return False
        return True

    def ticks(self, message: object, pair: Callable[[object], str | None]) -> Iterator[Tick]:
        """What it says."""
        listed = message if self.rows is None else self.rows.read(message, message)
        for row in listed[:MAX_ROWS] if self.rows is not None and type(listed) is list else (listed,):
            found = self._tick(row, message, pair)
            if found is not None:
                yield found

    def _tick(self, row: object, message: object, pair: Callable[[object], str | None]) -> Tick | None:
        symbol = ""
        if self.symbol is not None:
            said = self.symbol.read(row, message)
            if self.symbol_after is not None and type(said) is str:
                said = said.partition(self.symbol_after)[2]
            found = pair(said)
            if found is None:
                return None
            symbol = found
        time_ns = None if self.time is None else instant_ns(self.time.read(row, message), self.unit)
        if self.last is None:
            return Tick(self.channel, symbol, time_ns)
        first = None if self.first is None else whole(self.first.read(row, message))
        previous = None if self.previous is None else whole(self.previous.read(row, message))
        return Tick(
            self.channel,
            symbol,
            time_ns,
            first,
            whole(self.last.read(row, message)),
            previous,
            self.of_connection,
            self.kept,
            # Numbers that only name the one before begin anew with a message that names none.
            self.previous is not None and previous is None and first is None,
        )


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue's messages."""

    id: str
    unwrap: str | None
    rules: tuple[Rule, ...]
    quotes: tuple[str, ...]
    pairs: dict[str, str | None] = field(default_factory=dict)

    def read(self, message: object) -> list[Tick]:
        """What a message says that has been taken apart; nothing where it is of no kind that is known."""
        if self.unwrap is not None and type(message) is dict:
            inner = message.get(self.unwrap)
            message = inner if type(inner) is dict else message
        if type(message) is not dict:
            return []
        for rule in self.rules:
            if rule.fits(message):
                return list(rule.ticks(message, self.pair))
        return []

    def read_text(self, text: str | bytes) -> list[Tick]:
        """What a message says. A long one tells only its channel and symbol, rubbish nothing."""
        if len(text) > MAX_PARSED:
            return self._read_head(text)
        try:
            return self.read(json.loads(text))
        except (ValueError, RecursionError):
            return []

    def pair(self, native: object) -> str | None:
        """The venue's own name of a pair as `BASE/QUOTE`; None when it is no name."""
        if type(native) is not str:
            return None
        try:
            return self.pairs[native]
        except KeyError:
            found = self._pair(native)
            if len(self.pairs) < _MAX_NATIVE:
                self.pairs[native] = found
            return found

    def _pair(self, native: str) -> str | None:
        if not _NATIVE.fullmatch(native):
            return None
        upper = native.upper().translate(_SEPARATED)
        if "/" in upper:
            return upper
        quote = next((each for each in self.quotes if upper.endswith(each) and len(upper) > len(each)), None)
        return upper if quote is None else f"{upper[: -len(quote)]}/{quote}"

    def _read_head(self, text: str | bytes) -> list[Tick]:
        head = text[:_HEAD] if isinstance(text, str) else text[:_HEAD].decode("utf-8", "replace")
        said: dict[str, object] = {}
        for name, word, number in _PAIR.findall(head):
            said.setdefault(name, word or (int(number) if number else ""))
        for rule in self.rules:
            if rule.channel is None or rule.symbol is None or not _fits_flat(rule, said):
                continue
            native = said.get(str(rule.symbol.path[-1]))
            if rule.symbol_after is not None and isinstance(native, str):
                native = native.partition(rule.symbol_after)[2]
            symbol = self.pair(native)
            return (
                [] if symbol is None else [Tick(rule.channel, symbol, of_connection=rule.of_connection, restarts=True)]
            )
        return []


def _fits_flat(rule: Rule, said: Mapping[str, object]) -> bool:
    # What has to be there may stand behind the head; values that tell the kind stand in front.
    fixed = [(str(at.path[-1]), value) for at, value in rule.when if value is not True]
    return bool(fixed) and all(said.get(name) == value for name, value in fixed)


def of_host(url: str) -> Venue | None:
    """The venue whose stream is at an address; None for one that is not known."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    hosts, _ = _venues()
    found = _MORE.get(f"{host}:{port}") or _MORE.get(host)
    while found is None and host:
        found = hosts.get(host)
        host = host.partition(".")[2]
    return found


def of_id(exchange_id: str) -> Venue | None:
    """The venue of an exchange by ccxt's name."""
    return _venues()[1].get(exchange_id)


_MORE: dict[str, Venue] = {}


def know(host: str, exchange_id: str) -> None:
    """Take a further host, or `host:port`, for a venue's stream: a mirror or a proxy of the host's own.

    Raises `KeyError` when the venue is not known.
    """
    _MORE[host] = _venues()[1][exchange_id]


def forget(host: str) -> None:
    """Undo `know`."""
    _MORE.pop(host, None)


@cache
def _venues() -> tuple[Mapping[str, Venue], Mapping[str, Venue]]:
    text = resources.files("observatory_sdk.exchanges").joinpath("feeds.yaml").read_text("utf-8")
    document = yaml.safe_load(text)
    hosts: dict[str, Venue] = {}
    ids: dict[str, Venue] = {}
    for id_, each in document["venues"].items():
        rules = tuple(_rule(rule) for rule in each["messages"])
        venue = Venue(id_, each.get("unwrap"), rules, tuple(document["quotes"]))
        hosts.update(dict.fromkeys(each["hosts"], venue))
        ids.update(dict.fromkeys(each["ids"], venue))
    return hosts, ids


def _rule(each: Mapping[str, Any]) -> Rule:
    sequence = each.get("sequence", {})
    return Rule(
        tuple((_at(name), value) for name, value in each["when"].items()),
        each.get("channel"),
        _optional(each.get("rows")),
        _optional(each.get("symbol")),
        each.get("symbol_after"),
        _optional(each.get("time")),
        each.get("unit", "ms"),
        _optional(sequence.get("first")),
        _optional(sequence.get("last")),
        _optional(sequence.get("previous")),
        sequence.get("of") == "connection",
        bool(sequence.get("kept")),
    )


def _optional(text: str | None) -> _At | None:
    return None if text is None else _at(text)


def _at(text: str) -> _At:
    steps = text.removeprefix("^").split(".")
    return _At(tuple(int(step) if step.isdigit() else step for step in steps), text.startswith("^"))
