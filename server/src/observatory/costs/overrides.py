"""The price file: what is charged instead of, or besides, what genai-prices lists.

name: november                    # how this state of the file is called; unset: by its digest
models:
  - provider: openai              # OpenTelemetry's name; * and ? stand for any text
    model: gpt-4o*
    from: 2026-11-01              # on a whole or half hour, UTC; unset: ever since
    usd_per_million: {input: "2.5", output: "10", cache_read: "1.25"}
    usd_per_call: "0"
    above:                        # calls with more tokens in than these
      - {tokens: 200000, usd_per_million: {input: "5", output: "15"}}
charges:
  - {provider: binance, operation: klines, unit: request, from: 2026-11-01, usd: "0.0001"}

Of the entries that fit and have begun, the one that began last holds; of two, the lower. Old entries stay in the file.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from observatory.errors import SettingsError

Kind = Literal[
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
]
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 1_000_000


def _half_hour(at: datetime) -> datetime:
    if at.timestamp() % 1_800:
        raise ValueError("must be on a whole or half hour: costs are kept by the half hour")
    return at.astimezone(UTC)


def _aware(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at if at.tzinfo else at.replace(tzinfo=UTC)


From = Annotated[AwareDatetime, BeforeValidator(_aware), AfterValidator(_half_hour)]
PerMillion = Annotated[Decimal, Field(ge=0, le=_MOST, decimal_places=15, allow_inf_nan=False)]
Usd = Annotated[Decimal, Field(ge=0, le=_MOST, decimal_places=15, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
# A price for whole tokens, in and out; a part that has none of its own costs what its whole does.
Rates = Annotated[dict[Kind, PerMillion], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Entry(_Part):
    from_: From = Field(_EVER, alias="from")


class Above(_Part):
    """Prices of calls with more than `tokens` tokens in."""

    tokens: Annotated[int, Field(ge=1, le=1_000_000_000)]
    usd_per_million: Rates


class ModelEntry(_Entry):
    """A price of model calls."""

    provider: Name
    model: Name
    usd_per_million: Rates
    usd_per_call: Usd = Decimal(0)
    above: tuple[Above, ...] = ()

    def fits(self, provider: str, model: str) -> bool:
        """Whether it is a price of this model."""
        return _fits(self.provider, provider) and _fits(self.model, model)

    def rates(self, band: int) -> dict[Kind, Decimal]:
        """Prices of a million tokens for calls beyond `band` tokens in."""
        passed = [each for each in sorted(self.above, key=lambda each: each.tokens) if each.tokens <= band]
        return self.usd_per_million | (passed[-1].usd_per_million if passed else {})


class ChargeEntry(_Entry):
    """A price of what charges without an amount count."""

    provider: Name
    operation: Name = "*"
    unit: Name = "*"
    usd: Usd

    def fits(self, provider: str, operation: str, unit: str) -> bool:
        """Whether it is a price of these charges."""
        return _fits(self.provider, provider) and _fits(self.operation, operation) and _fits(self.unit, unit)


class PriceFile(_Part):
    """One state of the price file."""

    name: Annotated[str, Field(pattern=r"^[\w.-]{1,40}$")] = "unnamed"
    models: tuple[ModelEntry, ...] = ()
    charges: tuple[ChargeEntry, ...] = ()

    def model(self, provider: str, model: str, at: datetime) -> ModelEntry | None:
        """The price of a model's calls at a time."""
        return _newest([each for each in self.models if each.fits(provider, model)], at)

    def charge(self, provider: str, operation: str, unit: str, at: datetime) -> ChargeEntry | None:
        """The price of a charge at a time."""
        return _newest([each for each in self.charges if each.fits(provider, operation, unit)], at)

    @property
    def starts(self) -> set[datetime]:
        """When entries begin."""
        return {each.from_ for each in (*self.models, *self.charges)} - {_EVER}

    @property
    def steps(self) -> set[int]:
        """Numbers of tokens in at which prices change."""
        return {above.tokens for each in self.models for above in each.above}


def parse(text: str) -> PriceFile:
    """Read a price file.

    Raises:
        SettingsError: naming the first place that is not allowed.
    """
    try:
        # Every scalar stays text: a price never passes through a float.
        told = yaml.load(text, Loader=yaml.BaseLoader) or {}  # noqa: S506 - the base loader makes texts, lists, maps
    except yaml.YAMLError as error:
        raise SettingsError(f"the price file is no YAML: {error}") from None
    if isinstance(told, dict) and "name" not in told:
        told = {**told, "name": hashlib.sha256(text.encode()).hexdigest()[:12]}
    try:
        return PriceFile.model_validate(told)
    except ValidationError as error:
        issue = error.errors()[0]
        raise SettingsError(f"price file, {'.'.join(map(str, issue['loc']))}: {issue['msg']}") from None


Entry = TypeVar("Entry", ModelEntry, ChargeEntry)


def _newest(entries: list[Entry], at: datetime) -> Entry | None:
    begun = [each for each in entries if each.from_ <= at]
    # Of equals, max takes the first: the lower one of the file comes first here.
    return max(reversed(begun), key=lambda each: each.from_, default=None)


def _fits(pattern: str, text: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower())
