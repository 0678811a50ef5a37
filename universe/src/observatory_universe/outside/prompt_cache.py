"""What a provider keeps of the prompts that it saw lately."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from observatory_universe.outside.wording import CHARS_PER_TOKEN

LEAST_TOKENS: Final = 1_024
_LIFE_S: Final = 300.0
_MOST: Final = 16_384


class PromptCache:
    """Prefixes of prompts by model, each kept for five minutes after it was last used."""

    def __init__(self) -> None:
        # Key of a prefix to when it is thrown out, the first to go in front.
        self._until_s: OrderedDict[int, float] = OrderedDict()

    def stepwise(self, model: str, prompt: str, step_tokens: int, now_s: float) -> int:
        """How many of the prompt's leading tokens were kept, from 1,024 on in steps; from now on all of them are."""
        self._clear(now_s)
        kept, unbroken = 0, True
        for tokens, key in _prefixes(model, prompt, step_tokens):
            unbroken = unbroken and key in self._until_s
            if unbroken:
                kept = tokens
            self._keep(key, now_s)
        return kept

    def marked(self, model: str, prefix: str, now_s: float) -> bool:
        """Whether just this prefix was kept; from now on it is."""
        self._clear(now_s)
        key = hash((model, prefix))
        found = key in self._until_s
        self._keep(key, now_s)
        return found

    def _keep(self, key: int, now_s: float) -> None:
        self._until_s[key] = now_s + _LIFE_S
        self._until_s.move_to_end(key)

    def _clear(self, now_s: float) -> None:
        while self._until_s:
            key = next(iter(self._until_s))
            if self._until_s[key] > now_s and len(self._until_s) <= _MOST:
                return
            del self._until_s[key]


def _prefixes(model: str, prompt: str, step_tokens: int) -> Iterator[tuple[int, int]]:
    """Lengths in tokens and keys of the prompt's prefixes, the shortest first. The last token is never one of them."""
    end = LEAST_TOKENS * CHARS_PER_TOKEN
    key = hash((model, prompt[:end]))
    while end < len(prompt):
        yield end // CHARS_PER_TOKEN, key
        start, end = end, end + step_tokens * CHARS_PER_TOKEN
        key = hash((key, prompt[start:end]))
