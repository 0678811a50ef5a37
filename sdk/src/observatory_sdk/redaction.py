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

from observatory_sdk import people
from observatory_sdk.conventions import common
from observatory_sdk.secrets import MASK, RULES, SECRET_NAME

# Shorter texts hold nothing worth the name: `a@b.io` is an address, a card number has 13 digits.
MIN_LENGTH = 6
_USER_ID = common.USER_ID.name
# The search takes time with the length, and a hostile text could make it long.
MAX_LENGTH = 65_536
CUT = "[cut]"
_CACHED_LENGTH = 200
# A tuple made once: `bool | int | float` would be made anew for every value.
_PLAIN = (bool, int, float)

_SECRET_NAME = re.compile(SECRET_NAME, re.IGNORECASE)


def redact(text: str) -> str:
    """The text without secrets; the same object when there are none. Beyond `MAX_LENGTH` it is cut."""
    if len(text) < MIN_LENGTH:
        return text
    if len(text) > MAX_LENGTH:
        return _redact(text[:MAX_LENGTH]) + CUT
    return _cached(text) if len(text) <= _CACHED_LENGTH else _redact(text)


def redact_value(name: str, value: Any) -> Any:
    """An attribute's value without secrets: text, bytes and lists are searched, numbers and flags are left alone."""
    if value is None or isinstance(value, _PLAIN):
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, str):
        cleaned = redact(value)
        return cleaned if cleaned is value or name != _USER_ID else people.opaque(value)
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
    lowered, length = text.lower(), len(text)
    for rule in RULES:
        if length < rule.least:
            continue
        for literal in rule.needs:  # a plain loop: this runs for every new text, and a generator costs more than it
            if literal in lowered:
                text = rule.pattern.sub(rule.replacement, text)
                break
    return text


def _redact_list(values: Sequence[Any]) -> Sequence[Any]:
    cleaned = [redact_value("", value) for value in values]
    return values if all(new is old for new, old in zip(cleaned, values, strict=True)) else tuple(cleaned)


def _redact_bytes(value: bytes) -> bytes:
    text = value.decode("latin-1")
    cleaned = redact(text)
    return value if cleaned is text else cleaned.encode("latin-1")
