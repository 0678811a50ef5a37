"""What `observatory-attach` is told by the environment: one table. A bad value stops the start and names itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from observatory_sdk import arguments
from observatory_sdk.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable of the environment, what stands in it, and what holds without it."""

    name: str
    sentence: str
    default: str | None = None


BINDINGS = Setting("OBSERVATORY_BINDINGS", "Bindings: a file, or a name that the SDK ships. `--bindings` sets it.")
ENDPOINT = Setting("OBSERVATORY_ENDPOINT", "Base address of the server's OTLP door.", "http://127.0.0.1:4318")
TOKEN = Setting("OBSERVATORY_TOKEN", "Token for the server, if it asks for one.")
TOKEN_FILE = Setting("OBSERVATORY_TOKEN_FILE", "File that holds the token, instead of `OBSERVATORY_TOKEN`.")
ENVIRONMENT = Setting("OBSERVATORY_ENVIRONMENT", "Environment that the telemetry counts for.", "production")
SERVICE_NAME = Setting("OBSERVATORY_SERVICE_NAME", "Name of the process; without it the platform's name.")
SERVICE_VERSION = Setting("OBSERVATORY_SERVICE_VERSION", "Version of the process.")
SAMPLE_RATIO = Setting(
    "OBSERVATORY_SAMPLE_RATIO",
    "Share of spans to keep, from 0.0001 to 1. Facts, failures and the slowest calls are kept in any case.",
    "1",
)
TABLE = (BINDINGS, ENDPOINT, TOKEN, TOKEN_FILE, ENVIRONMENT, SERVICE_NAME, SERVICE_VERSION, SAMPLE_RATIO)
# Not a setting: the command tells `boot/sitecustomize.py` by it which imports it waits for.
ATTACH_AT = "OBSERVATORY_ATTACH_AT"
MAX_TOKEN = 4_096


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process."""

    bindings: str
    endpoint: str
    token: str | None
    environment: str
    service_name: str | None
    version: str | None
    sample_ratio: float = 1.0


def read(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment.

    Raises `ConfigurationError` for a value that cannot work; never with the text of a token.
    """
    values = {setting: _value(setting, environment) for setting in TABLE}
    bindings, endpoint = values[BINDINGS], values[ENDPOINT] or ""
    if bindings is None:
        raise ConfigurationError(f"{BINDINGS.name} is not set: it takes a file, or a name such as cryptouniverse")
    try:
        arguments.check_endpoint(endpoint)
    except ConfigurationError as error:
        raise ConfigurationError(f"{ENDPOINT.name}: {error}") from None
    presented = _token(values[TOKEN], values[TOKEN_FILE])
    ratio = _ratio(values[SAMPLE_RATIO] or "1")
    named = (values[SERVICE_NAME], values[SERVICE_VERSION])
    return Settings(bindings, endpoint, presented, values[ENVIRONMENT] or "", *named, ratio)


def token(environment: Mapping[str, str]) -> str | None:
    """The token alone. Raises `ConfigurationError` as `read` does."""
    return _token(_value(TOKEN, environment), _value(TOKEN_FILE, environment))


def _ratio(text: str) -> float:
    try:
        return arguments.check_ratio(float(text))
    except (ValueError, ConfigurationError):
        least = arguments.LEAST_RATIO
        raise ConfigurationError(f"{SAMPLE_RATIO.name} is {text!r}: it takes a number from {least} to 1") from None


def _value(setting: Setting, environment: Mapping[str, str]) -> str | None:
    value = environment.get(setting.name)
    if value is None:
        return setting.default
    if not value.strip():
        raise ConfigurationError(f"{setting.name} is empty: leave it out, or give a value. {setting.sentence}")
    return value.strip()


def _token(given: str | None, file: str | None) -> str | None:
    if given is not None and file is not None:
        raise ConfigurationError(f"{TOKEN.name} and {TOKEN_FILE.name} exclude each other: give one of them")
    if file is not None:
        try:
            given = Path(file).read_text("utf-8")[:MAX_TOKEN].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{TOKEN_FILE.name} is {file!r}: it takes a file that can be read: {error}"
            ) from None
        if not given:
            raise ConfigurationError(f"{TOKEN_FILE.name} is {file!r}: the file is empty")
    try:
        arguments.check_headers(given, None)
    except ConfigurationError as error:
        raise ConfigurationError(f"{TOKEN.name if file is None else TOKEN_FILE.name}: {error}") from None
    return given
