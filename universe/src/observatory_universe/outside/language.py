"""The model providers' behaviour: what each of them answers, how long it takes and what it counts."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from observatory_universe.chance import Chance, Stream
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.models import (
    CLAUDE,
    CLAUDE_OPUS,
    CLAUDE_REASONING,
    CLAUDE_SMALL,
    DEARER,
    GEMINI,
    GEMINI_PRO,
    GEMINI_SMALL,
    GPT,
    GPT_MINI,
    GPT_REASONING,
    GPT_TURBO,
)
from observatory_universe.outside import wording
from observatory_universe.outside.prompt_cache import LEAST_TOKENS, PromptCache
from observatory_universe.outside.wording import CHARS_PER_TOKEN, tokens_of

Api = Literal["chat", "responses", "messages", "generate"]
Refused = Literal["rate_limited", "overloaded", "server_error", "unknown_model"]

_ERROR_RATIO: Final = 0.001
_REASONING_TOKENS: Final = 320
_PIECE_CHARS: Final = 20 * CHARS_PER_TOKEN
_ID_PREFIXES: Final[Mapping[Api, str]] = {"chat": "chatcmpl-", "responses": "resp_", "messages": "msg_", "generate": ""}
# In which steps a provider's cache counts, in tokens; Anthropic's keeps what the request marks.
_CACHE_STEPS: Final[Mapping[str, int | None]] = {"openai": 128, "gcp.gemini": 256, "anthropic": None}
# How long a provider takes to refuse, in seconds.
_REFUSED_S: Final[Mapping[Refused, float]] = {
    "rate_limited": 0.03,
    "overloaded": 0.12,
    "server_error": 0.5,
    "unknown_model": 0.03,
}


@dataclass(frozen=True, slots=True)
class _Traits:
    first_chunk_s: float
    tokens_per_s: float
    caches: bool = True
    reasons: Literal["always", "asked", "never"] = "never"


_TRAITS: Final[Mapping[str, _Traits]] = {
    GPT.name: _Traits(0.35, 140.0),
    GPT_MINI.name: _Traits(0.25, 180.0),
    GPT_TURBO.name: _Traits(0.60, 60.0, caches=False),
    GPT_REASONING.name: _Traits(0.40, 150.0, reasons="always"),
    CLAUDE.name: _Traits(0.45, 110.0),
    CLAUDE_SMALL.name: _Traits(0.30, 150.0),
    CLAUDE_OPUS.name: _Traits(0.90, 55.0),
    CLAUDE_REASONING.name: _Traits(0.35, 160.0, reasons="asked"),
    GEMINI.name: _Traits(0.30, 200.0, reasons="asked"),
    GEMINI_SMALL.name: _Traits(0.22, 240.0, caches=False),
    GEMINI_PRO.name: _Traits(0.50, 140.0, reasons="always"),
}


@dataclass(frozen=True, slots=True)
class Query:
    """One request as a provider understands it.

    Attributes:
        model: the name in the request, whatever it is.
        max_tokens: at most so many tokens out, reasoning included.
        marked_chars: how much of the prompt the request marks for the cache (Anthropic only).
        reasoning: the request asks the model to think first.
    """

    provider: str
    model: str
    api: Api
    system: str
    turns: tuple[tuple[str, str], ...]
    max_tokens: int
    marked_chars: int = 0
    reasoning: bool = False

    @property
    def prompt(self) -> str:
        """All that the model reads."""
        return "\n".join((self.system, *(text for _, text in self.turns)))


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests of one model in this minute: how many there may be, how many may still come, when it starts anew."""

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider will answer, and when. `input_tokens` and `output_tokens` include all kinds."""

    id: str
    model: str
    text: str
    finish: Literal["stop", "length"]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    first_chunk_s: float
    tokens_per_s: float
    quota: Quota

    @property
    def writing_s(self) -> float:
        """The time from the first chunk to the end."""
        return (self.output_tokens - self.reasoning_tokens) / self.tokens_per_s

    @property
    def duration_s(self) -> float:
        """The time from the request to the end."""
        return self.first_chunk_s + self.writing_s

    def pieces(self) -> Iterator[tuple[float, str]]:
        """The text in the pieces of a stream, each with the seconds to wait before it.

        The last one is empty: nothing but the end comes then.
        """
        starts = range(0, len(self.text), _PIECE_CHARS)
        wait_s, gap_s = self.first_chunk_s, self.writing_s / max(1, len(starts))
        for start in starts:
            yield wait_s, self.text[start : start + _PIECE_CHARS]
            wait_s = gap_s
        yield wait_s, ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider will not answer, and says so after `after_s` seconds."""

    kind: Refused
    after_s: float
    retry_after_s: int | None
    quota: Quota


class Language:
    """All providers. They answer at once and leave the waiting to who asks, in `clock`'s time.

    Args:
        requests_per_minute: what each model allows.
    """

    def __init__(
        self, clock: Clock, chance: Chance, faults: Faults, ids: Ids, requests_per_minute: int = 10_000
    ) -> None:
        self.clock = clock
        self._faults = faults
        self._ids = ids
        self._limit = requests_per_minute
        self._chance = {provider: chance.of(f"language:{provider}") for provider in DEARER}
        # Faults draw from streams of their own: one that comes and goes shifts nothing else.
        self._mischance = {provider: chance.of(f"fault:language:{provider}") for provider in DEARER}
        self._caches = {provider: PromptCache() for provider in DEARER}
        # Model to (minute, requests in it).
        self._used: dict[str, tuple[int, int]] = {}

    def answer(self, query: Query) -> Answer | Refusal:
        """What comes of a request that arrives now."""
        if query.model not in _TRAITS:
            return self._refuse(query.provider, "unknown_model", None, Quota(self._limit, self._limit, 0.0))
        quota = self._count(query.model)
        if quota.remaining < 0:
            return self._refuse(query.provider, "rate_limited", max(1, math.ceil(quota.reset_s)), quota)
        refused = self._trouble(query.provider)
        if refused is not None:
            retry_after_s = self._mischance[query.provider].whole(1, 20) if refused == "rate_limited" else None
            return self._refuse(query.provider, refused, retry_after_s, quota)
        return self._answer(query, quota)

    def _answer(self, query: Query, quota: Quota) -> Answer:
        chance = self._chance[query.provider]
        model = self._served(query)
        traits = _TRAITS[model]
        slower = self._faults.grade("ai_provider_slow", query.provider) or 1.0
        thoughts = _thoughts(traits, query, chance)
        text = wording.answer(
            query.turns[-1][1] if query.turns else "",
            query.max_tokens,
            chance,
            self._mischance[query.provider],
            self._faults.grade("ai_miscalibrated", query.provider),
        )
        room = (query.max_tokens - thoughts) * CHARS_PER_TOKEN
        written = text[:room]
        read, write = self._cached(query, traits)
        tokens_per_s = traits.tokens_per_s / slower
        return Answer(
            id=_ID_PREFIXES[query.api] + self._ids.next("answer").removeprefix("answer-"),
            model=model,
            text=written,
            finish="stop" if len(written) == len(text) else "length",
            input_tokens=tokens_of(query.prompt),
            output_tokens=tokens_of(written) + thoughts,
            cache_read_tokens=read,
            cache_write_tokens=write,
            reasoning_tokens=thoughts,
            first_chunk_s=chance.duration_s(traits.first_chunk_s, 0.25) * slower + thoughts / tokens_per_s,
            tokens_per_s=tokens_per_s,
            quota=quota,
        )

    def _served(self, query: Query) -> str:
        ratio = self._faults.grade("ai_silent_fallback", query.provider)
        if ratio is not None and self._mischance[query.provider].happens(ratio):
            return DEARER[query.provider].name
        return query.model

    def _cached(self, query: Query, traits: _Traits) -> tuple[int, int]:
        """Tokens read from the cache, and tokens written to it where the provider bills that."""
        if not traits.caches:
            return 0, 0
        cache, now_s = self._caches[query.provider], self.clock.now_s()
        step = _CACHE_STEPS[query.provider]
        if step is not None:
            kept = cache.stepwise(query.model, query.prompt, step, now_s)
            return (0 if self._cache_fails(query.provider) else kept), 0
        prefix = query.prompt[: query.marked_chars]
        tokens = tokens_of(prefix)
        if tokens < LEAST_TOKENS:
            return 0, 0
        hit = cache.marked(query.model, prefix, now_s) and not self._cache_fails(query.provider)
        return (tokens, 0) if hit else (0, tokens)

    def _cache_fails(self, provider: str) -> bool:
        ratio = self._faults.grade("ai_cache_ratio_drop", provider)
        return ratio is not None and self._mischance[provider].happens(ratio)

    def _trouble(self, provider: str) -> Refused | None:
        """What the provider fails with this time."""
        errs = self._chance[provider].happens(_ERROR_RATIO)
        ratio = self._faults.grade("ai_provider_errors", provider)
        if ratio is not None and self._mischance[provider].happens(ratio):
            return self._mischance[provider].pick(("server_error", "overloaded", "rate_limited"))
        return "server_error" if errs else None

    def _refuse(self, provider: str, kind: Refused, retry_after_s: int | None, quota: Quota) -> Refusal:
        return Refusal(kind, self._mischance[provider].duration_s(_REFUSED_S[kind]), retry_after_s, quota)

    def _count(self, model: str) -> Quota:
        minute, since_ns = divmod(self.clock.now_ns(), 60_000_000_000)
        counted, used = self._used.get(model, (minute, 0))
        used = used + 1 if counted == minute else 1
        self._used[model] = (minute, used)
        return Quota(self._limit, self._limit - used, 60.0 - since_ns / 1e9)


def _thoughts(traits: _Traits, query: Query, chance: Stream) -> int:
    """Tokens of reasoning; at most half of what may be written."""
    if traits.reasons == "never" or (traits.reasons == "asked" and not query.reasoning):
        return 0
    return min(query.max_tokens // 2, round(chance.duration_s(_REASONING_TOKENS, 0.35)))
