"""What a call used, read from the usage that a provider, or OpenTelemetry, tells: whatever the spelling, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from observatory.costs.book import Tokens

_MOST = 2**53
_DEPTH = 4
# Names in lower case without separators, by what they count. Details of a whole are told by the name of the object
# that they are in.
_WHOLE_IN = ("input", "prompttokens", "inputtokens", "prompttokencount", "promptevalcount", "inputtokencount")
_WHOLE_OUT = ("output", "completiontokens", "outputtokens", "candidatestokencount", "evalcount", "outputtokencount")
_READ = (
    *("cacheread", "cachereadtokens", "cachereadinputtokens", "cachedinputtokens", "cachedtokens"),
    *("cachedcontenttokencount", "prompttokensdetailscachedtokens", "inputtokensdetailscachedtokens"),
    *("inputtokenscached", "prompttokenscached", "prompttokensdetailscacheread", "numcachedtokens"),
    *("promptcachehittokens", "inputtokendetailscacheread", "inputtokensdetailscacheread", "cachereadinputtokencount"),
)
_WRITE = (
    *("cachewrite", "cachewritetokens", "cachewriteinputtokens", "cachecreationinputtokens", "cachecreationtokens"),
    *("prompttokensdetailscachewritetokens", "inputtokensdetailscachewritetokens", "inputtokendetailscachecreation"),
    *("prompttokensdetailscachecreationtokens", "cachewriteinputtokencount"),
)
_REASONING = (
    *("reasoning", "reasoningtokens", "reasoningoutputtokens", "outputreasoningtokens", "outputtokensreasoning"),
    *("completiontokensdetailsreasoningtokens", "outputtokensdetailsreasoningtokens", "outputtokendetailsreasoning"),
    *("outputtokensdetailsthinkingtokens", "thoughtstokencount", "completiontokensreasoning", "thinkingtokens"),
)
_AUDIO_IN = (
    *("inputaudio", "inputaudiotokens", "audioinputtokens", "prompttokensdetailsaudiotokens"),
    *("inputtokensdetailsaudiotokens", "inputtokendetailsaudio", "promptaudiotokens"),
)
_AUDIO_OUT = (
    *("outputaudio", "outputaudiotokens", "audiooutputtokens", "completiontokensdetailsaudiotokens"),
    *("outputtokensdetailsaudiotokens", "outputtokendetailsaudio", "completionaudiotokens"),
)
_IMAGE_IN = (
    *("inputimage", "inputimagetokens", "imageinputtokens", "prompttokensdetailsimagetokens"),
    "inputtokensdetailsimagetokens",
)
_IMAGE_OUT = (
    *("outputimage", "outputimagetokens", "imageoutputtokens", "completiontokensdetailsimagetokens"),
    "outputtokensdetailsimagetokens",
)
_MISSED, _TOTAL = ("promptcachemisstokens",), ("totaltokens", "totaltokencount", "total")
_TOOLS = ("tooluseprompttokencount",)
# Their counts of tokens in leave out what was read from or written to the cache.
_APART = ("cachereadinputtokens", "cachecreationinputtokens", "cachewriteinputtokens")
_WRAPPED = ("usage", "usagemetadata", "genaiusage", "tokens", "tokenusage")


def tokens(provider: str, model: str, usage: Tokens | Mapping[str, Any]) -> Tokens | None:
    """What a call used; None when nothing is told, or what is told is no count.

    Args:
        provider: OpenTelemetry's provider name.
        model: the model that answered.
        usage: as the provider answered, or as OpenTelemetry has it (`gen_ai.usage.…`): names in any case, with any
            separators, details nested or after a dot. Counts that are left out are None or absent.
    """
    if isinstance(usage, Tokens):
        return usage
    found: dict[str, int] = {}
    if not isinstance(usage, Mapping) or not _collect(usage, "", found, 0):
        return None
    whole_in, whole_out = _one(found, _WHOLE_IN), _one(found, _WHOLE_OUT)
    read, write = _one(found, _READ), _one(found, _WRITE)
    reasoning = _one(found, _REASONING)
    if whole_in is None and "promptcachemisstokens" in found:
        whole_in = (read or 0) + found["promptcachemisstokens"]
    if whole_in is None and whole_out is None:
        return None
    into = (whole_in or 0) + (_one(found, _TOOLS) or 0)
    into += (read or 0) + (write or 0) if _beside(provider, model, found) else 0
    return Tokens(
        input=into,
        output=_out(found, into, whole_out or 0, reasoning or 0),
        cache_read=read or 0,
        cache_write=write or 0,
        reasoning=reasoning or 0,
        input_audio=_one(found, _AUDIO_IN) or 0,
        output_audio=_one(found, _AUDIO_OUT) or 0,
        input_image=_one(found, _IMAGE_IN) or 0,
        output_image=_one(found, _IMAGE_OUT) or 0,
    )


def _collect(usage: Mapping[str, Any], within: str, found: dict[str, int], depth: int) -> bool:
    """Counts by their plain names; False where one that matters is no count."""
    for name, value in usage.items():
        plain = _plain(str(name))
        full = within + plain if within not in _WRAPPED else plain
        full = full.removeprefix("genaiusage")
        if isinstance(value, Mapping):
            if depth < _DEPTH and not _collect(value, full, found, depth + 1):
                return False
        elif full in _KNOWN and value is not None:
            count = _count(value)
            if count is None:
                return False
            found[full] = count
    return True


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())


def _count(value: object) -> int | None:
    """A whole number from 0; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _MOST and value == int(value) else None


def _one(found: Mapping[str, int], names: tuple[str, ...]) -> int | None:
    """The count under any of its names; the largest where several tell, for some of them tell 0 for nothing known."""
    return max((found[name] for name in names if name in found), default=None)


def _beside(provider: str, model: str, found: Mapping[str, int]) -> bool:
    """Whether the cache is counted beside the tokens in: Anthropic's and Bedrock's way, by their spelling."""
    if not any(name in found for name in _APART) or not {"inputtokens", "input"} & found.keys():
        return False
    spoken = f"{provider} {model}".lower()
    if any(name in spoken for name in ("anthropic", "claude", "bedrock", "aws")):
        return True
    # More in the cache than in the whole: then it was no whole.
    return (_one(found, _READ) or 0) + (_one(found, _WRITE) or 0) > (_one(found, _WHOLE_IN) or 0)


def _out(found: Mapping[str, int], into: int, out: int, reasoning: int) -> int:
    """Tokens out with reasoning: Google counts it beside, and so do others where their total shows it."""
    if "candidatestokencount" in found or ("thoughtstokencount" in found and not _one(found, _WHOLE_OUT)):
        return out + reasoning
    total = _one(found, _TOTAL)
    return out + reasoning if reasoning and total == into + out + reasoning else out


_KNOWN = frozenset(
    (
        *_WHOLE_IN,
        *_WHOLE_OUT,
        *_READ,
        *_WRITE,
        *_REASONING,
        *_AUDIO_IN,
        *_AUDIO_OUT,
        *_IMAGE_IN,
        *_IMAGE_OUT,
        *_MISSED,
        *_TOTAL,
        *_TOOLS,
    )
)
