"""Who users are is nobody's business here: pseudonyms for ids that are addresses, and hashes of users that were erased.

Both are made with one secret key, so that nobody without it can go from an address or an id to what is stored.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from observatory.errors import SettingsError
from observatory_sdk import people
from observatory_sdk.conventions import common

_BYTES = 32
# The table of the hashes. The views of ingest look into it, so it is one that lives in memory.
ERASED = "erased_users"


@dataclass(frozen=True, slots=True)
class People:
    """The key, and what is made with it.

    Attributes:
        key: 16 bytes or more; those of a store without a secret are all 0.
    """

    key: bytes = field(default=bytes(_BYTES), repr=False)

    def known_as(self, user: str) -> str:
        """The id under which a user is stored: its own, or the pseudonym of an address."""
        return people.pseudonym(user, self.key) if people.is_address(user) else user

    def pseudonym_sql(self, value: str) -> str:
        """SQL of what is stored for a user id, from SQL of the id."""
        made = f"substring(lower(hex(HMAC('sha256', {value}, unhex('{self.key.hex()}')))), 1, {people.DIGITS})"
        return f"if(match({value}, '{_quoted(people.ADDRESS)}'), concat('{people.PREFIX}', {made}), {value})"

    def digest_sql(self, value: str) -> str:
        """SQL of the keyed hash of a user id, from SQL of the id."""
        first, second = (int.from_bytes(self.key[at : at + 8], "little") for at in (0, 8))
        return f"sipHash64Keyed((toUInt64({first}), toUInt64({second})), {value})"

    def wanted_sql(self, value: str) -> str:
        """SQL of whether the user, from SQL of the id, was not erased."""
        return f"{self.digest_sql(value)} NOT IN {ERASED}"


USER = common.USER_ID.name


def load(path: Path, *, make: bool) -> People:
    """The key in a file.

    Args:
        path: the file: hexadecimal digits, 32 at least.
        make: whether to make one with a new key where there is none; only its owner can read it.

    Raises:
        SettingsError: there is none, it cannot be read, or it holds no key.
    """
    try:
        if make and not path.exists():
            _make(path)
        return People(people.read_key(path))
    except (OSError, ValueError) as error:
        raise SettingsError(f"OBSERVATORY_PSEUDONYM_KEY_FILE: {path} holds no key: {error}") from None


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES) + "\n")


def _quoted(pattern: str) -> str:
    return pattern.replace("\\", "\\\\").replace("'", "\\'")
