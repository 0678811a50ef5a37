"""The price book: genai-prices' list prices, and whatever a price file says instead.

A price is a vector: dollars for one more token of each kind, and for the call itself. Usage is a vector of the same
order, so that what many calls cost is exact however they are grouped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time
from decimal import Context, Decimal
from functools import cache, lru_cache
from importlib.metadata import version

from genai_prices import data_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
    Usage,
)

from observatory.costs.overrides import Kind, PriceFile

# Dollars for a token have up to 24 places; sums stay exact within as many digits as the store has.
EXACT = Context(prec=76)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call used. Each of the parts is counted in `input` or `output` already.

    Attributes:
        input: tokens in, cached ones included.
        output: tokens out, reasoning included.
        cache_read: the part of `input` that came from the provider's cache.
        cache_write: the part of `input` that was written to it.
        reasoning: the part of `output` that was thought, not said.
        input_audio, input_image: parts of `input`; none of them was cached.
        output_audio, output_image: parts of `output`.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    input_image: int = 0
    output_image: int = 0

    def vector(self) -> tuple[int, ...]:
        """The counts in the order of `KINDS`."""
        return tuple(getattr(self, kind) for kind in KINDS)

    @property
    def contradicts(self) -> str:
        """What is wrong with the counts in words, `""` when nothing is."""
        if min(self.vector()) < 0:
            return "a count below 0"
        if self.cache_read + self.cache_write > self.input:
            return "more cached tokens than tokens in"
        if self.input_audio + self.input_image > self.input:
            return "more audio and image tokens than tokens in"
        if self.reasoning > self.output:
            return "more reasoning tokens than tokens out"
        return "more audio and image tokens than tokens out" if self._loud > self.output else ""

    @property
    def _loud(self) -> int:
        return self.output_audio + self.output_image


KINDS = tuple(field.name for field in fields(Tokens))
_OF_OUTPUT = ("reasoning", "output_audio", "output_image")
# A price of each kind, then of the call.
Units = tuple[Decimal, ...]
_USAGE = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "output_reasoning_tokens",
    "input_audio": "input_audio_tokens",
    "output_audio": "output_audio_tokens",
    "input_image": "input_image_tokens",
    "output_image": "output_image_tokens",
}
# Providers whose name in OpenTelemetry genai-prices does not know.
_PROVIDERS = {"x_ai": "x-ai", "xai": "x-ai", "azure.ai.inference": "azure"}


@dataclass(frozen=True, slots=True)
class Priced:
    """What a call costs.

    Attributes:
        usd: the list price.
        source: which entry of the book it is from.
    """

    usd: Decimal
    source: str


class Book:
    """Prices by provider, model, size of the call and time. A state of the book never changes.

    Args:
        file: what holds instead of, or besides, what genai-prices lists.
    """

    def __init__(self, file: PriceFile | None = None) -> None:
        self.file = file or PriceFile()
        listed = f"genai-prices {version('genai-prices')}"
        self.version = f"{listed} + {file.name}" if file else listed
        """The name of this state."""

    @property
    def newest(self) -> Book:
        """The book itself: a shelf of one."""
        return self

    @property
    def steps(self) -> tuple[int, ...]:
        """Numbers of tokens in beyond which some model has another price, ascending."""
        return tuple(sorted({*_listed_steps(), *self.file.steps}))

    @property
    def minutes(self) -> tuple[int, ...]:
        """Minutes of the day (UTC) at which some model has another price, ascending."""
        return _listed_minutes()

    @property
    def changes(self) -> tuple[datetime, ...]:
        """When some price starts, ascending."""
        return tuple(sorted({*_listed_starts(), *self.file.starts}))

    def units(self, provider: str, model: str, band: int, at: datetime) -> Units | None:
        """What one more token of each kind costs, in USD, then the call itself; None when no price is known.

        Args:
            provider: OpenTelemetry's name; empty: found by the model's name.
            model: the model that answered.
            band: the largest of `steps` that the call's tokens in are beyond; 0 when none.
            at: when the call was made.
        """
        entry = self.file.model(provider, model, at)
        if entry is not None:
            return _of_file(entry.rates(band), entry.usd_per_call)
        found = _model(provider, model)
        return None if found is None else _units(_at_step(found.get_prices(at), band))

    def vector(self, provider: str, model: str, item: str, band: int, at: datetime) -> Units | None:
        """`units`, then the price of one unit of a charge: those of a model's calls, or of the charge `item`."""
        if item:
            operation, _, counted = item.partition("/")
            unit = self.charge(provider, operation, counted, at)
            return None if unit is None else (*[Decimal(0)] * (len(KINDS) + 1), unit)
        units = self.units(provider, model, band, at)
        return None if units is None else (*units, Decimal(0))

    def charge(self, provider: str, operation: str, unit: str, at: datetime) -> Decimal | None:
        """What one unit of a charge without an amount costs, in USD; None when the book does not say."""
        entry = self.file.charge(provider, operation, unit, at)
        return None if entry is None else entry.usd

    @property
    def rules(self) -> str:
        """What hours are rolled by, besides the facts."""
        return f"1:{','.join(map(str, self.steps))}"

    def price(self, provider: str, model: str, tokens: Tokens, at: datetime) -> Priced | None:
        """What a call costs; None when the model has no known price or the counts contradict each other."""
        if tokens.contradicts:
            return None
        band = max((step for step in self.steps if tokens.input > step), default=0)
        units = self.units(provider, model, band, at)
        return None if units is None else Priced(total(units, (*tokens.vector(), 1)), self.source(provider, model, at))

    def source(self, provider: str, model: str, at: datetime) -> str:
        """Where a model's price is from."""
        entry = self.file.model(provider, model, at)
        return self.version.split(" + ")[0] if entry is None else f"price file {self.file.name}"


def total(units: Units, counts: Iterable[int]) -> Decimal:
    """Prices times counts, exact."""
    usd = Decimal(0)
    for unit, count in zip(units, counts, strict=True):
        usd = EXACT.add(usd, EXACT.multiply(unit, Decimal(count)))
    return usd


@lru_cache(maxsize=16_384)
def _model(provider: str, model: str) -> ModelInfo | None:
    try:
        snapshot = data_snapshot.get_snapshot()
        return snapshot.find_provider_model(model, None, _PROVIDERS.get(provider, provider) or None, None)[1]
    except LookupError:
        return None


def _of_file(rates: Mapping[Kind, Decimal], call: Decimal) -> Units:
    """Prices of a price file. A part without one of its own makes no difference to its whole."""
    whole = {kind: rates.get("output" if kind in _OF_OUTPUT else "input", Decimal(0)) for kind in KINDS}
    units = [rates.get(kind, whole[kind]) - (whole[kind] if kind not in ("input", "output") else 0) for kind in KINDS]  # type: ignore[call-overload]
    return (*(EXACT.divide(unit, Decimal(1_000_000)) for unit in units), call)


def _at_step(prices: ModelPrice, band: int) -> Mapping[str, Decimal]:
    return {name: _step(value, band) for name, value in prices.__dict__.items() if value is not None}


def _step(price: Decimal | TieredPrices, band: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    passed = [tier.price for tier in price.tiers if band >= tier.start]
    return passed[-1] if passed else price.base


def _units(prices: Mapping[str, Decimal]) -> Units | None:
    """The difference that one token of a kind makes, by genai-prices' own arithmetic."""
    made = tuple(sorted(prices.items()))
    return _differences(made) if not made or any(name in _TOLD for name in prices) else None


# Units that telemetry tells. A model priced by the page or by the hour alone is unpriced, not free.
_TOLD = {
    *(name.replace("_tokens", "_mtok") for name in _USAGE.values()),
    *("cache_audio_read_mtok", "cache_image_read_mtok", "cache_write_1h_mtok", "cache_write_5m_mtok"),
    *("requests_kcount",),
}


@lru_cache(maxsize=4_096)
def _differences(prices: tuple[tuple[str, Decimal], ...]) -> Units:
    made = ModelPrice(**dict(prices))
    call = made.calc_price(_used())["total_price"]
    units = [made.calc_price(_used(**{kind: 1}))["total_price"] - call for kind in ("input", "output")]
    for kind in KINDS[2:]:
        # A part is of its whole, so the whole grows with it and is taken off again.
        whole = int(kind in _OF_OUTPUT)
        both = made.calc_price(_used(**{KINDS[whole]: 1, kind: 1}))["total_price"]
        units.append(both - call - units[whole])
    return (*units, call)


def _used(**counts: int) -> Usage:
    # Where audio or images are cached at a price of their own, no sender tells them apart: all that is cached is text.
    none = (
        "cache_audio_read_tokens",
        "cache_image_read_tokens",
        "cache_audio_write_tokens",
        "cache_image_write_tokens",
    )
    return Usage(**dict.fromkeys(none, 0), **{_USAGE[kind]: counts.get(kind, 0) for kind in KINDS})


def _conditions() -> Iterable[ConditionalPrice]:
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            yield from [ConditionalPrice(prices=model.prices)] if isinstance(model.prices, ModelPrice) else model.prices


@cache
def _listed_steps() -> tuple[int, ...]:
    tiered = (value for each in _conditions() for value in each.prices.__dict__.values())
    return tuple(sorted({tier.start for value in tiered if isinstance(value, TieredPrices) for tier in value.tiers}))


@cache
def _listed_minutes() -> tuple[int, ...]:
    constraints = (each.constraint for each in _conditions())
    ends = (
        end
        for each in constraints
        if isinstance(each, TimeOfDateConstraint)
        for end in (each.start_time, each.end_time)
    )
    return tuple(sorted({each.hour * 60 + each.minute for each in ends}))


@cache
def _listed_starts() -> tuple[datetime, ...]:
    constraints = (each.constraint for each in _conditions())
    days = {each.start_date for each in constraints if isinstance(each, StartDateConstraint)}
    return tuple(sorted(datetime.combine(day, time(), UTC) for day in days))
