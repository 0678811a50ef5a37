"""Users are known by opaque ids. An id that is an e-mail address is replaced before anything leaves the process.

What takes its place is the same for the same address wherever the same key is used: the server's
(`pseudonym.key` in its data folder), in a file that `OBSERVATORY_PSEUDONYM_KEY_FILE` names. Without a key such an id is
left out, since a pseudonym that anybody could compute from the address would be none.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from functools import lru_cache
from pathlib import Path

from observatory_sdk.guard import LOSSES

KEY_FILE = "OBSERVATORY_PSEUDONYM_KEY_FILE"
PREFIX = "p-"
DIGITS = 32
# One spelling for Python and for RE2. The bound keeps the search linear; no mailbox has a longer name.
ADDRESS = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}"

_ADDRESS = re.compile(ADDRESS)
_KEY_BYTES = 16


def is_address(user_id: str) -> bool:
    """Whether the id has an e-mail address in it."""
    return "@" in user_id and _ADDRESS.search(user_id) is not None


def pseudonym(user_id: str, key: bytes) -> str:
    """What stands for the id: HMAC-SHA-256 by `key`, the first 128 bits in hex after a mark."""
    return PREFIX + hmac.new(key, user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:DIGITS]


def opaque(user_id: str) -> str:
    """The id itself when it is opaque, else its pseudonym; empty without a key to make one."""
    return _named(user_id) if is_address(user_id) else user_id


@lru_cache(maxsize=4096)
def _named(user_id: str) -> str:
    key = _key(os.environ.get(KEY_FILE, ""))
    if key is None:
        LOSSES.count("user ids that are e-mail addresses left out", f"{KEY_FILE} names no key")
        return ""
    return pseudonym(user_id, key)


def read_key(path: Path) -> bytes:
    """The key in a file: hexadecimal digits, 32 at least.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no such key.
    """
    key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(key) < _KEY_BYTES:
        raise ValueError(f"a key has {_KEY_BYTES * 2} hexadecimal digits at least")
    return key


@lru_cache(maxsize=4)
def _key(path: str) -> bytes | None:
    if not path:
        return None
    try:
        return read_key(Path(path))
    except (OSError, ValueError) as error:
        LOSSES.count("no key for pseudonyms", repr(error))
        return None
