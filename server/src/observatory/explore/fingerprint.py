"""When two exceptions are the same: type, frames without their line numbers, and the message without what varies.

key = fingerprint("TimeoutError", frames(stack), template(message))
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

MOST_FRAMES = 30
_DIGITS = 16
# Python, then JavaScript and Java. What is no frame (source lines, messages of causes) is left out.
_PYTHON = re.compile(r'^\s*File "([^"]+)", line \d+(?:, in (.+))?$')
_AT = re.compile(r"^\s*at (.+)$")
_PLACE = re.compile(r"(:\d+)+(?=\)|$)")
_PATH = re.compile(r"[^\s()/\\]*[/\\]")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
# The longer ones first: a UUID is not five numbers.
_VARIES = re.compile(
    r"\"[^\"]*\"|'[^']*'"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b0x[0-9a-fA-F]+\b"
    r"|\b(?=[a-fA-F]*\d)[0-9a-fA-F]{12,}\b"
    r"|[\w.+-]+@[\w.-]+\.\w+"
    r"|\d+(?:[.,:]\d+)*"
)
_SPACE = re.compile(r"\s+")
_MOST_MESSAGE = 500


def frames(stack: str) -> tuple[str, ...]:
    """The frames of a stack trace without line numbers, folders and addresses, in the order they stand, at most 30.

    The innermost are kept: in Python they stand last.
    """
    python: list[str] = []
    others: list[str] = []
    for line in stack.splitlines():
        if match := _PYTHON.match(line):
            name = re.split(r"[/\\]", match[1])[-1]
            python.append(f"{name}:{match[2] or '<module>'}")
        elif match := _AT.match(line):
            others.append(_ADDRESS.sub("*", _PATH.sub("", _PLACE.sub("", match[1].strip()))))
    return tuple(python[-MOST_FRAMES:] or others[:MOST_FRAMES])


def template(message: str) -> str:
    """The message with `<*>` for what varies: numbers, ids, addresses and what stands in quotes."""
    return _SPACE.sub(" ", _VARIES.sub("<*>", message[:_MOST_MESSAGE])).strip()


def fingerprint(kind: str, of_frames: Sequence[str], message: str) -> str:
    """16 hexadecimal digits that are the same for the same exceptions, on every server."""
    text = "\0".join((kind, message, *of_frames))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]
