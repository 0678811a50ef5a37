"""Who is trusted behind TLS. Reading the system's certificates takes some 20 ms, so it is done once."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from observatory.collect.outcome import Reason, Unread


def context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that verifies name and chain against `ca_file`, or the system's certificates.

    Raises:
        Unread: if the file cannot be read.
    """
    try:
        return _context(ca_file, ca_file.stat().st_mtime_ns if ca_file else 0)
    except (OSError, ssl.SSLError) as error:
        raise Unread(Reason.SECRET, f"the certificates in {ca_file} cannot be read: {error}") from None


@lru_cache(maxsize=64)
def _context(ca_file: Path | None, _changed_ns: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


@lru_cache(maxsize=1)
def blind() -> ssl.SSLContext:
    """A context that trusts everybody, only to look at a certificate; nothing is sent over it."""
    seeing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    seeing.check_hostname = False
    seeing.verify_mode = ssl.CERT_NONE
    return seeing
