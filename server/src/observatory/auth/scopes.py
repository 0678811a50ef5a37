"""What a token may do.

| Scope | Allows |
|---|---|
| `ingest` | send telemetry, nothing else |
| `read` | every page and every answer, of all users |
| `operate` | read, and act: acknowledge, silence, run |
| `admin` | everything, tokens included |
| `user:<id>` | the answers about this one user |
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from observatory.errors import InvalidRequest

INGEST = "ingest"
READ = "read"
OPERATE = "operate"
ADMIN = "admin"

_USER = "user:"
_KNOWN = frozenset({INGEST, READ, OPERATE, ADMIN})
# Scopes are kept in one column, divided by spaces.
_USER_SCOPE = re.compile(r"user:[!-~]{1,128}")
_MOST = 7


def user_scope(user_id: str) -> str:
    """The scope that opens the answers about one user."""
    return _USER + user_id


def users(held: frozenset[str]) -> frozenset[str]:
    """The users that scopes of the form `user:<id>` name."""
    return frozenset(scope.removeprefix(_USER) for scope in held if scope.startswith(_USER))


def parse(scopes: Iterable[str]) -> frozenset[str]:
    """Check the scopes of a new token.

    Raises:
        InvalidRequest: there is none, there are more than 7, or one is unknown.
    """
    asked = frozenset(scopes)
    if not 1 <= len(asked) <= _MOST:
        raise InvalidRequest(f"scopes: between 1 and {_MOST} are allowed, not {len(asked)}")
    for scope in sorted(asked):
        if scope not in _KNOWN and not _USER_SCOPE.fullmatch(scope):
            raise InvalidRequest(f"scopes: {scope[:64]!r} is none of ingest, read, operate, admin, user:<id>")
    return asked


def allows(held: frozenset[str], wanted: str) -> bool:
    """True when one of the scopes `held` is or implies `wanted`."""
    if wanted in held or ADMIN in held:
        return True
    if wanted == READ:
        return OPERATE in held
    return wanted.startswith(_USER) and (READ in held or OPERATE in held)
