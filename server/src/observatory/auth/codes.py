"""Random codes and their digests. A code carries 256 random bits, so a plain SHA-256 of it cannot be turned back."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX = "obs_"  # noqa: S105  (lets secret scanners find a token that leaked into a repository)
SESSION_PREFIX = "obsession_"

_RANDOM_BYTES = 32
# The longest code is 53 characters; hashing more than this would be work for a stranger.
_LONGEST = 128


def mint(prefix: str = "") -> str:
    """A new code: prefix and 43 characters of the URL-safe alphabet."""
    return prefix + secrets.token_urlsafe(_RANDOM_BYTES)


def digest(code: str) -> bytes:
    """SHA-256 of the code, 32 bytes; of no possible code when it is too long to be one."""
    if len(code) > _LONGEST:
        return bytes(hashlib.sha256().digest_size)
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
