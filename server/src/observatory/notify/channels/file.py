"""The file of channels: YAML with a list under `channels`. What cannot be taken is refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from observatory.clock import Clock
from observatory.errors import ObservatoryError
from observatory.model.alert import Severity
from observatory.model.notification import Kind
from observatory.notify.channels.alertmanager import Alertmanager
from observatory.notify.channels.channel import Channel, Sender, Tools
from observatory.notify.channels.secret import LEAST_SCRUBBED, Secret
from observatory.notify.channels.services import AddressUnknown, Service
from observatory.notify.channels.webhook import Webhook

MOST_BYTES = 1 << 20
MOST_CHANNELS = 100
# What services put between the parts of their paths.
_BETWEEN = re.compile(r"[/:@,;]")
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
Text = Annotated[str, Field(max_length=2_048)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class ChannelError(ObservatoryError):
    """The file of channels cannot be taken. Its message never repeats an address or a secret."""


class Entry(BaseModel):
    """One channel as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    kind: Literal["apprise", "webhook", "alertmanager"]
    url: Secret | Text = Field(description="Where to; `{name}` stands for one of `secrets`.")
    base_url: Text = Field("", description="apprise: a Telegram server of one's own.")
    headers: dict[str, Text] = Field(default_factory=dict, max_length=20)
    secrets: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Secret] = Field(default_factory=dict)
    severities: tuple[Severity, ...] = (Severity.CRITICAL, Severity.WARNING)
    environments: tuple[Text, ...] = ()
    rules: tuple[Text, ...] = ()
    areas: tuple[Text, ...] = ()
    kinds: tuple[Kind, ...] = (Kind.ALERT, Kind.INCIDENT, Kind.REMINDER)
    per_minute: int = Field(20, ge=1, le=10_000)
    resend_s: float = Field(60.0, ge=1.0, le=3_600.0, description="alertmanager: how often it is told again.")


@dataclass(frozen=True, slots=True)
class _Filled:
    """An entry with its secrets in place."""

    entry: Entry
    url: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]


def read(text: str | bytes, tools: Tools, clock: Clock) -> tuple[Channel, ...]:
    """The channels of a file's text.

    Raises:
        ChannelError: the file or a channel of it cannot be taken.
    """
    try:
        document = yaml.safe_load(text)
    # A date that there is not is a ValueError of the reader's own.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ChannelError("no YAML" + (f": line {mark.line + 1}" if mark else "")) from None
    if not isinstance(document, dict) or set(document) != {"channels"} or not isinstance(document["channels"], list):
        raise ChannelError("must hold `channels`, a list, and nothing else")
    if len(document["channels"]) > MOST_CHANNELS:
        raise ChannelError(f"at most {MOST_CHANNELS} channels are allowed")
    found = [_channel(each, place, tools, clock) for place, each in enumerate(document["channels"], 1)]
    names = [each.id for each in found]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ChannelError(f"channel {twice[0]!r} stands twice")
    return tuple(found)


def _channel(told: Any, place: int, tools: Tools, clock: Clock) -> Channel:
    name = told.get("id") if isinstance(told, dict) else None
    who = f"channel {name[:64]!r}" if isinstance(name, str) else f"channel {place}"
    try:
        entry = Entry.model_validate(told)
        filled = _fill(entry)
        sender, where = MAKERS[entry.kind](filled, tools, clock)
    except ValidationError as error:
        issue = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(map(str, issue["loc"]))
        raise ChannelError(f"{who}: {field}: {issue['msg']}") from None
    except (AddressUnknown, ValueError) as error:
        raise ChannelError(f"{who}: {error}") from None
    return Channel(
        id=entry.id,
        kind=entry.kind,
        where=where,
        sender=sender,
        severities=frozenset(entry.severities),
        environments=frozenset(entry.environments),
        rules=entry.rules,
        areas=frozenset(entry.areas),
        kinds=frozenset((*entry.kinds, Kind.TEST)) - _NOT_FOR.get(entry.kind, frozenset()),
        per_minute=entry.per_minute,
        secrets=filled.secrets,
    )


# An Alertmanager keeps alerts: that somebody took one would be an alert of its own there.
_NOT_FOR: Mapping[str, frozenset[Kind]] = {"alertmanager": frozenset({Kind.INCIDENT})}


def _fill(entry: Entry) -> _Filled:
    values = {name: secret.read() for name, secret in entry.secrets.items()}
    whole = entry.url.read() if isinstance(entry.url, Secret) else _placed(entry.url, values, "url")
    headers = {name: _placed(text, values, f"headers.{name}") for name, text in entry.headers.items()}
    for name, text in headers.items():
        if not (name.isascii() and name.replace("-", "").isalnum() and text.isascii() and text.isprintable()):
            raise ValueError("headers: a name or a value that HTTP does not allow")
    return _Filled(entry, whole, headers, _hidden(whole, [*values.values(), *headers.values()]))


def _placed(text: str, values: Mapping[str, str], field: str) -> str:
    unknown = [each for each in _PLACE.findall(text) if each not in values]
    if unknown:
        raise ValueError(f"{field}: there is no secret {unknown[0]!r}")
    return _PLACE.sub(lambda found: values[found[1]], text)


def _hidden(url: str, values: list[str]) -> tuple[str, ...]:
    """What must not show up: secrets, the address, and the parts of it in which people put secrets."""
    parts = urlsplit(url)
    found = {url, parts.path, parts.query, parts.netloc, *values, *_pieces(parts)}
    found |= {form for each in found for form in (quote(each, safe=""), unquote(each))}
    # The longest first: a secret within another must not leave the rest of that one behind.
    return tuple(sorted((each for each in found if len(each.strip("/")) >= LEAST_SCRUBBED), key=len, reverse=True))


def _pieces(parts: SplitResult) -> set[str]:
    """Users, passwords, and tokens between slashes, in the query and, where a service has no host, in its place."""
    user, _, host = parts.netloc.rpartition("@")
    found = {*user.split(":"), *_BETWEEN.split(parts.path), *_BETWEEN.split(parts.fragment)}
    found |= {value for _, value in parse_qsl(parts.query, keep_blank_values=True)}
    # Where something is sent to is no secret, and errors should name it; a token has no dots.
    found |= {each for each in host.split(":") if "." not in each and each != "localhost" and not each.isdecimal()}
    return found


def _shown(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("url: an address begins with http:// or https://")
    if parts.username or parts.password:
        raise ValueError("url: name and password belong into headers: {Authorization: ...}")
    port = f":{parts.port}" if parts.port else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def _webhook(filled: _Filled, tools: Tools, clock: Clock) -> tuple[Sender, str]:
    return Webhook(filled.url, filled.headers, tools), _shown(filled.url)


def _alertmanager(filled: _Filled, tools: Tools, clock: Clock) -> tuple[Sender, str]:
    resend_s = filled.entry.resend_s
    return Alertmanager(filled.url, filled.headers, resend_s, clock, tools), _shown(filled.url)


def _apprise(filled: _Filled, tools: Tools, clock: Clock) -> tuple[Sender, str]:
    service = Service(filled.url, filled.entry.base_url, tools)
    return service, service.where


MAKERS: Mapping[str, Callable[[_Filled, Tools, Clock], tuple[Sender, str]]] = {
    "webhook": _webhook,
    "alertmanager": _alertmanager,
    "apprise": _apprise,
}
