"""An answer of the API as an agent gets it: facts, evidence with ids, text from outside apart, all within a bound.

Pure. Text from outside is not in `facts`: in its place stands `{"untrusted": "u1"}`, and it is below `untrusted`.
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from observatory.mcp.tools import Tool

MOST_BYTES = 16 << 10
_LONGEST_TEXT = 1_500
_LONGEST_SENTENCE = 600
_SHORTEST_TEXT = 50
_MOST_OMITTED = 12
_OTHERS = "others"
_DEEPEST = 24
# A name, an id, a time, a path: one printable word, or two short ones such as `GET /orders`.
_WORD = re.compile(r"[!-~]{0,128}|[!-~]{1,48} [!-~]{1,48}")
_TOKEN = re.compile(r"[^\s/\"'“”(),:;]+")
_RUN = 3
_MOST_RUNS = 20_000
# Written by ourselves, from templates of ours. They may quote names: one that is no word takes its sentence with it.
_OURS = frozenset(
    {"sentence", "reason", "reasons", "title", "verdict", "source", "name", "bound", "group", "missing", "warn", "crit"}
    | {"bound_source", "detail", "why", "by", "note", "window", "unit", "direction", "summary", "definition", "change"}
)
# Told in our own form: where numbers are from, and which fields are whose.
_OWN = frozenset({"provenance", "untrusted"})
_PROVENANCE = frozenset({"samples", "window_s", "as_of", "source"})
_KEPT = ("unit", "samples", "window_s", "as_of", "source", "estimated")


@dataclass(slots=True)
class _Walk:
    """What is collected on the way through one answer."""

    tool: Tool
    named: frozenset[str]
    strange: frozenset[str] = frozenset()
    evidence: list[dict[str, Any]] = field(default_factory=list)
    untrusted: dict[str, Any] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def apart(self, value: Any) -> dict[str, str]:
        """Put a value below `untrusted`; returns what stands in its place."""
        clean = _clean(value)
        text = json.dumps(clean, sort_keys=True)
        if text not in self.known:
            self.known[text] = f"u{len(self.known) + 1}"
            self.untrusted[self.known[text]] = clean
        return {"untrusted": self.known[text]}


def shape(tool: Tool, answers: Sequence[tuple[str, Any]], sources: Sequence[str], most: int = MOST_BYTES) -> Any:
    """The structured answer of a tool.

    Args:
        tool: which.
        answers: for each question its place in `facts`, and the JSON that was answered.
        sources: the addresses asked, in the same order.
        most: bytes of the answer as JSON; what is over is left out, and counted in `omitted`.
    """
    named = frozenset(name for _, answer in answers for name in _told_untrusted(answer))
    strange = (run for _, answer in answers for text in _strange(answer) for run in _runs(text, only_longest=True))
    walk = _Walk(tool, named, frozenset(itertools.islice(strange, _MOST_RUNS)))
    facts: dict[str, Any] = {}
    for place, answer in answers:
        told = _shaped(walk, answer, [place] if place else [], "", 0)
        facts |= {place: told} if place else told if isinstance(told, dict) else {"items": told}
    if not walk.evidence:
        # What has no numbers of its own is known from the question itself.
        walk.evidence = [{"id": f"{tool.name}.{number}", "source": source} for number, source in enumerate(sources, 1)]
    answer = {"facts": facts, "evidence": walk.evidence, "untrusted": walk.untrusted, "omitted": {}}
    _forget(answer)
    return _bounded({**answer, "sources": list(sources)}, most)


def encode(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shaped(walk: _Walk, value: Any, path: list[str], key: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return walk.apart(encode(value)[:_LONGEST_TEXT])
    if value not in (None, "", [], {}) and _is_outside(walk, key, value):
        return walk.apart(value)
    match value:
        case dict():
            return _object(walk, value, path, depth)
        case list():
            return [
                _shaped(walk, each, [*path, _step(each, place)], key, depth + 1) for place, each in enumerate(value)
            ]
        case str():
            return _text(walk, value, key)
    return value


def _is_outside(walk: _Walk, key: str, value: Any) -> bool:
    # What an answer names as such holds ids as well: one word stays where it is.
    return key in walk.tool.outside or (key in walk.named and not _is_word(value))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _object(walk: _Walk, found: Mapping[str, Any], path: list[str], depth: int) -> dict[str, Any]:
    _collect(walk, found, path)
    written = any(found.get(field) in values for field, values in walk.tool.written.items())
    shaped: dict[str, Any] = {}
    for key, each in found.items():
        if key in walk.tool.drop or key in _OWN:
            continue
        # Keys are the API's own field names, except below objects whose keys are data.
        name = key if _WORD.fullmatch(key) else f"~{len(shaped)}" + re.sub(r"[^!-~]+", "_", key)[:64]
        if key == "evidence" and _own_evidence(walk, each):
            shaped[name] = [item["id"] for item in each]
        elif written and key in _OURS:
            shaped[name] = walk.apart(each)
        else:
            shaped[name] = _shaped(walk, each, [*path, name], key, depth + 1)
    return shaped


def _own_evidence(walk: _Walk, value: Any) -> bool:
    """Evidence that the API numbers itself: its items move into ours, and their ids stay."""
    named = isinstance(value, list) and all(isinstance(each, dict) and _is_word(each.get("id")) for each in value)
    if not named or not value:
        return False
    known = {each["id"] for each in walk.evidence}
    for each in value:
        if each["id"] not in known:
            walk.evidence.append({key: _shaped(walk, part, [], key, 1) for key, part in each.items()})
    return True


def _collect(walk: _Walk, found: Mapping[str, Any], path: list[str]) -> None:
    """The provenance of an object's numbers, or of the object as a whole, as evidence with ids."""
    told = found.get("provenance")
    if not isinstance(told, Mapping):
        return
    whole = ".".join((walk.tool.name, *path))
    if told.keys() >= _PROVENANCE:
        walk.evidence.append({"id": whole, **_kept(told)})
        return
    for name, each in told.items():
        if isinstance(each, Mapping) and isinstance(found.get(name), int | float):
            walk.evidence.append({"id": f"{whole}.{name}", "value": found[name], **_kept(each)})


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: told[key] for key in _KEPT if key in told and told[key] not in (None, False)}


def _text(walk: _Walk, text: str, key: str) -> Any:
    if _WORD.fullmatch(text):
        return text
    ours = key in _OURS and len(text) <= _LONGEST_SENTENCE and text.isprintable()
    if ours and walk.strange.isdisjoint(_runs(text)):
        return text
    return walk.apart(text)


def _told_untrusted(answer: Any) -> Iterator[str]:
    """Names of fields that an answer itself says to be from outside; a path such as `items.body` ends with one."""
    told = answer.get("untrusted") if isinstance(answer, dict) else None
    if isinstance(told, list):
        yield from (re.split(r"[.\[\]]+", each)[-1] for each in told if isinstance(each, str))


def _strange(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """Texts that are neither a word nor of ours: sentences that quote them are not ours either."""
    if depth > _DEEPEST:
        return
    match value:
        case dict():
            for name, each in value.items():
                yield from _strange(each, name, depth + 1)
        case list():
            for each in value:
                yield from _strange(each, key, depth + 1)
        case str() if value.strip() and key not in _OURS and not _WORD.fullmatch(value):
            yield value


def _runs(text: str, only_longest: bool = False) -> Iterator[str]:
    """What a text is known by where it is quoted in part: each three words in a row, or fewer of a shorter one."""
    words = _TOKEN.findall(text.lower())
    lengths = [min(_RUN, len(words))] if only_longest else range(1, _RUN + 1)
    return (" ".join(words[at : at + length]) for length in lengths if length for at in range(len(words) - length + 1))


def _step(each: Any, place: int) -> str:
    """How an item of a list is named in the id of its evidence."""
    found = each.get("id") if isinstance(each, dict) else None
    return str(found) if _is_word(found) else str(place)


def _clean(value: Any, depth: int = 0) -> Any:
    """Text without what cannot be seen, and no longer than it need be."""
    if depth > _DEEPEST:
        return None
    match value:
        case dict():
            return {str(_clean(key, depth + 1)): _clean(each, depth + 1) for key, each in value.items()}
        case list():
            return [_clean(each, depth + 1) for each in value]
        case str():
            seen = "".join(each for each in value if each in "\n\t" or unicodedata.category(each)[0] != "C")
            over = len(seen) - _LONGEST_TEXT
            return seen if over <= 0 else f"{seen[:_LONGEST_TEXT]}… ({over} more characters)"
    return value


def _bounded(answer: dict[str, Any], most: int) -> dict[str, Any]:
    """Leave out the second half of what is largest, until all of it fits."""
    longest = _LONGEST_TEXT
    while _size(answer) > most:
        if _size(answer["untrusted"]) * 2 > most and longest > _SHORTEST_TEXT:
            longest //= 2
            answer["untrusted"] = {name: _cut(each, longest) for name, each in answer["untrusted"].items()}
        else:
            _halve({name: answer[name] for name in ("facts", "evidence")}, answer["omitted"])
            _forget(answer)
    return answer


def _halve(parts: dict[str, Any], omitted: dict[str, int]) -> None:
    """Go down to where no part alone makes up most of the whole, and halve that."""
    path = ""
    found: Any = parts
    while True:
        key, largest = max(_parts(found), key=lambda each: _size(each[1]))
        if (
            not isinstance(largest, dict | list)
            or not largest
            or (found is not parts and _size(largest) * 2 < _size(found))
        ):
            break
        path, found = f"{path}.{key}" if path and isinstance(found, dict) else path or str(key), largest
    count = _leave_half(found)
    # Where many things were cut, which they were says less than that they were.
    name = path if path in omitted or len(omitted) < _MOST_OMITTED else _OTHERS
    omitted[name] = omitted.get(name, 0) + count


def _parts(found: Any) -> list[tuple[Any, Any]]:
    return list(found.items()) if isinstance(found, dict) else list(enumerate(found))


def _leave_half(found: Any) -> int:
    """Returns how many parts were left out. A part of a single one goes."""
    keys = [key for key, _ in _parts(found)]
    gone = keys[len(keys) // 2 :]
    if isinstance(found, list):
        del found[len(keys) // 2 :]
    else:
        for key in gone:
            del found[key]
    return len(gone)


def _cut(value: Any, longest: int) -> Any:
    match value:
        case dict():
            return {key: _cut(each, longest) for key, each in list(value.items())[: longest // 8]}
        case list():
            return [_cut(each, longest) for each in value[: longest // 8]]
        case str() if len(value) > longest:
            return f"{value[:longest]}…"
    return value


def _size(value: Any) -> int:
    return len(encode(value).encode())


def _forget(answer: dict[str, Any]) -> None:
    """Text that nothing refers to any more."""
    held = set(re.findall(r'"untrusted":"(u\d+)"', encode([answer["facts"], answer["evidence"]])))
    answer["untrusted"] = {name: each for name, each in answer["untrusted"].items() if name in held}
