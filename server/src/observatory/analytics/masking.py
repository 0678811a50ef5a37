"""What varies in a line of a log, masked: times, addresses, ids, numbers, paths, quoted text, values of keys.

tokens = masked("Failed password for root from 10.0.0.7 port 4711 ssh2")
# ["Failed", "password", "for", "root", "from", "<*>", "port", "<*>", "ssh<*>"]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

WILD = "<*>"
# What is longer tells nothing more about what kind of line it is.
MOST_CHARACTERS = 2_000
MOST_TOKENS = 96

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:day|sday|nesday|rsday|urday)?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,:]\d{1,9})?)?"
_TIME = re.compile(
    rf"(?:\b{_DAY},?\s+)?\b{_MONTH}\s+\d{{1,2}}\b(?:,?\s+\d{{4}}\b)?(?:,?\s+{_CLOCK})?(?:\s+[A-Z]{{3,4}}\b)?(?:\s+\d{{4}}\b)?"
    rf"|(?:\b{_DAY},?\s+)?\b\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{2,4}}\b(?:[: ]\s*{_CLOCK})?(?:\s+[+-]\d{{4}})?"
    rf"|\b\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?:[T\s-]+\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}}(?:[.,]\d{{1,9}})?)?)?"
    r"(?:Z\b|\s?[+-]\d{2}:?\d{2}\b)?"
)
# Values of these keys say what kind of line it is.
_SAYING = r"msg|message|event|level|lvl|severity|action|op|operation|method|logger|component|caller|reason|type"
_TELLING = rf"(?!(?:{_SAYING})\b)"
_KEY = re.compile(
    rf"""(?<![\w.-]){_TELLING}([A-Za-z_][\w.-]*)\s?=(?![=>])\s{{0,2}}(?![\w.-]+\s?=)"""
    r"""("[^"]*"|'[^']*'|[^\s,;"')\]}]*)""",
    re.IGNORECASE,
)
_METHOD = r"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)"
_REQUEST = re.compile(rf"""(["'])({_METHOD}) [^"'\s]+(?: HTTP/[\d.]+)?\1""")
_QUOTED = re.compile(
    rf"""(?<!=)"(?!{_METHOD} )[^"]{{0,500}}"|(?<![\w=])'(?!{_METHOD} )[^']{{0,500}}'(?!\w)|`[^`]{{1,500}}`"""
)
_SAID = re.compile(rf"""(?<![\w.-])((?:{_SAYING})=)(["'])([^"']{{0,500}})\2""", re.IGNORECASE)
_ID = re.compile(
    r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>()\[\]{}]+"  # address of a page
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # mail
    r"|(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"  # UUID
    r"|/?(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?::\d{1,5})?(?![\w.]*\w)"  # IPv4
    r"|(?<![\w:])(?=[0-9A-Fa-f:]*\d)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])"  # IPv6, MAC
    r"|(?<!\w)[A-Za-z]:[\\/][^\s\"'<>|,;]+|(?<!\w)\\\\?[\w.$-]+\\[^\s\"'<>|,;]+"  # paths of Windows
    r"|(?<![\w>*/)])~?(?:/[\w.@+%~:=$*&?#-]*[\w$*])+/?"  # paths
    r"|(?<![\w/.-])[\w-]*\.[\w.-]*(?:/[\w.$@-]+)+|(?<![\w/.-])[\w-]+(?:/[\w.$@-]+){2,}"  # relative paths
    r"|(?<![\w.-])(?:[A-Za-z0-9-]+\.)+(?:com|net|org|edu|gov|io|cn|hk|de|jp|uk|br|tw|kr|fr|it|ru|local|internal)"
    r"(?::\d+)?(?![\w.]*\w)"
    r"|\b0[xX][0-9A-Fa-f]+\b"
    r"|\b(?=[0-9A-Fa-f]*\d)(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{6,}\b"
)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,:_/-]\d+)*(?=[A-Za-z%]{0,4}(?!\w))")
_WORD = re.compile(r"\b\w*\d\w*")
# An identifier with a digit inside, as jk2_init or log4j, is a name.
_NAME = re.compile(r"[A-Za-z_]{2,}\d{1,2}[A-Za-z_]{2,}|log4j\w*|utf8|ipv[46]", re.IGNORECASE)
_NUMBERED = re.compile(r"([A-Za-z_]*[A-Za-z])?(_?)-?[\d_]+([A-Za-z]{0,3})")
_SIGNED = re.compile(r"(?<=_)-(?=\d)")
# While a line is read: a time, what names one thing, a number. Lists are of one kind: no address goes with a time.
_WHEN, _WHICH, _MANY = "\x01", "\x02", "\x03"
_JOINED = re.compile(r"[\x01-\x03](?:[-:./#,;@_+|~x]*[\x01-\x03])+")
_LIST = re.compile(r"(?<![^\s(\[{:=,])([\x02\x03])(?:[,;]?\s+\1)+(?![^\s)\]},;.:])")
_ANY = re.compile(r"[\x01-\x03]")
_MESSAGES = ("message", "msg", "event", "log", "text", "body", "error", "err")
_LEVELS = ("level", "lvl", "severity", "levelname")


def masked(line: object) -> list[str]:
    """The tokens of a line with `<*>` for what varies; at most 96, of its first 2,000 characters.

    Args:
        line: text; bytes are read as UTF-8. A line that is a JSON object stands for its level and message.
    """
    text = _text(line)
    text = _TIME.sub(_WHEN, text)
    if "=" in text:
        text = _SAID.sub(r"\1\3", text)
        text = _KEY.sub(rf"\1={_WHICH}", text)
    if '"' in text or "'" in text or "`" in text:
        text = _REQUEST.sub(rf"\2 {_WHICH}", text)
        text = _QUOTED.sub(lambda found: f"{found[0][0]}{_WHICH}{found[0][0]}", text)
    text = _ID.sub(_WHICH, text)
    if any(each.isdigit() for each in text):
        text = _SIGNED.sub("", text)
        text = _NUMBER.sub(_MANY, text)
        text = _WORD.sub(_word, text)
    text = _JOINED.sub(lambda found: found[0][0], text)
    text = _LIST.sub(r"\1", text)
    return _ANY.sub(WILD, text).split()[:MOST_TOKENS]


def _text(line: object) -> str:
    if isinstance(line, bytes | bytearray | memoryview):
        line = bytes(line[: 4 * MOST_CHARACTERS]).decode("utf-8", "replace")
    text = line if isinstance(line, str) else "" if line is None else str(line)
    start = text[:1]
    if start == "{" and len(text) <= 100_000:
        text = _of_json(text)
    return text[:MOST_CHARACTERS]


def _of_json(text: str) -> str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(found, Mapping) or not found:
        return text
    level = _member(found, _LEVELS)
    message = _member(found, _MESSAGES)
    return f"{level} {message}".strip() if message else " ".join(f"{key}={WILD}" for key in sorted(map(str, found)))


def _member(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = found.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _word(found: re.Match[str]) -> str:
    word = found[0]
    if _NAME.fullmatch(word):
        return word
    parts = _NUMBERED.fullmatch(word)
    return f"{parts[1] or ''}{parts[2]}{_MANY}{parts[3]}" if parts else _WHICH
