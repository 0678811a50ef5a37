"""Links in messages with which somebody takes what they were told of, without a login. Pure.

A link holds what may be taken, by whom and until when, signed with a key that only the servers have (HMAC-SHA256).
Nothing of it is secret but the link itself; it does one thing, once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ACKNOWLEDGE = "acknowledge"
LASTS = timedelta(days=2)
_LONGEST = 1_024
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says.

    Attributes:
        subject: `alert:<id>` or `incident:<id>`.
        action: what it does: `acknowledge`.
        person: whom it was sent to; empty: whoever reads the channel.
        expires_at: from when on it is refused.
        nonce: names this link.
    """

    subject: str
    action: str
    person: str
    expires_at: datetime
    nonce: str


class LinkRefused(Exception):
    """A link that cannot be used; the message says why in words that its reader may see."""


class LinkExpired(LinkRefused):
    """A good link whose time is over."""


def sign(key: bytes, subject: str, action: str, expires_at: datetime, person: str, nonce: str = "") -> str:
    """A link's token: safe in an address, no longer than 1024 characters."""
    nonce = nonce or secrets.token_urlsafe(_NONCE_BYTES)
    told = [subject, action, person, round(expires_at.timestamp()), nonce]
    body = _pack(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())
    return f"{body}.{_pack(_signature(key, body))}"


def read(key: bytes, token: str, at: datetime) -> Link:
    """What a token says.

    Raises:
        LinkExpired: its time is over.
        LinkRefused: it is not one of ours, or was changed.
    """
    body, _, signature = token.partition(".")
    # The signature is compared before anything of the body is looked at.
    try:
        good = len(token) <= _LONGEST and hmac.compare_digest(_unpack(signature), _signature(key, body))
    except (ValueError, binascii.Error):
        good = False
    # One signature has several spellings in base64 (bits at its end that say nothing): only ours is taken.
    if not good or _pack(_unpack(signature)) != signature:
        raise LinkRefused("this link is not one of ours, or was changed on its way")
    subject, action, person, expires, nonce = json.loads(_unpack(body))
    link = Link(subject, action, person, datetime.fromtimestamp(expires, UTC), nonce)
    if at >= link.expires_at:
        raise LinkExpired(f"this link was good until {link.expires_at:%Y-%m-%d %H:%M} UTC")
    return link


def _signature(key: bytes, body: str) -> bytes:
    return hmac.digest(key, b"observatory-link\0" + body.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
