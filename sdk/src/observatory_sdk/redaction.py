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
# The search takes time with the length, and a hostile text could make it long.
MAX_LENGTH = 65_536
CUT = "[cut]"
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
    ( (?<![a-z0-9]) (?: password | passwd | passphrase | pwd | secret | signature | mnemonic | cvv | cvc
        | (?: api | private | secret | signing | access )[._\s-]?key | (?: seed | recovery )[._\s-]?phrase
        | authorization | x-mbx-apikey | apikey | token | card[._\s-]?number )
      \\{0,4}["']? \s{0,8} [:=] \s{0,8} )
    (?! \[redacted\] )
    (?: \\{1,4}["'] .*? \\{1,4}["'] | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s"',;&}\]]+ )
    """
)
# Common words of prose that the word list of seed phrases (BIP 39) does not contain end a run of words.
_WORD = r"(?!(?:the|and|for|with|from|was|are|not|but|has|had|were|been|our|their|they|which|when)(?![a-z]))[a-z]{3,8}"
_SEED = re.compile(rf"(?<![A-Za-z]){_WORD}(?:[ ,\n]{{1,2}}{_WORD}){{11,}}(?![A-Za-z])")
_CARD = re.compile(r"(?<![\d.])(?:2[2-7]|3[0-9]|4\d|5[1-5]|6\d)(?:[ -]?\d){11,17}(?!\d)")
# Lengths that the issuers behind a first digit use: numbers of orders and messages have other ones, most of the time.
_CARD_LENGTHS = {"2": (16,), "3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}


def redact(text: str) -> str:
    """The text without secrets; the same object when there are none. Beyond `MAX_LENGTH` it is cut."""
    if len(text) < MIN_LENGTH:
        return text
    if len(text) > MAX_LENGTH:
        return _redact(text[:MAX_LENGTH]) + CUT
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
    cleaned = _SEED.sub(MASK, cleaned)
    return _CARD.sub(_mask_card, cleaned)


def _redact_list(values: Sequence[Any]) -> Sequence[Any]:
    cleaned = [redact_value("", value) for value in values]
    return values if all(new is old for new, old in zip(cleaned, values, strict=True)) else tuple(cleaned)


def _redact_bytes(value: bytes) -> bytes:
    text = value.decode("latin-1")
    cleaned = redact(text)
    return value if cleaned is text else cleaned.encode("latin-1")


def _mask_card(found: re.Match[str]) -> str:
    digits = [int(sign) for sign in found.group() if sign.isdigit()]
    if len(digits) not in _CARD_LENGTHS[found.group()[0]]:
        return found.group()
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    luhn = (sum(digits[-1::-2]) + sum(doubled)) % 10
    return found.group() if luhn else MASK
