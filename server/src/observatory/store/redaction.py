"""Secrets are taken out of what others send, in SQL, by the rules that the SDK uses itself.

What the SDK sends carries its mark (`observatory.redacted`) and is not searched again. Of the rest a row is searched
once, all its texts together; only where something is found are its texts looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from observatory.store.anyvalue import MAP, raw_text, text
from observatory.store.people import USER, People
from observatory_sdk.conventions import common
from observatory_sdk.secrets import CARD_LENGTHS, MASK, PROSE, RULES, SECRET_NAME, SECRET_WORDS, Rule

# Stands round words of prose while runs of other words are looked for.
_FENCE = "\x01"
MARKED = f"ResourceAttributes['{common.REDACTED}'] != ''"


@dataclass(frozen=True, slots=True)
class Places:
    """Columns that may hold secrets.

    Attributes:
        texts: columns of text.
        maps: columns of attributes, with SQL of their names and of their values as arrays: these are copied for every
            row, and a map would be dearer.
        lists: columns of lists of attributes.
        people: makes pseudonyms of user ids that are addresses.
    """

    texts: Sequence[str]
    maps: Mapping[str, tuple[str, str]]
    lists: Sequence[str] = ()
    people: People = field(default_factory=People)

    def clean(self, columns: Mapping[str, tuple[str, str]], rows: str) -> str:
        """A SELECT of the same columns without secrets, and of `Redacted`, whether there were any.

        Args:
            columns: type and expression of each column.
            rows: what comes after FROM, for the expressions.
        """
        sent = {name: sql for name, (_, sql) in columns.items() if name not in (*self.maps, *self.texts, *self.lists)}
        sent |= {_sent(name): columns[name][1] for name in (*self.texts, *self.lists)}
        for name, parts in self.maps.items():
            sent |= dict(zip(_parts(name), parts, strict=True))
        inner = ", ".join(f"{sql} AS {name}" for name, sql in sent.items())
        looked = f"SELECT *, {self._suspect()} AS Suspect FROM (SELECT {inner} FROM {rows})"
        own = self._cleaned()
        outer = ", ".join(f"{own[name]} AS {name}" if name in own else name for name in columns)
        return f"SELECT {outer}, Suspect AND ({' OR '.join(self._changed())}) AS Redacted FROM ({looked})"

    def _suspect(self) -> str:
        texts = [f"[{', '.join(map(_sent, self.texts))}]", *(_parts(name)[1] for name in self.maps)]
        names = [_parts(name)[0] for name in self.maps]
        for name in self.lists:
            texts.append(f"arrayFlatten(arrayMap(m -> mapValues(m), {_sent(name)}))")
            names.append(f"arrayFlatten(arrayMap(m -> CAST(mapKeys(m), 'Array(String)'), {_sent(name)}))")
        searched = [found(f"arrayConcat({', '.join(texts)})"), named(f"arrayConcat({', '.join(names)})")]
        return f"NOT ({MARKED}) AND ({' OR '.join(searched)})"

    def _cleaned(self) -> dict[str, str]:
        found = {name: f"if(Suspect, {cleaned_text(_sent(name))}, {_sent(name)})" for name in self.texts}
        for name in self.maps:
            keys, values = _parts(name)
            # Before it is masked as any other address.
            named = f"arrayMap((k, v) -> if(k = '{USER}', {self.people.pseudonym_sql('v')}, v), {keys}, {values})"
            clean = f"(if(Suspect, {cleaned_values(keys, named)}, {values}) AS {name}Clean)"
            found[name] = f"CAST(({keys}, {clean}), '{MAP}')"
        for name in self.lists:
            found[name] = f"if(Suspect, arrayMap(m -> {cleaned_map('m')}, {_sent(name)}), {_sent(name)})"
        return found

    def _changed(self) -> list[str]:
        # Functions that the store leaves undone for rows that are not suspect: comparing whole maps would be dear.
        tests = [f"{name} != {_sent(name)}" for name in self.texts]
        tests += [f"arrayExists((a, b) -> a != b, {name}Clean, {_parts(name)[1]})" for name in self.maps]
        values = "mapValues(a) != mapValues(b)"
        return tests + [f"arrayExists((a, b) -> {values}, {name}, {_sent(name)})" for name in self.lists]


def _sent(name: str) -> str:
    return f"{name.strip('`').replace('.', '')}AsSent"


def _parts(name: str) -> tuple[str, str]:
    return f"{name}Keys", f"{name}Values"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _all_shapes() -> str:
    return "|".join(rule.re2 for rule in RULES if rule.kind == "shape")


SHAPES = f"(^|[^A-Za-z0-9])(?:{_all_shapes()})"
# Whatever any rule could match: most texts are done with after this.
ANY = "|".join([f"(?:{SHAPES})", *(f"(?:{rule.re2})" for rule in RULES if rule.kind != "shape")])


# In bytes a text stands after its own length, which may look like a letter, and a name stands whole between two marks.
_BYTES = "|".join(
    [
        _all_shapes(),
        *(rule.re2 for rule in RULES if rule.kind in ("prefixed", "around")),
        rf"(?is:\n.{SECRET_WORDS}\x12)",
    ]
)


def found(texts: str) -> str:
    """SQL of whether an array of texts may hold a secret."""
    return f"match(arrayStringConcat({texts}, '\\n'), {_quoted(ANY)})"


def named(names: str) -> str:
    """SQL of whether an array of names has one whose value is a secret."""
    return f"match(arrayStringConcat({names}, '\\n'), {_quoted(f'(?im){SECRET_NAME}')})"


def cleaned(texts: str) -> str:
    """SQL of an array of texts without secrets, from SQL of the array."""
    steps: list[Callable[[str], str]] = [lambda text: _replaced(text, SHAPES, f"\\1{MASK}")]
    steps += [_KINDS[rule.kind](rule) for rule in RULES if rule.kind != "shape"]
    for step in steps:
        texts = f"arrayMap(t -> {step('t')}, {texts})"
    return texts


def cleaned_text(text: str) -> str:
    """SQL of one text without secrets."""
    # The store leaves a branch undone where it is not needed only for functions like this one, not for `[1]`.
    return f"arrayFirst(t -> 1, {cleaned(f'[{text}]')})"


def cleaned_values(names: str, values: str) -> str:
    """SQL of an array of values without secrets: those under names that mean one, and what the rules find in others."""
    by_name = f"match(k, {_quoted(f'(?i){SECRET_NAME}')}) AND v != ''"
    return cleaned(f"arrayMap((k, v) -> if({by_name}, '{MASK}', v), {names}, {values})")


def cleaned_map(attributes: str) -> str:
    """SQL of a map without secrets."""
    names, values = f"mapKeys({attributes})", f"mapValues({attributes})"
    return f"CAST(({names}, {cleaned_values(names, values)}), '{MAP}')"


def cleaned_resource(attributes: str) -> str:
    """As `cleaned_map`, for the few maps that stand above many rows: searched where they stand."""
    names = "CAST(mapKeys(m), 'Array(String)')"
    suspect = f"{found('mapValues(m)')} OR {named(names)}"
    return f"arrayFirst(m -> 1, arrayMap(m -> if({suspect}, {cleaned_map('m')}, m), [{attributes}]))"


def searched_text(value: str) -> str:
    """SQL of a value as text, where bytes and what is deeper than one level are masked whole if they have a secret."""
    return text(value, _searched)


def searched_raw_text(value: str) -> str:
    """The same of a raw value."""
    return raw_text(value, _searched)


def _searched(raw: str) -> str:
    return f"if(match({raw}, {_quoted(_BYTES)}), '{MASK}', base64Encode({raw}))"


def _replaced(text: str, pattern: str, by: str) -> str:
    return f"replaceRegexpAll({text}, {_quoted(pattern)}, {_quoted(by)})"


def _prefixed(rule: Rule) -> Callable[[str], str]:
    return lambda text: _replaced(text, rule.re2, f"\\1{MASK}")


def _around(rule: Rule) -> Callable[[str], str]:
    return lambda text: _replaced(text, rule.re2, f"\\1{MASK}\\2")


def _looked_at(rule: Rule, is_one: str) -> Callable[[str], str]:
    """Each match `c` of the rule's first group is masked if `is_one` says so."""

    def step(text: str) -> str:
        matches = f"arrayFilter(c -> {is_one}, extractAll({text}, {_quoted(rule.re2)}))"
        return f"arrayFold((a, c) -> replaceAll(a, c, '{MASK}'), {matches}, {text})"

    return step


def _mixed(rule: Rule) -> Callable[[str], str]:
    return _looked_at(rule, "match(c, '[a-z]') AND match(c, '[A-Z]') AND match(c, '[0-9]')")


def _card(rule: Rule) -> Callable[[str], str]:
    digits = "replaceRegexpAll(c, '[^0-9]', '')"
    # From the right, each second digit counts double, and 10 and more by the sum of its own digits (Luhn).
    signs = f"splitByString('', reverse({digits}))"
    value = "toUInt8(if(i % 2 = 0, substring('0246813579', toUInt8(s) + 1, 1), s))"
    luhn = f"arraySum(arrayMap((s, i) -> {value}, {signs}, arrayEnumerate({signs}))) % 10 = 0"
    return _looked_at(rule, f"match({digits}, {_quoted(CARD_LENGTHS)}) AND {luhn}")


def _words(rule: Rule) -> Callable[[str], str]:
    def step(text: str) -> str:
        fenced = _replaced(text, rf"\b({PROSE})\b", f"{_FENCE}\\1{_FENCE}")
        masked = _replaced(fenced, rule.re2, f"\\1{MASK}")
        masked = f"replaceAll({masked}, '{_FENCE}', '')"
        return f"if(match({text}, {_quoted(rule.re2)}), {masked}, {text})"

    return step


_KINDS: dict[str, Callable[[Rule], Callable[[str], str]]] = {
    "prefixed": _prefixed,
    "around": _around,
    "mixed": _mixed,
    "card": _card,
    "words": _words,
}
