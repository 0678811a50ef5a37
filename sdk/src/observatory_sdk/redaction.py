"""Secrets are taken out before anything leaves the process.

Redacted: values under names that mean a secret (`password`, `api_key`, ...), and inside any text: keys with a known
shape, `name=secret` pairs, bearer tokens, PEM keys, passwords in URLs, seed phrases and card numbers. What a rule
cannot know (a secret with no shape and no name) is not found, so the facts take no free text where they can help it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

MASK = "[redacted]"
# Shorter texts hold no secret worth the name: a card number has 13 digits, "key=" and a value more than 8 letters.
MIN_LENGTH = 9
_CACHED_LENGTH = 200

_SECRET_NAME = re.compile(
    r"""(?ix)
    (?:^|[._\-\s])
    (?: password | passwd | passphrase | secrets? | authorization | cookie | set[._-]cookie | mnemonic | cvv | cvc
      | pwd | credential | credentials
      | (?: api | private | secret | signing | encryption | access )[._-]?key
      | seed[._-]?phrase | recovery[._-]?phrase
      | (?: access | refresh | session | auth | bearer | api | bot | id | csrf )[._-]?token
      | client[._-]?secret | card[._-]?number )
    (?:$|[._\-\s])
    """
)

_SHAPES = re.compile(
    r"""(?x)
      -----BEGIN\ [A-Z0-9 ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z0-9 ]*PRIVATE\ KEY-----|\Z)   # PEM
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?                           # JWT
    | \bsk-[A-Za-z0-9_-]{16,}                                                                  # OpenAI, Anthropic
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}                                                   # Stripe
    | \bAIza[A-Za-z0-9_-]{30,}                                                                 # Google
    | \bgh[pousr]_[A-Za-z0-9]{30,} | \bgithub_pat_[A-Za-z0-9_]{30,}                            # GitHub
    | \bglpat-[A-Za-z0-9_-]{20,}                                                               # GitLab
    | \bxox[abeprs]-[A-Za-z0-9-]{10,}                                                          # Slack
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                                            # AWS
    | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}                                             # SendGrid
    | \bobs_[A-Za-z0-9_-]{16,}                                                                 # Observatory
    | \bgsk_[A-Za-z0-9]{20,} | \bxai-[A-Za-z0-9]{20,}                                          # Groq, xAI
    | \b\d{6,12}:[A-Za-z0-9_-]{32,40}(?![A-Za-z0-9_-])                                         # Telegram bot
    | \bxprv[A-Za-z0-9]{50,}                                                                   # wallet, BIP 32
    | \b[5KL][1-9A-HJ-NP-Za-km-z]{50,51}\b                                                     # wallet, WIF
    """,
    re.DOTALL,
)
# Exchanges hand out 64 letters and digits; hashes of the same length are in one case only.
_EXCHANGE_KEY = re.compile(r"\b(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[A-Z])(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{64}\b")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")
_PAIR = re.compile(
    r"""(?ix)
    ( \b (?: [a-z0-9]+[._-] )* (?: password | passwd | passphrase | pwd | secret | signature | mnemonic | cvv | cvc
        | (?: api | private | secret | signing | access )[._\s-]?key | (?: seed | recovery )[._\s-]?phrase
        | authorization | x-mbx-apikey | token | card[._\s-]?number )
      ["']? \s* [:=] \s* )
    (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s"',;&}\]]+ )
    """
)
_SEED = re.compile(r"(?<![A-Za-z])[a-z]{3,8}(?:[ ,\n]{1,2}[a-z]{3,8}){11,}(?![A-Za-z])")
# Common words of prose that the word list of seed phrases (BIP 39) does not contain.
_PROSE = frozenset(
    "the and for with from was are not but has had were been our their they which when".split()  # noqa: SIM905
)
_CARD = re.compile(r"(?<![\d.])(?:3[0-9]|4\d|5[0-9]|6[0-9]|2[2-7])(?:[ -]?\d){11,17}(?![\d.]\d|\d)")


def redact(text: str) -> str:
    """The text without secrets; the same object when there are none."""
    if len(text) < MIN_LENGTH:
        return text
    return _cached(text) if len(text) <= _CACHED_LENGTH else _redact(text)


def redact_value(name: str, value: Any) -> Any:
    """An attribute's value without secrets: text, bytes and lists are searched, numbers and flags are left alone."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return redact_all(value)
    if isinstance(value, bytes):
        return _redact_bytes(value)
    if isinstance(value, Sequence):
        return _redact_list(value)
    return value


def redact_all(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Attributes without secrets; the same object when there are none."""
    changed = None
    for name, value in attributes.items():
        cleaned = redact_value(name, value)
        if cleaned is not value:
            changed = dict(attributes) if changed is None else changed
            changed[name] = cleaned
    return attributes if changed is None else changed


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether the name alone says that the value is a secret."""
    return _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=4096)
def _cached(text: str) -> str:
    cleaned = _redact(text)
    return text if cleaned == text else cleaned


def _redact(text: str) -> str:
    cleaned = _SHAPES.sub(MASK, text)
    cleaned = _EXCHANGE_KEY.sub(MASK, cleaned)
    cleaned = _BEARER.sub(rf"\1 {MASK}", cleaned)
    cleaned = _URL_PASSWORD.sub(rf"\1{MASK}@", cleaned)
    cleaned = _PAIR.sub(rf"\1{MASK}", cleaned)
    cleaned = _SEED.sub(_mask_seed, cleaned)
    return _CARD.sub(_mask_card, cleaned)


def _redact_list(values: Sequence[Any]) -> Sequence[Any]:
    cleaned = [redact_value("", value) for value in values]
    return values if all(new is old for new, old in zip(cleaned, values, strict=True)) else tuple(cleaned)


def _redact_bytes(value: bytes) -> bytes:
    text = value.decode("latin-1")
    cleaned = redact(text)
    return value if cleaned is text else cleaned.encode("latin-1")


def _mask_seed(found: re.Match[str]) -> str:
    words = re.split(r"[ ,\n]+", found.group())
    return found.group() if not _PROSE.isdisjoint(words) else MASK


def _mask_card(found: re.Match[str]) -> str:
    digits = [int(sign) for sign in found.group() if sign.isdigit()]
    if not 13 <= len(digits) <= 19:
        return found.group()
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    luhn = (sum(digits[-1::-2]) + sum(doubled)) % 10
    return found.group() if luhn else MASK
