"""The rules that find secrets inside a text: each with the literals without which it need not be tried.

One list for both sides: the server searches what others send by the same rules, in the spelling of RE2, which knows no
looking ahead or behind. There what may not stand before a match is matched and put back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from observatory_sdk.people import ADDRESS

MASK = "[redacted]"
_DIGITS = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class Rule:
    """Cannot match unless the text has `least` letters and, in lower case, one of `needs` in it: cheap to look for.

    `re2`: the same for RE2. What the mask takes the place of depends on `kind`: `shape`, the match; `prefixed`, all
    but the first group; `around`, all but the first and the second; of the others a match is looked at once more.
    """

    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    least: int = 9
    re2: str = ""
    kind: str = "prefixed"


def compact(pattern: str) -> str:
    """A pattern without the white space that only the eye needs: RE2 has no verbose spelling."""
    return re.sub(r"\s+", "", pattern)


# Lengths that the issuers behind a first digit use: numbers of orders and messages have other ones, most of the time.
_CARD_LENGTHS = {"2": (16,), "3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}


def _mask_card(found: re.Match[str]) -> str:
    digits = [int(sign) for sign in found.group() if sign.isdigit()]
    if len(digits) not in _CARD_LENGTHS[found.group()[0]]:
        return found.group()
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    luhn = (sum(digits[-1::-2]) + sum(doubled)) % 10
    return found.group() if luhn else MASK


def _shape(pattern: str, *needs: str, least: int = 14, re2: str = "", kind: str = "shape") -> Rule:
    """A key that is known by its first letters."""
    found = re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})", re.DOTALL)
    return Rule(needs, found, MASK, least, re2 or pattern, kind)


_NAMES = r"""
    password | passwd | passphrase | pwd | secret | signature | mnemonic | cvv | cvc
    | (?: api | private | secret | signing | access )[._\s-]?key | (?: seed | recovery )[._\s-]?phrase
    | authorization | x-mbx-apikey | apikey | token | card[._\s-]?number
"""
# A quoted value may have been cut off before its end.
_VALUE = r"""
    \\{1,4}["'] [^\n]*? (?: \\{1,4}["'] | \Z ) | "(?:[^"\\]|\\.)*(?:"|\Z) | '(?:[^'\\]|\\.)*(?:'|\Z) | [^\s"',;&}\]]+
"""
_NAMED = ("pass", "pwd", "secret", "signature", "mnemonic", "cvv", "cvc", "key", "phrase", "authoriz", "token", "card")
_VALUE_RE2 = _VALUE.replace(r"\Z", r"\z")
# Common words of prose that the word list of seed phrases (BIP 39) does not contain end a run of words.
PROSE = "the|and|for|with|from|was|are|not|but|has|had|were|been|our|their|they|which|when"
_WORD = rf"(?!(?:{PROSE})(?![a-z]))[a-z]{{3,8}}"
_PLAIN_WORD = "[a-z]{3,8}"
_CARD = r"(?:2[2-7]|3[0-9]|4\d|5[1-5]|6\d)(?:[ -]?\d){11,17}"
# The lengths above as one pattern.
CARD_LENGTHS = r"^(?:2\d{15}|3\d{13,15}|4\d{12}(?:\d{3}(?:\d{3})?)?|5\d{15}|6\d{15,18})$"

RULES: tuple[Rule, ...] = (
    _shape(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
        "private key",
        re2=r"(?s:-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z))",
    ),
    # The first parts are bounded, or a hostile text without the point is searched to its end from every start.
    _shape(
        r"eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        "eyj",
        re2=r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    ),
    _shape(r"sk-[A-Za-z0-9_-]{16,}", "sk-"),  # OpenAI, Anthropic
    _shape(r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", "k_live", "k_test"),  # Stripe
    _shape(r"AIza[A-Za-z0-9_-]{30,}", "aiza"),  # Google
    _shape(r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}", "gh", "github_pat_"),
    _shape(r"glpat-[A-Za-z0-9_-]{20,}", "glpat-"),
    _shape(r"xox[abeprs]-[A-Za-z0-9-]{10,}", "xox"),  # Slack
    _shape(r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", "akia", "asia", re2=r"(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # AWS
    _shape(
        r"SG\.[A-Za-z0-9_-]{16,100}\.[A-Za-z0-9_-]{16,}", "sg.", re2=r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
    ),  # SendGrid
    _shape(r"obs_[A-Za-z0-9_-]{16,}", "obs_"),
    _shape(r"gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}", "gsk_", "xai-"),  # Groq, xAI
    _shape(
        r"\d{6,12}:[A-Za-z0-9_-]{32,40}(?![A-Za-z0-9_-])", ":", least=39, re2=r"\d{6,12}:[A-Za-z0-9_-]{32,40}\b"
    ),  # a Telegram bot
    _shape(r"xprv[A-Za-z0-9]{50,}", "xprv", least=54),  # a wallet, BIP 32
    _shape(
        r"[5KL][1-9A-HJ-NP-Za-km-z]{50,51}(?![A-Za-z0-9])",
        "5",
        "k",
        "l",
        least=51,
        re2=r"[5KL][1-9A-HJ-NP-Za-km-z]{50,51}\b",
    ),  # a wallet, WIF
    # Exchanges hand out 64 letters and digits; hashes of the same length are in one case only.
    _shape(
        r"(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[A-Z])(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{64}(?![A-Za-z0-9])",
        *_DIGITS,
        least=64,
        re2=r"(?:^|[^A-Za-z0-9])([A-Za-z0-9]{64})\b",
        kind="mixed",
    ),
    Rule(
        ("bearer", "basic"),
        re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"),
        rf"\1 {MASK}",
        re2=r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}",
    ),
    Rule(
        ("://",),
        re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"),
        rf"\1{MASK}@",
        re2=r"(://[^\s/:@]*:)[^\s/@]+(@)",
        kind="around",
    ),
    Rule(
        _NAMED,
        re.compile(
            rf"""(?ix) ( (?<![a-z0-9]) (?: {_NAMES} ) \\{{0,4}}["']? \s{{0,8}} [:=] \s{{0,8}} )
            (?! \[redacted\] ) (?: {_VALUE} )"""
        ),
        rf"\1{MASK}",
        # What is masked already is matched whole, or its last bracket would be left over.
        re2=compact(
            rf"""(?i) ( (?: ^ | [^a-z0-9] ) (?: {_NAMES} ) \\{{0,4}}["']? \s{{0,8}} [:=] \s{{0,8}} )
            (?: \[redacted\] | {_VALUE_RE2} )"""
        ),
    ),
    Rule(
        (" ", "\n", ","),
        re.compile(rf"(?<![A-Za-z]){_WORD}(?:[ ,\n]{{1,2}}{_WORD}){{11,}}(?![A-Za-z])"),
        MASK,
        47,
        rf"(^|[^A-Za-z]){_PLAIN_WORD}(?:[ ,\n]{{1,2}}{_PLAIN_WORD}){{11,}}\b",
        "words",
    ),
    Rule(
        _DIGITS,
        re.compile(rf"(?<![\d.]){_CARD}(?!\d)"),
        _mask_card,
        13,
        rf"(?:^|[^0-9.])({_CARD})\b",
        "card",
    ),
    # Last: the part of a URL before its host may be a password, which has a rule of its own.
    Rule(
        ("@",),
        re.compile(rf"(?<![A-Za-z0-9._%+-]){ADDRESS}"),
        MASK,
        6,
        rf"((?:^|[^A-Za-z0-9._%+-])){ADDRESS}",
    ),
)

SECRET_WORDS = compact(
    r"""
    (?: password | passwd | passphrase | secrets? | authorization | cookie | set[._-]cookie | mnemonic | cvv | cvc
      | pwd | credential | credentials
      | (?: api | private | secret | signing | encryption | access )[._-]?key
      | seed[._-]?phrase | recovery[._-]?phrase
      | (?: access | refresh | session | auth | bearer | api | bot | id | csrf )[._-]?token
      | client[._-]?secret | card[._-]?number
      | (?:end)?user[._-] (?: full[._-]?name | first[._-]?name | last[._-]?name | name | e?mail | phone )
      | enduser[._-]id | user[._-]?name | full[._-]?name | first[._-]?name | last[._-]?name | e[._-]?mail[._-]?address )
    """
)
SECRET_NAME = rf"(?:^|[._\-\s]){SECRET_WORDS}(?:$|[._\-\s])"
"""Found in an attribute's name, whatever the case, the value is a secret."""
