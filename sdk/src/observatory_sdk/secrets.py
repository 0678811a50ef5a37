"""The rules that find secrets inside a text: each with the literals without which it need not be tried."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MASK = "[redacted]"
_DIGITS = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class Rule:
    """Cannot match unless the text has `least` letters and, in lower case, one of `needs` in it: cheap to look for."""

    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]
    least: int = 9


# Lengths that the issuers behind a first digit use: numbers of orders and messages have other ones, most of the time.
_CARD_LENGTHS = {"2": (16,), "3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}


def _mask_card(found: re.Match[str]) -> str:
    digits = [int(sign) for sign in found.group() if sign.isdigit()]
    if len(digits) not in _CARD_LENGTHS[found.group()[0]]:
        return found.group()
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    luhn = (sum(digits[-1::-2]) + sum(doubled)) % 10
    return found.group() if luhn else MASK


def _shape(pattern: str, *needs: str, least: int = 14) -> Rule:
    """A key that is known by its first letters."""
    return Rule(needs, re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})", re.DOTALL), MASK, least)


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
# Common words of prose that the word list of seed phrases (BIP 39) does not contain end a run of words.
_WORD = r"(?!(?:the|and|for|with|from|was|are|not|but|has|had|were|been|our|their|they|which|when)(?![a-z]))[a-z]{3,8}"

RULES: tuple[Rule, ...] = (
    _shape(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", "private key"),
    # The first parts are bounded, or a hostile text without the point is searched to its end from every start.
    _shape(r"eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?", "eyj"),
    _shape(r"sk-[A-Za-z0-9_-]{16,}", "sk-"),  # OpenAI, Anthropic
    _shape(r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", "k_live", "k_test"),  # Stripe
    _shape(r"AIza[A-Za-z0-9_-]{30,}", "aiza"),  # Google
    _shape(r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}", "gh"),
    _shape(r"glpat-[A-Za-z0-9_-]{20,}", "glpat-"),
    _shape(r"xox[abeprs]-[A-Za-z0-9-]{10,}", "xox"),  # Slack
    _shape(r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", "akia", "asia"),  # AWS
    _shape(r"SG\.[A-Za-z0-9_-]{16,100}\.[A-Za-z0-9_-]{16,}", "sg."),  # SendGrid
    _shape(r"obs_[A-Za-z0-9_-]{16,}", "obs_"),
    _shape(r"gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}", "gsk_", "xai-"),  # Groq, xAI
    _shape(r"\d{6,12}:[A-Za-z0-9_-]{32,40}(?![A-Za-z0-9_-])", ":", least=39),  # a Telegram bot
    _shape(r"xprv[A-Za-z0-9]{50,}", "xprv", least=54),  # a wallet, BIP 32
    _shape(r"[5KL][1-9A-HJ-NP-Za-km-z]{50,51}(?![A-Za-z0-9])", "5", "k", "l", least=51),  # a wallet, WIF
    # Exchanges hand out 64 letters and digits; hashes of the same length are in one case only.
    _shape(
        r"(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[A-Z])(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{64}(?![A-Za-z0-9])",
        *_DIGITS,
        least=64,
    ),
    Rule(("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    Rule(("://",), re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{MASK}@"),
    Rule(
        _NAMED,
        re.compile(
            rf"""(?ix) ( (?<![a-z0-9]) (?: {_NAMES} ) \\{{0,4}}["']? \s{{0,8}} [:=] \s{{0,8}} )
            (?! \[redacted\] ) (?: {_VALUE} )"""
        ),
        rf"\1{MASK}",
    ),
    Rule((" ", "\n", ","), re.compile(rf"(?<![A-Za-z]){_WORD}(?:[ ,\n]{{1,2}}{_WORD}){{11,}}(?![A-Za-z])"), MASK, 47),
    Rule(
        _DIGITS,
        re.compile(r"(?<![\d.])(?:2[2-7]|3[0-9]|4\d|5[1-5]|6\d)(?:[ -]?\d){11,17}(?!\d)"),
        _mask_card,
        13,
    ),
)
